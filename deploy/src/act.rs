//! What a member does: said in one sentence, then signed for anybody to carry, or sent from the member's own key (R1.8).
//!
//! *In*: a [`Deed`], who does it. *Out*: an [`Act`]: the sentence, the typed data, the call that sends it and the call
//! that carries a signature. *Refuses*: nothing by itself; the contracts do, and each act is simulated first.
//! The types and sentences are the contracts' own; a test carries each of them by signature.

use alloy::primitives::{Address, B256, Bytes, U256, aliases::U40, keccak256};
use alloy::sol;
use alloy::sol_types::{SolCall, SolStruct, SolValue};
use hearth_bindings::{Charter, Docket, Firewood, Ledger, Mandates, Roster};

use crate::amount::Amount;
use crate::found::Deployment;
use crate::limits::LIMITS;
use crate::sign::{Mandate, domain};

/// A signed act is carried within this many seconds (R1.8).
pub const LONGEST_DEADLINE: u64 = 7 * 86_400;

sol! {
    struct SignMandate { string deed; uint16 member; string mandate; bytes32 termsHash; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct RevokeMandate { string deed; uint16 member; uint16 subcontract; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct LimitGlobal { string deed; uint16 member; string mostPerPeriod; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct DepositMoney { string deed; uint16 member; string amount; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct WithdrawMoney { string deed; uint16 member; string amount; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct DeclareBand { string deed; uint16 subcontract; uint8 band; string monthlyMeansFrom; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct ContestLine { string deed; uint16 member; uint16 subcontract; uint16 stream; uint24 epoch; bytes32 report; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct LeaveCharter { string deed; uint16 member; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct NominateMember { string deed; uint16 member; address candidate; uint16 household; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct VouchFor { string deed; uint16 member; uint256 nomination; address candidate; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct ObjectToAdmission { string deed; uint16 member; uint256 nomination; address candidate; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct JoinCharter { string deed; bytes32 articles; uint256 nomination; uint16 household; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct OpenSubcontract { string deed; bytes32 template; bytes32 termsHash; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct ObjectToSubcontract { string deed; uint16 subcontract; bytes32 termsHash; bytes32 reasonHash; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct WithdrawProposal { string deed; uint16 subcontract; bytes32 termsHash; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct EnrolStream { string deed; uint16 sponsor; uint16 subcontract; bytes32 streamTermsHash; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct EnrolBadge { string deed; uint16 member; bytes32 badge; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct ReplaceDevice { string deed; uint16 custodian; uint16 stream; uint8 place; bytes32 deviceKey; uint8 algorithm; bytes16 kind; uint32 heartbeatSeconds; uint40 calibratedUntilUnixSeconds; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct TightenLimit { string deed; string limit; uint64 value; uint256 nonce; uint64 deadlineUnixSeconds; }
    struct RepealSubcontract { string deed; uint16 subcontract; bytes32 termsHash; uint256 nonce; uint64 deadlineUnixSeconds; }
}

/// What somebody wants to do.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Consent to a subcontract's terms and let it collect within these caps (R1.5).
    SignMandate {
        /// The caps.
        mandate: Mandate,
        /// Hash of the terms read before signing.
        terms_hash: B256,
    },
    /// End a mandate (R1.5).
    RevokeMandate {
        /// Whose.
        subcontract: u16,
    },
    /// The member's own bound across subcontracts (R1.5).
    LimitGlobal {
        /// Per period.
        most: Amount,
    },
    /// Money from the member's key into the purse, once the token is approved (R1.1).
    Deposit {
        /// How much.
        amount: Amount,
    },
    /// Money out to the member's key (R1.1).
    Withdraw {
        /// How much.
        amount: Amount,
    },
    /// Declare a band of means (R8).
    DeclareBand {
        /// Of which subcontract.
        subcontract: u16,
        /// Where it stands.
        place: Address,
        /// 0 to 7.
        band: u8,
        /// The band's inclusive lower bound.
        means_from: Amount,
    },
    /// Contest one's own line (R7.10).
    Contest {
        /// The report's subcontract.
        subcontract: u16,
        /// The report's stream.
        stream: u16,
        /// The report's epoch.
        epoch: u32,
        /// The report's digest.
        report: B256,
    },
    /// Leave (R16.1).
    Leave,
    /// Propose a person (R4.1).
    Nominate {
        /// Their key.
        candidate: Address,
        /// Their household.
        household: u16,
    },
    /// Vouch for a candidate (R4.1).
    Vouch {
        /// The nomination's number.
        nomination: U256,
        /// The candidate's key.
        candidate: Address,
    },
    /// Object to a candidate (R4.2).
    Object {
        /// The nomination's number.
        nomination: U256,
        /// The candidate's key.
        candidate: Address,
    },
    /// Join under a nomination.
    Join {
        /// The nomination's number.
        nomination: U256,
        /// The household it names.
        household: u16,
        /// Hash of the charter's words.
        articles: B256,
    },
    /// Open a subcontract for others to sign (R5 track A).
    Open {
        /// The template's creation code.
        code: Bytes,
        /// Its terms, as the template decodes them.
        terms: Bytes,
    },
    /// "This harms me though I did not sign" (R5.3).
    ObjectToSubcontract {
        /// Which.
        subcontract: u16,
        /// Hash of its terms.
        terms_hash: B256,
        /// Hash of the reason's words.
        reason: B256,
    },
    /// Take back what one opened (R5).
    WithdrawProposal {
        /// Which.
        subcontract: u16,
        /// Hash of its terms.
        terms_hash: B256,
    },
    /// Enrol the stream that settles the subcontract one opened (R5).
    EnrolStream {
        /// Its terms, as the docket takes them.
        terms: Box<Docket::StreamTerms>,
    },
    /// Say which badge is one's own (R7.1).
    EnrolBadge {
        /// Its hash; zero for none.
        badge: B256,
    },
    /// Put a device in another's place, as the stream's custodian (R7.1).
    ReplaceDevice {
        /// The stream.
        stream: u16,
        /// Which of its devices, from 0.
        index: u8,
        /// The new one.
        device: Docket::Device,
    },
    /// Support tightening an entrenched limit (R3).
    Tighten {
        /// Which of [`LIMITS`].
        limit: u8,
        /// In the unit its name ends in.
        value: u64,
    },
    /// Agree to end a subcontract for all (R5.7).
    Repeal {
        /// Which.
        subcontract: u16,
        /// Hash of its terms.
        terms_hash: B256,
    },
}

/// Who does it, and until when a signature may be carried.
#[derive(Clone, Copy, Debug)]
pub struct Hand {
    /// The member's number; 0 for a candidate.
    pub member: u16,
    /// Voids the signature once used; any number not used before.
    pub nonce: U256,
    /// Unix seconds, at most [`LONGEST_DEADLINE`] ahead of the chain.
    pub deadline: u64,
}

/// A deed made ready.
#[derive(Clone)]
pub struct Act {
    /// The typed data's primary type: the deed's name.
    pub name: &'static str,
    /// What will happen, and the most it can cost.
    pub sentence: String,
    /// The contract it goes to.
    pub to: Address,
    /// The call from the member's own key.
    pub direct: Bytes,
    /// The digest a signature for a carrier is made over.
    pub digest: B256,
    carry: Carry,
}

type Carry = std::sync::Arc<dyn Fn(Bytes) -> Bytes + Send + Sync>;

impl Act {
    /// The call that carries this signature.
    #[must_use]
    pub fn carried(&self, signature: Bytes) -> Bytes {
        (self.carry)(signature)
    }

    /// Makes a deed ready on what was founded.
    #[must_use]
    pub fn new(deed: &Deed, hand: Hand, place: &Deployment) -> Self {
        let Hand {
            member,
            nonce,
            deadline,
        } = hand;
        match deed.clone() {
            Deed::SignMandate { mandate, terms_hash } => {
                let caps: Mandates::MandateCaps = Mandates::MandateCaps {
                    subcontract: mandate.subcontract,
                    perEvent: mandate.per_event,
                    perPeriod: mandate.per_period,
                    sharedPerPeriod: mandate.shared_per_period,
                    expiry: U40::saturating_from(mandate.expiry),
                };
                let most = mandate.per_period.saturating_add(mandate.shared_per_period);
                ready(
                    format!(
                        "You consent to the terms of subcontract {} and let it collect from the next local day on: at most {} per period of 30 days, {} in any 30 days.",
                        mandate.subcontract,
                        Amount(most),
                        Amount(most.saturating_mul(2))
                    ),
                    place,
                    place.mandates,
                    &SignMandate {
                        deed: "I agree to this subcontract's terms and let it collect from my purse, at most this much, from the next local day on.".into(),
                        member,
                        mandate: mandate.words(),
                        termsHash: terms_hash,
                        nonce,
                        deadlineUnixSeconds: deadline,
                    },
                    Mandates::signMandateCall { caps: caps.clone(), termsHash: terms_hash },
                    move |signature| Mandates::signMandateBySigCall { member, caps: caps.clone(), termsHash: terms_hash, nonce, deadline, signature },
                )
            }
            Deed::RevokeMandate { subcontract } => ready(
                format!("You end your mandate for subcontract {subcontract} from the next local day on; what began before still settles within its caps."),
                place,
                place.mandates,
                &RevokeMandate {
                    deed: "I end my mandate for this subcontract, from the next local day on.".into(),
                    member,
                    subcontract,
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Mandates::revokeMandateCall { subcontract },
                move |signature| Mandates::revokeMandateBySigCall { member, subcontract, nonce, deadline, signature },
            ),
            Deed::LimitGlobal { most } => ready(
                format!("All subcontracts together may collect at most {most} from you per period of 30 days, {} in any 30 days, from the next local day on.", Amount(most.0.saturating_mul(2))),
                place,
                place.mandates,
                &LimitGlobal {
                    deed: "All subcontracts together may collect at most this much from me in a period of 30 days, from the next local day on.".into(),
                    member,
                    mostPerPeriod: most.to_string(),
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Mandates::limitGlobalCall { perPeriod: most.0 },
                move |signature| Mandates::limitGlobalBySigCall { member, perPeriod: most.0, nonce, deadline, signature },
            ),
            Deed::Deposit { amount } => ready(
                format!("You put {amount} from your own key into your purse; a fifth of it first repays what you owe, if you owe anything."),
                place,
                place.ledger,
                &DepositMoney {
                    deed: "Put this much from my own key into my purse.".into(),
                    member,
                    amount: amount.to_string(),
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Ledger::depositCall { account: u32::from(member), amount: amount.0 },
                move |signature| Ledger::depositBySigCall { member, amount: amount.0, nonce, deadline, signature },
            ),
            Deed::Withdraw { amount } => ready(
                format!("You take {amount} out of your purse to your own key. It costs nothing but gas."),
                place,
                place.ledger,
                &WithdrawMoney {
                    deed: "Pay this much out of my purse to my own key.".into(),
                    member,
                    amount: amount.to_string(),
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Ledger::withdrawCall { amount: amount.0 },
                move |signature| Ledger::withdrawBySigCall { member, amount: amount.0, nonce, deadline, signature },
            ),
            Deed::DeclareBand { subcontract, place: at, band, means_from } => ready(
                format!("You declare monthly means from {means_from} (band {band}); from the next local day on it sets what you pay for wood, within your mandate. You can declare again in 30 days."),
                place,
                at,
                &DeclareBand {
                    deed: "I declare my monthly means; they set what I pay for wood.".into(),
                    subcontract,
                    band,
                    monthlyMeansFrom: means_from.to_string(),
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Firewood::declareBandCall { band },
                move |signature| Firewood::declareBandBySigCall { member, band, nonce, deadline, signature },
            ),
            Deed::Contest { subcontract, stream, epoch: number, report } => {
                let epoch = alloy::primitives::aliases::U24::saturating_from(number);
                ready(
                    format!("You contest your own line of epoch {number}. Nothing is taken from you for it; you can contest twice in 90 days."),
                    place,
                    place.docket,
                    &ContestLine {
                        deed: "I contest my own line of this report. Nothing is taken from me for it.".into(),
                        member,
                        subcontract,
                        stream,
                        epoch,
                        report,
                        nonce,
                        deadlineUnixSeconds: deadline,
                    },
                    Docket::contestCall { subcontract, stream, epoch, report },
                    move |signature| Docket::contestBySigCall { member, subcontract, stream, epoch, report, nonce, deadline, signature },
                )
            }
            Deed::Leave => ready(
                "You leave for good. New duties end now; what your open weeks may still cost stays in your purse until they settle, the rest you can take out at once.".into(),
                place,
                place.roster,
                &LeaveCharter { deed: "I leave this charter for good.".into(), member, nonce, deadlineUnixSeconds: deadline },
                Roster::leaveCall {},
                move |signature| Roster::leaveBySigCall { member, nonce, deadline, signature },
            ),
            Deed::Nominate { candidate, household } => ready(
                format!("You propose {candidate} as a member of household {household}, and vouch for them for 180 days. It costs nothing."),
                place,
                place.roster,
                &NominateMember {
                    deed: "I propose this person as a member, and vouch that they are one person.".into(),
                    member,
                    candidate,
                    household,
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Roster::nominateCall { candidate, household },
                move |signature| Roster::nominateBySigCall { sponsor: member, candidate, household, nonce, deadline, signature },
            ),
            Deed::Vouch { nomination, candidate } => ready(
                format!("You vouch for {candidate} for 180 days. It costs nothing."),
                place,
                place.roster,
                &VouchFor {
                    deed: "I vouch that this candidate is one person and no member yet.".into(),
                    member,
                    nomination,
                    candidate,
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Roster::vouchCall { nomination },
                move |signature| Roster::vouchBySigCall { member, nomination, nonce, deadline, signature },
            ),
            Deed::Object { nomination, candidate } => ready(
                format!("You object to admitting {candidate}. It costs nothing."),
                place,
                place.roster,
                &ObjectToAdmission {
                    deed: "I object to admitting this candidate.".into(),
                    member,
                    nomination,
                    candidate,
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Roster::objectToAdmissionCall { nomination },
                move |signature| Roster::objectToAdmissionBySigCall { member, nomination, nonce, deadline, signature },
            ),
            Deed::Join { nomination, household, articles } => ready(
                "You agree to join this charter under its articles. Nothing can be taken from you until you sign a mandate.".into(),
                place,
                place.roster,
                &JoinCharter {
                    deed: "I join this charter under its articles.".into(),
                    articles,
                    nomination,
                    household,
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Roster::joinCall { nomination },
                move |signature| Roster::joinBySigCall { nomination, nonce, deadline, signature },
            ),
            Deed::Open { code, terms } => {
                let template = keccak256(&code);
                let hash = terms_hash(template, &terms);
                ready(
                    format!("You open the subcontract with the terms {hash} for others to sign. It binds nobody, you included, who does not sign a mandate for it. It costs nothing."),
                    place,
                    place.charter,
                    &OpenSubcontract {
                        deed: "I open this subcontract for others to sign.".into(),
                        template,
                        termsHash: hash,
                        nonce,
                        deadlineUnixSeconds: deadline,
                    },
                    Charter::openCall { creationCode: code.clone(), terms: terms.clone(), nonce },
                    move |signature| Charter::openBySigCall { sponsor: member, creationCode: code.clone(), terms: terms.clone(), nonce, deadline, signature },
                )
            }
            Deed::ObjectToSubcontract { subcontract, terms_hash, reason } => ready(
                format!("You say that subcontract {subcontract} harms you though you did not sign it. With a fifth of the members saying so it cannot be enacted. It costs nothing; alone, you can object three times in 30 days."),
                place,
                place.charter,
                &ObjectToSubcontract {
                    deed: "This subcontract harms me though I did not sign it.".into(),
                    subcontract,
                    termsHash: terms_hash,
                    reasonHash: reason,
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Charter::objectCall { id: subcontract, reasonHash: reason },
                move |signature| Charter::objectBySigCall { member, id: subcontract, reasonHash: reason, nonce, deadline, signature },
            ),
            Deed::WithdrawProposal { subcontract, terms_hash } => ready(
                format!("You take back subcontract {subcontract}, which you opened; nobody can sign or enact it any more. It costs nothing."),
                place,
                place.charter,
                &WithdrawProposal {
                    deed: "I take back the subcontract I opened.".into(),
                    subcontract,
                    termsHash: terms_hash,
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Charter::withdrawProposalCall { id: subcontract },
                move |signature| Charter::withdrawProposalBySigCall { sponsor: member, id: subcontract, nonce, deadline, signature },
            ),
            Deed::EnrolStream { terms } => {
                let terms = *terms;
                ready(
                    format!("You enrol a stream for subcontract {}, which you opened: its reports settle it. It costs nothing.", terms.subcontract),
                    place,
                    place.docket,
                    &EnrolStream {
                        deed: "I enrol this stream for the subcontract I opened.".into(),
                        sponsor: member,
                        subcontract: terms.subcontract,
                        streamTermsHash: keccak256(terms.abi_encode()),
                        nonce,
                        deadlineUnixSeconds: deadline,
                    },
                    Docket::enrolCall { terms: terms.clone() },
                    move |signature| Docket::enrolBySigCall { terms: terms.clone(), nonce, deadline, signature },
                )
            }
            Deed::EnrolBadge { badge } => ready(
                if badge.is_zero() {
                    "You give up your badge: from the next local day on, nothing is taken by you with it.".into()
                } else {
                    "You enrol this badge in place of any before it: from the next local day on, what is taken with it is taken by you, and costs at most what your mandates allow.".into()
                },
                place,
                place.docket,
                &EnrolBadge {
                    deed: "I enrol this badge as mine. From tomorrow, what is taken with it is taken by me.".into(),
                    member,
                    badge,
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Docket::enrolBadgeCall { badge },
                move |signature| Docket::enrolBadgeBySigCall { member, badge, nonce, deadline, signature },
            ),
            Deed::ReplaceDevice { stream, index, device } => {
                ready(
                    format!("You put the device with the key {} in place {index} of stream {stream}, which you keep; it counts from the first epoch that begins in 72 hours or later, and the one before it until then. It costs nothing.", device.key),
                    place,
                    place.docket,
                    &ReplaceDevice {
                        deed: "As custodian I put this device in the place of the one before it.".into(),
                        custodian: member,
                        stream,
                        place: index,
                        deviceKey: device.key,
                        algorithm: device.alg,
                        kind: device.kind,
                        heartbeatSeconds: device.intervalSeconds,
                        calibratedUntilUnixSeconds: device.calibratedUntil,
                        nonce,
                        deadlineUnixSeconds: deadline,
                    },
                    Docket::replaceDeviceCall { stream, index, device: device.clone() },
                    move |signature| Docket::replaceDeviceBySigCall { custodian: member, stream, index, device: device.clone(), nonce, deadline, signature },
                )
            }
            Deed::Tighten { limit, value } => {
                let words = LIMITS.get(usize::from(limit)).map_or("", |limit| limit.words);
                ready(
                    format!("You support setting the limit \"{words}\" to {value}. With two thirds of the members supporting it within 30 days it holds 30 days later, and can never be loosened again. It costs nothing."),
                    place,
                    place.charter,
                    &TightenLimit {
                        deed: "I support tightening this limit, which can never be loosened again.".into(),
                        limit: words.into(),
                        value,
                        nonce,
                        deadlineUnixSeconds: deadline,
                    },
                    Charter::tightenCall { item: limit, value },
                    move |signature| Charter::tightenBySigCall { member, item: limit, value, nonce, deadline, signature },
                )
            }
            Deed::Repeal { subcontract, terms_hash } => ready(
                format!("You agree to end subcontract {subcontract} for everybody who signed it; it ends when all of them have agreed."),
                place,
                place.charter,
                &RepealSubcontract {
                    deed: "I agree to end this subcontract for everybody who signed it.".into(),
                    subcontract,
                    termsHash: terms_hash,
                    nonce,
                    deadlineUnixSeconds: deadline,
                },
                Charter::repealCall { id: subcontract },
                move |signature| Charter::repealBySigCall { member, id: subcontract, nonce, deadline, signature },
            ),
        }
    }
}

/// What a mandate consents to: `keccak256(abi.encode(template, terms))` (R5.5).
#[must_use]
pub fn terms_hash(template: B256, terms: &Bytes) -> B256 {
    keccak256((template, terms.clone()).abi_encode_params())
}

fn ready<S: SolStruct, C: SolCall>(
    sentence: String,
    place: &Deployment,
    to: Address,
    typed: &S,
    direct: impl SolCall,
    carry: impl Fn(Bytes) -> C + Send + Sync + 'static,
) -> Act {
    Act {
        name: S::NAME,
        sentence,
        to,
        direct: direct.abi_encode().into(),
        digest: typed.eip712_signing_hash(&domain(place.chain_id, to)),
        carry: std::sync::Arc::new(move |signature| carry(signature).abi_encode().into()),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::aliases::U24;
    use serde_json::Value;

    use super::*;

    /// The struct hash that `vectors/typed-data.json` gives a deed, and the one its fields make here.
    fn check<S: SolStruct>(vectors: &Value, deed: impl Fn(&Value) -> S) {
        let vector = &vectors[S::NAME];
        let given: B256 = text(vector, "structHash").parse().expect("a hash");

        assert_eq!(deed(&vector["fields"]).eip712_hash_struct(), given, "{}", S::NAME);
    }

    fn text(fields: &Value, name: &str) -> String {
        fields[name].as_str().expect("a text").to_owned()
    }

    fn number(fields: &Value, name: &str) -> u64 {
        fields[name].as_u64().expect("a number")
    }

    fn short(fields: &Value, name: &str) -> u16 {
        u16::try_from(number(fields, name)).expect("16 bits")
    }

    macro_rules! deed {
        ($vectors:ident, $name:ident { $($field:ident: $read:expr),* }) => {
            check(&$vectors, |f| $name {
                deed: text(f, "deed"),
                nonce: U256::from(number(f, "nonce")),
                deadlineUnixSeconds: number(f, "deadlineUnixSeconds"),
                $($field: $read(f, stringify!($field))),*
            })
        };
    }

    /// R1.8: one struct hash for one deed, here and in the contracts' own tests.
    #[test]
    fn vectors_hold_every_deed() {
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/typed-data.json");
        let vectors: Value =
            serde_json::from_str(&std::fs::read_to_string(place).expect("the vectors")).expect("JSON");
        let address = |f: &Value, name: &str| text(f, name).parse::<Address>().expect("an address");
        let hash = |f: &Value, name: &str| text(f, name).parse::<B256>().expect("a hash");
        let wide = |f: &Value, name: &str| U256::from(number(f, name));

        deed!(
            vectors,
            DepositMoney {
                member: short,
                amount: text
            }
        );
        deed!(
            vectors,
            WithdrawMoney {
                member: short,
                amount: text
            }
        );
        deed!(
            vectors,
            SignMandate {
                member: short,
                mandate: text,
                termsHash: hash
            }
        );
        deed!(
            vectors,
            RevokeMandate {
                member: short,
                subcontract: short
            }
        );
        deed!(
            vectors,
            LimitGlobal {
                member: short,
                mostPerPeriod: text
            }
        );
        deed!(
            vectors,
            NominateMember {
                member: short,
                candidate: address,
                household: short
            }
        );
        deed!(
            vectors,
            VouchFor {
                member: short,
                nomination: wide,
                candidate: address
            }
        );
        deed!(
            vectors,
            ObjectToAdmission {
                member: short,
                nomination: wide,
                candidate: address
            }
        );
        deed!(
            vectors,
            JoinCharter {
                articles: hash,
                nomination: wide,
                household: short
            }
        );
        deed!(vectors, LeaveCharter { member: short });
        deed!(
            vectors,
            OpenSubcontract {
                template: hash,
                termsHash: hash
            }
        );
        deed!(
            vectors,
            ObjectToSubcontract {
                subcontract: short,
                termsHash: hash,
                reasonHash: hash
            }
        );
        deed!(
            vectors,
            WithdrawProposal {
                subcontract: short,
                termsHash: hash
            }
        );
        deed!(
            vectors,
            RepealSubcontract {
                subcontract: short,
                termsHash: hash
            }
        );
        let byte = |f: &Value, name: &str| u8::try_from(number(f, name)).expect("8 bits");
        deed!(
            vectors,
            EnrolStream {
                sponsor: short,
                subcontract: short,
                streamTermsHash: hash
            }
        );
        deed!(
            vectors,
            EnrolBadge {
                member: short,
                badge: hash
            }
        );
        deed!(
            vectors,
            ReplaceDevice {
                custodian: short,
                stream: short,
                place: byte,
                deviceKey: hash,
                algorithm: byte,
                kind: |f: &Value, name: &str| text(f, name).parse().expect("16 bytes"),
                heartbeatSeconds: |f: &Value, name: &str| u32::try_from(number(f, name)).expect("32 bits"),
                calibratedUntilUnixSeconds: |f: &Value, name: &str| U40::from(number(f, name))
            }
        );
        deed!(
            vectors,
            TightenLimit {
                limit: text,
                value: number
            }
        );
        deed!(
            vectors,
            DeclareBand {
                subcontract: short,
                band: byte,
                monthlyMeansFrom: text
            }
        );
        deed!(
            vectors,
            ContestLine {
                member: short,
                subcontract: short,
                stream: short,
                epoch: |f: &Value, name: &str| U24::from(number(f, name)),
                report: hash
            }
        );
    }
}
