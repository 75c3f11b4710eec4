//! What a contract's refusal means, in a sentence: what was given, what was wanted, how to mend it.
//!
//! *In*: the data of a revert. *Out*: the sentence, and the contract's own name for the refusal in brackets, by which it
//! can be searched. *Refuses*: nothing; a text or panic of Solidity's is told as it is, on one line.
//!
//! Contracts that share an error's signature share its selector, and one sentence is right for all whose callers are people.
//! Each match is exhaustive, so that an error new to a contract has no release without its sentence. Those told by
//! `None` are about calls that contracts make of each other, and are met by nobody unless Hearth itself is at fault.

use std::fmt::Debug;
use std::sync::OnceLock;

use alloy::primitives::{Address, U256};
use alloy::sol_types::{GenericContractError, SolInterface};
use hearth_bindings::{Charter, Committee, Docket, Firewood, Ledger, Mandates, PracticeToken, Roster};

use crate::amount::Amount;
use crate::calendar;
use crate::found::Deployment;
use crate::limits::LIMITS;
use crate::open::{SUNSET, state_in_words};
use crate::plain;

/// Whom and which hours refusals speak of, said once for a process since they rise from everywhere in it.
static KNOWN: OnceLock<(Deployment, i32)> = OnceLock::new();

/// Has refusals speak of members by this deployment's names, and of moments by its local time, `tz` seconds east of UTC.
/// The first deployment a process names is the one.
pub fn acquaint(place: &Deployment, tz: i32) {
    KNOWN.get_or_init(|| (place.clone(), tz));
}

/// The sentence for a revert's data, where it says anything.
#[must_use]
pub fn sentence(data: &[u8]) -> Option<String> {
    said::<Charter::CharterErrors>(data)
        .or_else(|| said::<Roster::RosterErrors>(data))
        .or_else(|| said::<Ledger::LedgerErrors>(data))
        .or_else(|| said::<Mandates::MandatesErrors>(data))
        .or_else(|| said::<Committee::CommitteeErrors>(data))
        .or_else(|| said::<Docket::DocketErrors>(data))
        .or_else(|| said::<Firewood::FirewoodErrors>(data))
        .or_else(|| said::<PracticeToken::PracticeTokenErrors>(data))
        .or_else(|| {
            GenericContractError::abi_decode(data)
                .ok()
                .map(|error| plain::line(&error.to_string()))
        })
}

trait Refusal: SolInterface + Debug {
    /// The sentence; none where only a fault of Hearth's own leads there.
    fn sentence(&self) -> Option<String>;
}

fn said<R: Refusal>(data: &[u8]) -> Option<String> {
    let refusal = R::abi_decode(data).ok()?;
    let (name, fields) = hearth_bindings::named(&refusal);
    Some(refusal.sentence().map_or_else(
        || format!("this is no doing of yours but a fault of Hearth's; please report {fields}"),
        |sentence| format!("{sentence} [{name}]"),
    ))
}

/// The sentences of one contract. Those that take signed acts refuse some of them in the same words.
macro_rules! sentences {
    ($errors:ty { $($arms:tt)* }) => {
        impl Refusal for $errors {
            fn sentence(&self) -> Option<String> {
                Some(match self { $($arms)* })
            }
        }
    };
    (signed $errors:ty { $($arms:tt)* }) => {
        sentences! { $errors {
            Self::DeadlinePassed(e) => format!(
                "it could be carried until {}; ask who signed it to sign it again", at(e.deadline)
            ),
            Self::DeadlineTooFar(e) => format!(
                "it is signed until {}, wanted {} at the latest; is the clock right where it was signed?",
                at(e.deadline), at(e.latest)
            ),
            Self::NonceAlreadySpent(_) => {
                "it was carried already, or voided by who signed it; nothing is left to do, unless they sign it again".into()
            }
            Self::SignatureInvalid(e) => format!(
                "the signature is not one by {} of this act at this charter; ask who signed it to sign it again", e.key
            ),
            Self::NotAMember(e) => if e.caller.is_zero() {
                "there is no such member; `hearth status` names those there are".into()
            } else {
                format!("{} is no member's key, or of one who left; any member can nominate its holder", e.caller)
            },
            // Of names fixed when it was built.
            Self::InvalidShortString(_) | Self::StringTooLong(_) => return None,
            $($arms)*
        } }
    };
}

const NOT_IGNITED: &str = "the charter is not ignited yet; anybody may say `hearth ignite` once all founders have signed and all seats are bonded";

sentences! { signed Charter::CharterErrors {
    Self::CountOutOfRange(e) => range(&e.what, e.given, e.least, e.most),
    Self::TokenDecimals(e) => format!("the token has {} decimals, wanted {}; name another", e.given, e.wanted),
    Self::OffsetOutOfRange(e) => format!("tz: given {} seconds, wanted from -{1} to {1}", e.given, e.most),
    // Founders are counted from 1 as members are, seats and alternates from 0 as everywhere.
    Self::KeyMissing(e) if e.what == "founder" => format!("founder {} has no key", from_one(e.index)),
    Self::KeyMissing(e) => format!("{} {} has no key", e.what, e.index),
    Self::KeyTwice(e) => format!("the key {} is given twice, wanted a key each", e.key),
    Self::HouseholdMissing(e) => format!("founder {} has no household, wanted a number from 1", from_one(e.founder)),
    Self::SubcontractTwice(e) => format!(
        "subcontracts {} and {} have the same template and terms; name them once", from_one(e.first), from_one(e.second)
    ),
    Self::LimitOutOfRange(e) => range(limit(e.item), e.given, e.least, e.most),
    Self::ParametersOutOfRange(e) => format!(
        "the committee's grace is {} s, its turn {} s, its finality {} blocks; wanted 1 to 86400 s each, and 1 block or more",
        e.given.graceSeconds, e.given.turnSeconds, e.given.finalityBlocks
    ),
    Self::CodeUnknown(e) => format!(
        "the code given has the hash {}, wanted {} as it was proposed; all founders use one release", e.given, e.wanted
    ),
    Self::AllInstalled(_) => "all the charter's parts are installed already".into(),
    Self::AlreadyInstalled(e) => format!("subcontract {} is installed already", e.id),
    Self::CreationFailed(_) => "the template refuses these terms; `hearth check` names what is wrong with them".into(),
    Self::FounderUnknown(e) => range("founder", e.given, 1, e.most),
    Self::AlreadySigned(e) => format!("{} has signed the charter already", member(e.founder)),
    Self::BandOutOfRange(e) => range("band", e.given, 0, e.most),
    Self::SigningClosed(e) => format!(
        "the charter could be signed until {}, 30 days from its proposal; it is void, and every deposit can be withdrawn: \
         draft it anew",
        at(e.closed)
    ),
    Self::AlreadyIgnited(e) => format!("the charter was ignited on {}; nothing is left to do", at(e.t0)),
    Self::NotIgnited(_) => NOT_IGNITED.into(),
    Self::Missing(e) => {
        let (what, mend) = need(e.what);
        format!("given {} {what}, wanted {}; {mend}", e.given, e.wanted)
    }
    Self::StateUnfit(e) => match e.given {
        0 => format!("there is no subcontract {}; `hearth status` lists those there are", e.id),
        1 => format!("subcontract {} is open still; only what is enacted can be ended by its signers", e.id),
        5 => format!("subcontract {} is over, for good; the same can be opened anew by `hearth open`", e.id),
        state => format!(
            "subcontract {} is {}; only while it is open can it be objected to, taken back or enacted", e.id, state_in_words(state)
        ),
    },
    Self::TooManyOpen(e) => format!(
        "{} has {} subcontracts open, which is all they can; a place is free once one is enacted or over, and 72 \
         hours after it was opened at the soonest",
        member(e.sponsor), e.most
    ),
    Self::TermsTooLong(e) => format!("the terms have {} bytes, wanted {} at most", e.given, e.most),
    Self::TemplateUnfit(e) => format!(
        "the template asks for {} pots, {} signers at least and the kinds {:#b}, which no charter takes; use one that comes with Hearth",
        e.pots, e.minimumSigners, e.kinds
    ),
    Self::NotSponsor(e) => format!(
        "subcontract {} was opened by {}, and only they can take it back, not {}", e.id, member(e.wanted), member(e.given)
    ),
    Self::OpenTooShort(e) => format!("subcontract {} is open for objections until {}; enact it then", e.id, at(e.earliest)),
    Self::ObjectionsStand(e) => format!(
        "{} members object to subcontract {}, wanted fewer than {}; open another that mends what harms them",
        e.given, e.id, e.fewerThan
    ),
    Self::TermsLiveAlready(e) => format!("subcontract {} has the same terms and is in force; sign that one", e.live),
    Self::ReasonMissing(_) => "given no reason, wanted why it harms you".into(),
    Self::NotMature(e) => format!(
        "only who was a member for 30 days on {}, when this count began, is counted; {} was not",
        at(e.opened), member(e.member)
    ),
    Self::SignedItself(e) => format!(
        "{} signed subcontract {1}, and only who did not can object; who signed it ends it for themselves by \
         `hearth mandate revoke {1}`",
        member(e.member), e.id
    ),
    Self::CountedAlready(e) => format!("{} is counted already; once is enough", member(e.member)),
    Self::ObjectionsSpent(e) => format!(
        "{} has objected {} times alone in 30 days, which is all they can; join another's objection, or wait",
        member(e.member), e.most
    ),
    Self::NotASigner(e) => format!(
        "{} has signed no mandate for subcontract {}, and only who has can end it", member(e.member), e.id
    ),
    Self::NotTighter(e) => format!(
        "the limit {:?} is {}, and {} is no tighter; a limit only tightens", limit(e.item), e.than, e.given
    ),
    Self::TighteningPending(e) => format!(
        "the limit {:?} will be {} from {} on; it can be tightened further then", limit(e.item), e.value, at(e.effect)
    ),
    Self::GasShort(e) => gas(e.given, e.wanted),
    Self::NoAnswer(e) => mute(e.place),
    Self::NotHeard(_) => return None,
} }

sentences! { signed Roster::RosterErrors {
    Self::NotIgnited(_) => NOT_IGNITED.into(),
    Self::NominationUnknown(e) => format!("there is no nomination {}", e.nomination),
    Self::NominationEnded(e) => format!("nomination {} is over: its candidate was admitted or refused", e.nomination),
    Self::CandidateKnown(e) => format!(
        "{} is the key of {}, for ever; who left and comes back brings a new key", e.candidate, member(e.member)
    ),
    Self::CandidateMissing(_) => "given no candidate, wanted their key".into(),
    Self::AlreadyVouched(e) => format!("{} vouches in nomination {} already", member(e.member), e.nomination),
    Self::VouchersEnough(e) => format!(
        "nomination {} has {} who vouch, wanted {}; no more are needed", e.nomination, e.given, e.wanted
    ),
    Self::VouchersTooFew(e) => format!(
        "nomination {0} has {1} who vouch and are members, wanted {2}; a member vouches by `hearth join vouch {0}`",
        e.nomination, e.given, e.wanted
    ),
    Self::VouchesSpent(e) => format!(
        "{} vouches for three already, for 180 days each; they can again from {} on", member(e.member), at(e.nextFree)
    ),
    Self::AlreadyObjected(e) => format!("{} has objected to nomination {} already", member(e.member), e.nomination),
    Self::WindowClosed(e) => format!("nomination {} could be objected to until {}", e.nomination, at(e.closed)),
    Self::WindowOpen(e) => format!(
        "members can object to nomination {} until {}; admit its candidate after it", e.nomination, at(e.closes)
    ),
    Self::NominationLapsed(e) => format!("nomination {} lapsed on {}; nominate anew", e.nomination, at(e.lapsed)),
    Self::OnlyTheCandidate(e) => format!("only the candidate {} can accept, not {}", e.candidate, e.caller),
    Self::AlreadyJoined(e) => format!("the candidate of nomination {} has accepted already", e.nomination),
    Self::NotJoined(e) => format!(
        "the candidate {} has not accepted yet; they do by `hearth join accept {}`", e.candidate, e.nomination
    ),
    Self::CharterFull(e) => format!("there are {} members, and a charter has {} at most", e.population, e.most),
    Self::TooManyAdmissions(e) => format!(
        "{} were admitted within 90 days, which is all there can be; admit again from {} on", e.allowed, at(e.nextAt)
    ),
    Self::SafeCastOverflowedUintDowncast(_) => return None,
} }

sentences! { signed Ledger::LedgerErrors {
    Self::NotIgnited(_) => NOT_IGNITED.into(),
    Self::OnlyTheSeat(e) => format!("this seat's bond is {}'s, not {}'s; use their keystore", e.identity, e.caller),
    Self::AccountUnknown(e) => format!("there is no {}; `hearth status` names who and what there is", account(e.account)),
    Self::NothingPaysFrom(e) => format!("nothing pays from the {} yet, so it takes nothing", account(e.pot)),
    Self::MoreThanWithdrawable(e) => format!(
        "given {}, wanted {} at most, for the rest is held until what may still be charged has settled; \"all\" takes what is free",
        h(e.given), h(e.most)
    ),
    Self::BondTooSmall(e) => format!(
        "seat {} has {} paid in, wanted {} for its bond; `hearth seat` pays it in", e.seat, h(e.given), h(e.wanted)
    ),
    Self::TokenRefused(e) => format!(
        "the token {} refused; does the payer's key hold as much, and has it approved the ledger for it?", e.token
    ),
    Self::TokenShort(e) => format!(
        "the ledger received {}, wanted {}: the token keeps a part, and no charter takes such a token",
        h(e.received), h(e.wanted)
    ),
    Self::GasTooLittle(e) => gas(e.given, e.wanted),
    Self::OnlyTheCommittee(_)
    | Self::OnlyASubcontract(_)
    | Self::KindRefused(_)
    | Self::NotAccruing(_)
    | Self::NotOwnPot(_)
    | Self::LineNotPayers(_)
    | Self::LineFrozen(_)
    | Self::AlreadySettled(_)
    | Self::PotTooSmall(_)
    | Self::ReentrancyGuardReentrantCall(_)
    | Self::SafeCastOverflowedIntDowncast(_)
    | Self::SafeCastOverflowedIntToUint(_)
    | Self::SafeCastOverflowedUintDowncast(_)
    | Self::SafeCastOverflowedUintToInt(_) => return None,
} }

sentences! { signed Mandates::MandatesErrors {
    Self::NotIgnited(_) => NOT_IGNITED.into(),
    Self::SubcontractNotOpen(e) => match e.state {
        0 => format!("there is no subcontract {}; `hearth status` lists those there are", e.subcontract),
        state => format!("subcontract {} is {}, and can be signed no more", e.subcontract, state_in_words(state)),
    },
    Self::TermsDiffer(e) => format!(
        "the terms read have the hash {}, those of subcontract {} have {}; read them again before signing",
        e.given, e.subcontract, e.wanted
    ),
    Self::SponsorFirst(e) => format!(
        "{0}, who opened subcontract {1}, signs it first; ask them to say `hearth mandate sign {1}`",
        member(e.sponsor), e.subcontract
    ),
    Self::ExpiryOutside(e) => format!(
        "given a mandate until {}, wanted after {} and until {} at the latest", at(e.given), at(e.after_), at(e.latest)
    ),
    Self::TooManyMandates(e) => format!(
        "{} has {} mandates, which is all they can; revoke one by `hearth mandate revoke`", member(e.member), e.most
    ),
    Self::NoMandate(e) => format!(
        "{} has no mandate for subcontract {}; `hearth me` lists those they have", member(e.member), e.subcontract
    ),
    Self::MandateLive(e) => format!(
        "{0}'s mandate for subcontract {1} may still be charged; revoke it by `hearth mandate revoke {1}`",
        member(e.member), e.subcontract
    ),
    Self::TooManySigners(e) => format!("subcontract {} has {} signers, which is all it can", e.subcontract, e.most),
    Self::OnlyTheLedger(_)
    | Self::OnlyTheCharter(_)
    | Self::OnlyTheRoster(_)
    | Self::AlreadyFounded(_)
    | Self::SafeCastOverflowedUintDowncast(_) => return None,
} }

sentences! { Committee::CommitteeErrors {
    Self::SeatUnknown(e) => format!("there is no seat {}; the charter has {}, counted from 0", e.given, e.seats),
    Self::SeatTaken(e) => format!("seat {} is taken by {}", e.seat, e.identity),
    Self::SeatVacant(e) => vacant(e.seat),
    Self::NotNamed(e) => format!(
        "{} is not named for seat {} by the charter; is it the right card, and the right keystore?", e.caller, e.seat
    ),
    Self::TurnNotCome(e) => format!(
        "seat {} is another alternate's to take first; the turn of {} comes {}", e.seat, e.alternate, at(e.earliest)
    ),
    Self::NotIdentity(e) => format!("seat {} is {}'s, not {}'s; use their keystore", e.seat, e.identity, e.caller),
    Self::ReportKeyTaken(e) => format!(
        "the report key {} is or was seat {}'s; `hearth-oracle key rotate` makes a new one", e.reportKey, e.by
    ),
    Self::ReportKeyZero(_) => "the seat's card holds no report key; `hearth-oracle` writes it".into(),
    Self::TransportKeyZero(_) => "the seat's card holds no transport key; `hearth-oracle` writes it".into(),
    Self::EndpointLength(e) => format!("the seat's endpoint has {} bytes, wanted 1 to {}", e.given, e.most),
    Self::RotatedTooSoon(e) => format!("seat {} changed its keys within a day; it can again from {} on", e.seat, at(e.earliest)),
    Self::NotSameTurn(_) | Self::SameDigest(_) => {
        "the two reports are of different turns, or one and the same, so they prove nothing".into()
    }
    Self::NotSignedBySeat(e) => format!(
        "a report is signed by {}, wanted seat {}'s report key {} of version {}", e.recovered, e.seat, e.reportKey, e.version
    ),
    Self::NotOneOperator(e) => format!("the reports are by the operators {} and {}, wanted one", e.first, e.second),
    Self::NoBond(e) => format!("no bond of operator {} is there to be taken or given back", e.purse),
    Self::BondNotReleasable(e) => format!("the bond of operator {} is held until {}", e.purse, at(e.releasable)),
    Self::TooFewRegistered(e) => format!("{} seats are registered, wanted {}; `hearth seat` takes one", e.given, e.wanted),
    Self::SeatsOutOfRange(e) => format!(
        "given {} seats and {} alternates, wanted 4 to 31 seats and 31 alternates at most", e.seats, e.alternates
    ),
    Self::NotAnOperator(e) => format!("{} is named for no seat by the charter; is it the right keystore?", e.identity),
    Self::NamedTwice(e) => format!("the key {} is named for two seats, wanted a key each", e.identity),
    Self::NotCharter(_) | Self::AlreadyOpen(_) | Self::VersionsExhausted(_) | Self::KeysNotWritten(_) => return None,
} }

sentences! { signed Docket::DocketErrors {
    Self::CallerNot(e) => format!("only {} can do this, not {}; is it the right keystore?", e.wanted, e.caller),
    Self::EnrolledAlready(e) => format!("the first {} streams are enrolled already", e.streams),
    Self::StreamsNotSigned(e) => format!(
        "the streams given have the hash {}, wanted {} as it was proposed; use the file that was proposed", e.given, e.wanted
    ),
    Self::StreamUnknown(e) => format!("no stream {} feeds subcontract {}", e.stream, e.subcontract),
    Self::SubcontractNotOpen(e) => format!("subcontract {} is not open, and only while it is can a stream be enrolled", e.subcontract),
    Self::SponsorSigned(e) => format!(
        "who opened subcontract {} has signed it, so its streams stay as they are; take it back and open another", e.subcontract
    ),
    Self::StreamNotOfSubcontract(e) => format!(
        "subcontract {} does not settle by stream {}: another stream was enrolled first; take it back and open it again",
        e.subcontract, e.stream
    ),
    Self::GasShort(e) => gas(e.given, e.wanted),
    Self::NoAnswer(e) => mute(e.place),
    Self::TooManyStreams(e) => format!("subcontract {} has {} streams, which is all it can", e.subcontract, e.most),
    Self::WindowOutOfRange(e) => range("window, seconds", e.given, e.least, e.most),
    Self::DataClassOutOfRange(e) => range("data class", e.given, 0, e.most),
    Self::EstimatorUnnamed(_) => "the stream names no estimator".into(),
    Self::NotAMemberId(e) => format!("{} does not exist or has left, wanted a member", member(e.given)),
    Self::ParametersLength(e) => format!("the estimator's parameters have {} bytes, wanted {} at most", e.given, e.most),
    Self::DeviceCount(e) => range("devices", e.given, e.least, e.most),
    Self::DeviceUnknown(e) => format!("stream {} has no device in place {}; places count from 0", e.stream, e.index),
    Self::DeviceMalformed(e) => format!(
        "the device has the key {}, algorithm {} and an interval of {} s, wanted a key, 1 (Ed25519) and 1 s or more",
        e.key, e.alg, e.intervalSeconds
    ),
    Self::DeviceKeyTaken(e) => format!(
        "a device whose key begins {} serves or served a place of a stream, and serves that one for ever; `hearth-oracle key device` makes a new one",
        e.kid
    ),
    Self::NotCustodian(e) => format!("stream {} is kept by {}, not by {}", e.stream, member(e.wanted), member(e.given)),
    Self::BadgeTaken(e) => format!("this badge is {}'s; they give it up by `hearth badge none`", member(e.by)),
    Self::NotIgnited(_) => NOT_IGNITED.into(),
    Self::VersionNotCurrent(e) => format!(
        "the report is of version {} of the committee's keys, wanted {}; its seats sign it again", e.given, e.current
    ),
    Self::HeaderMalformed(_) => "the report's head is malformed; is the node of the charter's release?".into(),
    Self::EpochNotClosed(e) => format!("epoch {} ends on {}; report it then", e.epoch, at(e.end)),
    Self::EpochTooLate(e) => format!("epoch {} could be reported until {}", e.epoch, at(e.latest)),
    Self::EpochOutOfOrder(e) => format!("epoch {} comes before epoch {}, which was given", e.missing, e.given),
    Self::EpochNotAccruing(e) => format!("nothing accrues in epoch {}: its subcontract was not in force when it began", e.given),
    Self::EpochBehindHead(e) => format!("epoch {} is behind epoch {}, which is accepted already", e.given, e.head),
    Self::AlreadyAccepted(e) => format!("a report of epoch {} is accepted already", e.epoch),
    Self::NotPending(e) => format!(
        "no report of epoch {} on stream {} waits: none was accepted, or it is settled or spent", e.epoch, e.stream
    ),
    Self::NotThisReport(e) => format!("given the report {}, wanted {}, which was accepted", e.given, e.accepted),
    Self::WindowOver(e) => format!("the report could be contested until {}", at(e.end)),
    Self::WindowRuns(e) => format!("the report can be contested until {}, and settles after it", at(e.end)),
    Self::LapsedAt(e) => format!("the report could be settled until {}; nothing moves by it any more", at(e.latest)),
    Self::AlreadyContested(e) => format!("{} has contested this report already", member(e.member)),
    Self::ContestsUsed(e) => format!(
        "{} has contested twice in 90 days, which is all they can; they can again from {} on", member(e.member), at(e.earliest)
    ),
    Self::GasTooLow(e) => gas(e.given, e.wanted),
    Self::SealLength(e) => format!("the report's seal has {} bytes, wanted {}", e.given, e.wanted),
    Self::SignersNotQuorum(e) => format!("the seats {:#b} sealed the report, wanted {} of them", e.signers, e.wanted),
    Self::SignerNotSeated(e) => format!("the seats {:#b} sealed the report, but there are {}", e.signers, e.seats),
    Self::SeatVacant(e) => vacant(e.seat),
    Self::SignatureMalleable(e) => format!("seat {}'s signature of the report is not in its one form; it signs again", e.seat),
    Self::SignatureNotOfSeat(e) => format!(
        "the report is signed by {} in the place of seat {}, wanted {}", e.recovered, e.seat, e.wanted
    ),
    Self::SettlingAlready(_) | Self::NotSettling(_) => return None,
} }

sentences! { signed Firewood::FirewoodErrors {
    Self::TermsOutOfRange(e) => range(&e.what, e.given, e.least, e.most),
    Self::NotOver(e) => match state_in_words(e.state) {
        SUNSET => format!("what began on {} is not settled yet; its pots are given out once it is", at(e.oldestOpen)),
        state => format!("it is {state}; its pots are given out when it is over"),
    },
    Self::NothingLeft(_) => "its pots are empty; nothing is left to give out".into(),
    Self::BandTooSoon(e) => format!(
        "{} declared a band within 30 days; they can again from {} on", member(e.member), at(e.earliest)
    ),
    Self::NotTheDocket(_)
    | Self::NotTheCharter(_)
    | Self::StreamUnknown(_)
    | Self::PayloadLength(_)
    | Self::TooManyLines(_)
    | Self::LineOutOfOrder(_)
    | Self::SafeCastOverflowedUintDowncast(_) => return None,
} }

sentences! { PracticeToken::PracticeTokenErrors {
    Self::MintTooLarge(e) => format!("given {}, wanted {} at most in one minting", h(e.given), h(e.most)),
    Self::ERC20InsufficientAllowance(e) => format!(
        "{} may take {}, wanted {}; approve as much", e.spender, h(e.allowance), h(e.needed)
    ),
    Self::ERC20InsufficientBalance(e) => format!("{} holds {}, wanted {}", e.sender, h(e.balance), h(e.needed)),
    Self::ERC2612ExpiredSignature(e) => format!("the permit held until {}; sign again", at(e.deadline)),
    Self::ERC2612InvalidSigner(e) => format!("the permit is signed by {}, wanted {}, or was shown already", e.signer, e.owner),
    Self::ECDSAInvalidSignature(_)
    | Self::ECDSAInvalidSignatureLength(_)
    | Self::ECDSAInvalidSignatureS(_)
    | Self::ERC20InvalidApprover(_)
    | Self::ERC20InvalidReceiver(_)
    | Self::ERC20InvalidSender(_)
    | Self::ERC20InvalidSpender(_)
    | Self::InvalidAccountNonce(_)
    | Self::InvalidShortString(_)
    | Self::StringTooLong(_) => return None,
} }

fn range(what: &str, given: impl ToString, least: impl ToString, most: impl ToString) -> String {
    let [given, least, most] = [given.to_string(), least.to_string(), most.to_string()];
    format!("{what}: given {given}, wanted from {least} to {most}")
}

fn vacant(seat: impl ToString) -> String {
    let seat = seat.to_string();
    format!(
        "seat {seat} is vacant, so it changes and signs nothing; whoever is named for it takes it by `hearth seat`"
    )
}

fn mute(place: Address) -> String {
    format!(
        "the contract at {place} gave no answer; is it what the charter's file says it is, such as a token?"
    )
}

fn gas(given: U256, wanted: U256) -> String {
    format!("given {given} gas, wanted {wanted}; send it with more")
}

/// A moment for people: in local time where that is known, otherwise in UTC.
fn at(time: impl TryInto<u64>) -> String {
    let time = time.try_into().unwrap_or(u64::MAX);
    KNOWN.get().map_or_else(
        || calendar::shown(time, 0) + " UTC",
        |(_, tz)| calendar::shown(time, *tz),
    )
}

/// A member for people: by name where that is known, otherwise by number.
fn member(id: impl TryInto<u16>) -> String {
    let id = id.try_into().unwrap_or(u16::MAX);
    KNOWN
        .get()
        .map_or_else(|| format!("member {id}"), |(place, _)| place.member_name(id))
}

fn h(units: impl TryInto<u64>) -> String {
    Amount(units.try_into().unwrap_or(u64::MAX)).brief()
}

/// What is counted from 0 there and from 1 by people.
fn from_one(index: U256) -> U256 {
    index + U256::ONE
}

fn limit(item: u8) -> &'static str {
    LIMITS
        .get(usize::from(item))
        .map_or("unknown", |limit| limit.words)
}

/// The contracts' `Need`: what there are too few of, and how to mend it.
fn need(what: u8) -> (&'static str, &'static str) {
    match what {
        0 => ("parts of the charter", "`hearth found` goes on where it stopped"),
        1 => (
            "subcontracts of the first set",
            "`hearth found` goes on where it stopped",
        ),
        2 => ("streams", "`hearth found` goes on where it stopped"),
        3 => (
            "signatures of founders",
            "each says `hearth sign`, then anybody `hearth found` again",
        ),
        4 => (
            "seats registered and bonded",
            "each operator says `hearth seat` with their card",
        ),
        _ => ("signers", "who wants it says `hearth mandate sign`"),
    }
}

fn account(id: u32) -> String {
    let low = id & 0xff;
    match id >> 24 {
        0 => format!("purse of {}", member(id)),
        1 => format!("bond purse of seat {low}"),
        _ => format!("pot {low} of subcontract {}", id >> 8 & 0xffff),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::aliases::U40;
    use alloy::sol_types::SolError;

    use super::*;

    fn check(refusal: &impl SolError, wanted: &str) {
        assert_eq!(sentence(&refusal.abi_encode()).as_deref(), Some(wanted));
    }

    #[test]
    fn a_refusal_says_what_was_given_and_wanted() {
        check(
            &Ledger::MoreThanWithdrawable {
                given: 9_000_000,
                most: 2_500_000,
            },
            "given 9 H, wanted 2.5 H at most, for the rest is held until what may still be charged has settled; \"all\" takes what is free [MoreThanWithdrawable]",
        );
        check(
            &Charter::Missing {
                what: 4,
                given: U256::ZERO,
                wanted: U256::from(4),
            },
            "given 0 seats registered and bonded, wanted 4; each operator says `hearth seat` with their card [Missing]",
        );
        for (what, told) in [
            ("founder", "founder 1 has no key [KeyMissing]"),
            ("alternate", "alternate 0 has no key [KeyMissing]"),
        ] {
            check(
                &Charter::KeyMissing {
                    what: what.into(),
                    index: U256::ZERO,
                },
                told,
            );
        }
        check(
            &Roster::WindowOpen {
                nomination: U256::from(3),
                closes: U40::from(1_794_783_600),
            },
            "members can object to nomination 3 until Sun 15 Nov 2026 23:00 UTC; admit its candidate after it [WindowOpen]",
        );
        check(
            &Mandates::OnlyTheLedger {
                caller: Address::ZERO,
            },
            "this is no doing of yours but a fault of Hearth's; please report OnlyTheLedger { caller: 0x0000000000000000000000000000000000000000 }",
        );
        assert_eq!(sentence(&[1, 2, 3, 4]), None);
    }

    /// Every error of a contract, each of its fields zero. What people meet they are told in the contract's own sentence,
    /// whatever other contracts' errors have the same selector.
    fn all<R: Refusal>() {
        for selector in R::selectors() {
            let data = [&selector[..], &[0; 512]].concat();
            let refusal = R::abi_decode(&data).expect("zeros fit every field");
            let own = said::<R>(&data).expect("what decodes is said");
            if refusal.sentence().is_none() {
                assert!(own.contains("please report"), "{own}");
                continue;
            }
            let told = sentence(&data).expect("what decodes is said");
            assert_eq!(told, own, "another contract's sentence is told");
            assert!(told.ends_with(']'), "what people meet ends in its name: {told}");
        }
    }

    #[test]
    fn every_error_of_every_contract_is_said() {
        all::<Charter::CharterErrors>();
        all::<Roster::RosterErrors>();
        all::<Ledger::LedgerErrors>();
        all::<Mandates::MandatesErrors>();
        all::<Committee::CommitteeErrors>();
        all::<Docket::DocketErrors>();
        all::<Firewood::FirewoodErrors>();
        all::<PracticeToken::PracticeTokenErrors>();
    }
}
