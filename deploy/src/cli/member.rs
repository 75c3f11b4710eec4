//! What members say: each is said in one sentence first, then signed for a carrier or sent.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::DynProvider;
use alloy::rpc::types::TransactionReceipt;
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy::sol_types::SolCall;
use clap::{Args, Subcommand};
use eyre::{Result, WrapErr as _, bail};
use hearth::act::{Act, Deed, Hand, LONGEST_DEADLINE};
use hearth::amount::Amount;
use hearth::calendar;
use hearth::card::{self, Card};
use hearth::carry::{Signed, VERSION};
use hearth::chain::{self, ChainError, Fee, asked};
use hearth::docket;
use hearth::found::Deployment;
use hearth::limits::LIMITS;
use hearth::list::{self, Question};
use hearth::member::{self, Account};
use hearth::plan;
use hearth::sign::{LONGEST_MANDATE, Mandate};
use hearth::template;
use hearth::view;
use hearth_bindings::{Charter, Firewood, Ledger, Roster};
use hearth_oracle_core::chain::Domain;
use hearth_oracle_core::estimators::{Deed as Counted, Item};
use hearth_oracle_core::report::Report;
use hearth_oracle_core::types::{EpochKind, MemberId, Network, Verdict};
use serde_json::json;

use super::talk::{self, BadInput, NotYet};
use super::{Words, subcontract};

/// How a member's act is carried.
#[derive(Debug, Args)]
pub(crate) struct Carrying {
    /// Only sign, and write the act to this file for anybody to carry
    #[arg(long, value_name = "FILE")]
    sign_only: Option<PathBuf>,
    /// Go ahead without being asked
    #[arg(long)]
    yes: bool,
}

/// Money into a purse.
#[derive(Debug, Args)]
pub(crate) struct Deposit {
    /// Such as "12.5 H"
    amount: Amount,
    /// Somebody else's purse: then it is a gift
    #[arg(long, value_name = "MEMBER")]
    to: Option<u16>,
    #[command(flatten)]
    carrying: Carrying,
}

/// Admission: the candidate joins; members nominate, vouch, object; anyone admits.
#[derive(Debug, Args)]
pub(crate) struct Join {
    #[command(subcommand)]
    word: JoinWord,
}

#[derive(Debug, Subcommand)]
enum JoinWord {
    /// Propose a person, and vouch for them
    Nominate {
        /// Their key
        candidate: Address,
        /// Their household's number
        #[arg(long)]
        household: u16,
        #[command(flatten)]
        carrying: Carrying,
    },
    /// Vouch for a candidate
    Vouch {
        /// The nomination's number
        nomination: U256,
        #[command(flatten)]
        carrying: Carrying,
    },
    /// Object to a candidate within the window
    Object {
        /// The nomination's number
        nomination: U256,
        #[command(flatten)]
        carrying: Carrying,
    },
    /// As the candidate: agree to join
    Accept {
        /// The nomination's number
        nomination: U256,
        #[command(flatten)]
        carrying: Carrying,
    },
    /// After the window: admit, which anyone may
    Admit {
        /// The nomination's number
        nomination: U256,
    },
}

/// Mandates.
#[derive(Debug, Args)]
pub(crate) struct Mandates {
    #[command(subcommand)]
    word: MandateWord,
}

#[derive(Debug, Subcommand)]
enum MandateWord {
    /// Consent to a subcontract's terms, within these caps
    Sign {
        /// The subcontract's number
        subcontract: u16,
        /// One line of one report, such as "20 H"
        #[arg(long)]
        per_event: Amount,
        /// One period of 30 days
        #[arg(long)]
        per_period: Amount,
        /// Shares of what nobody tapped for, per period
        #[arg(long)]
        shared: Amount,
        /// Days it holds, 1 to 365
        #[arg(long, default_value_t = 364, value_parser = clap::value_parser!(u64).range(1..=365))]
        days: u64,
        /// Sign though this release does not know its code, which you read yourself
        #[arg(long)]
        unknown_code: bool,
        #[command(flatten)]
        carrying: Carrying,
    },
    /// End a mandate
    Revoke {
        /// The subcontract's number
        subcontract: u16,
        #[command(flatten)]
        carrying: Carrying,
    },
    /// Set your own bound across all subcontracts
    Limit {
        /// Per period of 30 days
        per_period: Amount,
        #[command(flatten)]
        carrying: Carrying,
    },
}

/// Somebody at the chain with a key.
pub(super) struct Person {
    pub(super) chain: DynProvider,
    pub(super) place: Deployment,
    pub(super) key: PrivateKeySigner,
    /// Their number; 0 for who is no member.
    pub(super) member: u16,
}

impl Person {
    pub(super) async fn new(words: &Words) -> Result<Self> {
        let (chain, key) = words.purse().await?;
        let place = words.deployment(&chain).await?;
        let roster = Roster::new(place.roster, &chain);
        let member = roster
            .memberOf(key.address())
            .call()
            .await
            .map_err(asked("looking you up in the roster"))?;
        Ok(Self {
            chain,
            place,
            key,
            member,
        })
    }

    pub(super) async fn member(words: &Words) -> Result<Self> {
        let person = Self::new(words).await?;
        if person.member == 0 {
            bail!(BadInput(format!(
                "{} is no member's key; ask any member to nominate you, or use another --keystore",
                person.key.address()
            )));
        }
        Ok(person)
    }

    /// Says the deed, then signs it into a file or sends it. Gives its name, and the transaction where it was sent.
    pub(super) async fn act(&self, deed: &Deed, carrying: &Carrying) -> Result<(&'static str, Option<B256>)> {
        let now = chain::time(&self.chain).await?;
        // An hour less than the longest, since a carrier's chain may be behind ours.
        let deadline = now + LONGEST_DEADLINE - 3_600;
        let hand = Hand {
            member: self.member,
            nonce: U256::from_be_bytes(B256::random().0),
            deadline,
        };
        let act = Act::new(deed, hand, &self.place);
        talk::say(&act.sentence);
        match &carrying.sign_only {
            Some(file) => {
                talk::go_ahead("Go ahead?", carrying.yes)?;
                self.sign(deed, &act, deadline, file).await?;
                Ok((act.name, None))
            }
            None => {
                let tx = chain::call(self.key.address(), act.to, act.direct.clone());
                let told = chain::gas_limit(chain::estimated(&self.chain, act.name, &tx).await?);
                let fee = Fee::now(&self.chain).await?;
                talk::say(&format!(
                    "you pay its gas: {told} at most, {} of the chain's coin at most",
                    fee.cost(told)
                ));
                talk::go_ahead("Go ahead?", carrying.yes)?;
                let receipt = chain::land_within(&self.chain, act.name, tx, told, fee).await?;
                talk::say("done");
                Ok((act.name, Some(receipt.transaction_hash)))
            }
        }
    }

    /// Signs the act into a file for anybody to carry.
    async fn sign(&self, deed: &Deed, act: &Act, deadline: u64, file: &Path) -> Result<()> {
        let signature = self.key.sign_hash_sync(&act.digest)?;
        let permit = match deed {
            Deed::Deposit { amount } => {
                member::permit(&self.chain, &self.place, &self.key, *amount, deadline).await?
            }
            _ => None,
        };
        let signed = Signed {
            v: VERSION,
            chain_id: self.place.chain_id,
            to: act.to,
            data: act.carried(signature.as_bytes().to_vec().into()),
            key: self.key.address(),
            permit,
        };
        signed.write(file)?;
        talk::say(&format!(
            "signed: {0}; anybody may carry it by `hearth carry {0}`, and until then you can void it by `hearth cancel {0}`",
            file.display()
        ));
        Ok(())
    }

    /// Sends a call from their own key, and waits until it is in a block.
    pub(super) async fn sends(
        &self,
        act: &str,
        to: Address,
        data: impl Into<Bytes>,
    ) -> Result<TransactionReceipt, ChainError> {
        let tx = chain::call(self.key.address(), to, data.into());
        chain::land(&self.chain, act, tx).await
    }

    /// The same as [`Self::act`], told as JSON where that is wanted.
    pub(super) async fn does(&self, words: &Words, deed: &Deed, carrying: &Carrying) -> Result<()> {
        let (name, sent) = self.act(deed, carrying).await?;
        done(words, name, sent)
    }
}

pub(super) fn done(words: &Words, deed: &str, transaction: Option<B256>) -> Result<()> {
    if words.json {
        talk::json(&json!({"v": 1, "deed": deed, "transaction": transaction}))?;
    }
    Ok(())
}

/// Pays in; on a practice token, what is missing is minted first.
pub(crate) async fn deposit(words: &Words, deposit: &Deposit) -> Result<()> {
    let person = Person::new(words).await?;
    let to = deposit.to.unwrap_or(person.member);
    if to == 0 {
        bail!(BadInput(format!(
            "{} is no member's key; say --to whom",
            person.key.address()
        )));
    }
    if deposit.carrying.sign_only.is_some() {
        if to != person.member {
            bail!(BadInput(
                "a gift is sent by the giver; leave --sign-only away".into()
            ));
        }
        member::must_hold(&person.chain, &person.place, person.key.address(), deposit.amount).await?;
        return person
            .does(
                words,
                &Deed::Deposit {
                    amount: deposit.amount,
                },
                &deposit.carrying,
            )
            .await;
    }
    let whose = if to == person.member {
        "your own"
    } else {
        "as a gift"
    };
    talk::say(&format!(
        "You put {} into the purse of {}, {whose}.",
        deposit.amount,
        person.place.member_name(to)
    ));
    talk::go_ahead("Go ahead?", deposit.carrying.yes)?;
    member::deposit(
        &person.chain,
        &person.place,
        person.key.address(),
        Account::Member(to),
        deposit.amount,
    )
    .await?;
    let free = member::free(&person.chain, &person.place, Account::Member(to)).await?;
    talk::say(&format!(
        "{} now has {} free",
        person.place.member_name(to),
        Amount(free)
    ));
    if words.json {
        talk::json(&json!({"v": 1, "deed": "DepositMoney", "member": to, "free": free.to_string()}))?;
    }
    Ok(())
}

/// Takes out.
pub(crate) async fn withdraw(words: &Words, amount: &str, carrying: &Carrying) -> Result<()> {
    let person = Person::member(words).await?;
    let amount = if amount == "all" {
        let ledger = Ledger::new(person.place.ledger, &person.chain);
        Amount(
            ledger
                .withdrawable(person.member)
                .call()
                .await
                .map_err(asked("reading the purse"))?,
        )
    } else {
        amount
            .parse()
            .map_err(|error| BadInput(format!("{error}, or \"all\"")))?
    };
    person.does(words, &Deed::Withdraw { amount }, carrying).await
}

/// Mandates.
pub(crate) async fn mandate(words: &Words, mandates: &Mandates) -> Result<()> {
    let person = Person::member(words).await?;
    match &mandates.word {
        MandateWord::Sign {
            subcontract,
            per_event,
            per_period,
            shared,
            days,
            unknown_code,
            carrying,
        } => {
            // Beyond the period's cap it allows no more, but holds more of the purse back while weeks are open.
            if per_event > per_period {
                bail!(BadInput(format!(
                    "--per-event: given {}, wanted at most {} as --per-period; more would not be collected, only held back in your purse",
                    per_event.brief(),
                    per_period.brief()
                )));
            }
            let terms_hash = subcontract::terms_hash(&person.chain, &person.place, *subcontract).await?;
            // What code nobody here can read would do with a mandate, its caps bound and nothing else (R19).
            if !unknown_code {
                let known = template::known(&person.chain, &person.place, *subcontract).await;
                known.wrap_err("no mandate is signed; who read that code themselves says --unknown-code")?;
            }
            let now = chain::time(&person.chain).await?;
            // 365 days are an hour less than that, since the chain's time goes on until it is taken.
            let expiry = now + (days * calendar::DAY).min(LONGEST_MANDATE - 3_600);
            let mandate = Mandate {
                subcontract: *subcontract,
                per_event: per_event.0,
                per_period: per_period.0,
                shared_per_period: shared.0,
                expiry,
            };
            person
                .does(words, &Deed::SignMandate { mandate, terms_hash }, carrying)
                .await
        }
        MandateWord::Revoke {
            subcontract,
            carrying,
        } => {
            person
                .does(
                    words,
                    &Deed::RevokeMandate {
                        subcontract: *subcontract,
                    },
                    carrying,
                )
                .await
        }
        MandateWord::Limit { per_period, carrying } => {
            person
                .does(words, &Deed::LimitGlobal { most: *per_period }, carrying)
                .await
        }
    }
}

/// Admission.
pub(crate) async fn join(words: &Words, join: &Join) -> Result<()> {
    let person = Person::new(words).await?;
    let roster = Roster::new(person.place.roster, &person.chain);
    let nominated = async |nomination: &U256| {
        let read = roster
            .nominationOf(*nomination)
            .call()
            .await
            .map_err(asked("reading the nomination"))?;
        if read.candidate.is_zero() {
            bail!(BadInput(format!("there is no nomination {nomination}")));
        }
        Ok(read)
    };
    match &join.word {
        JoinWord::Nominate {
            candidate,
            household,
            carrying,
        } => {
            person
                .does(
                    words,
                    &Deed::Nominate {
                        candidate: *candidate,
                        household: *household,
                    },
                    carrying,
                )
                .await?;
            if carrying.sign_only.is_none() {
                let count = roster
                    .nominationCount()
                    .call()
                    .await
                    .map_err(asked("counting nominations"))?;
                talk::say(&format!(
                    "this is nomination {count}; two more members vouch, the candidate accepts"
                ));
            }
            Ok(())
        }
        JoinWord::Vouch { nomination, carrying } => {
            let candidate = nominated(nomination).await?.candidate;
            person
                .does(
                    words,
                    &Deed::Vouch {
                        nomination: *nomination,
                        candidate,
                    },
                    carrying,
                )
                .await
        }
        JoinWord::Object { nomination, carrying } => {
            let candidate = nominated(nomination).await?.candidate;
            person
                .does(
                    words,
                    &Deed::Object {
                        nomination: *nomination,
                        candidate,
                    },
                    carrying,
                )
                .await
        }
        JoinWord::Accept { nomination, carrying } => {
            let household = nominated(nomination).await?.household;
            let charter = Charter::new(person.place.charter, &person.chain);
            let articles = charter
                .articlesHash()
                .call()
                .await
                .map_err(asked("reading the articles"))?;
            person
                .does(
                    words,
                    &Deed::Join {
                        nomination: *nomination,
                        household,
                        articles,
                    },
                    carrying,
                )
                .await
        }
        JoinWord::Admit { nomination } => {
            let call = Roster::admitCall {
                nomination: *nomination,
            };
            let receipt = person
                .sends("admitting the candidate", person.place.roster, call.abi_encode())
                .await?;
            talk::say("done");
            done(words, "admit", Some(receipt.transaction_hash))
        }
    }
}

/// Declares a band.
pub(crate) async fn band(words: &Words, band: u8, id: u16, carrying: &Carrying) -> Result<()> {
    if band > 7 {
        bail!(BadInput(format!("given band {band}, wanted 0 to 7")));
    }
    let person = Person::member(words).await?;
    let place = template::known(&person.chain, &person.place, id).await?;
    let wood = Firewood::new(place, &person.chain);
    let bounds = wood
        .terms()
        .call()
        .await
        .map_err(asked("reading the terms"))?
        .bounds;
    let means_from = Amount(bounds[usize::from(band)]);
    person
        .does(
            words,
            &Deed::DeclareBand {
                subcontract: id,
                place,
                band,
                means_from,
            },
            carrying,
        )
        .await
}

/// Contests the member's own line.
pub(crate) async fn contest(words: &Words, epoch: u32, stream: u16, carrying: &Carrying) -> Result<()> {
    let person = Person::member(words).await?;
    let reports = docket::reports(&person.chain, &person.place).await?;
    let mut reports = reports.into_iter().map(|(report, _)| report);
    let Some(report) = reports.find(|report| report.epoch.0 == epoch && report.stream.0 == stream) else {
        let terms = docket::stream(&person.chain, &person.place, stream).await?;
        bail!(BadInput(format!(
            "stream {stream} has no accepted report for {} {epoch}; `hearth me` names those that can be contested",
            calendar::word(calendar::epoch_kind(terms.epochKind))
        )));
    };
    person
        .does(
            words,
            &Deed::Contest {
                subcontract: report.subcontract.0,
                stream,
                epoch,
                report: report.digest(&Domain {
                    chain_id: person.place.chain_id,
                    docket: person.place.docket,
                }),
            },
            carrying,
        )
        .await
}

/// The member's own list of an epoch, from the first seat whose answer the report on chain commits to.
pub(crate) async fn list(words: &Words, epoch: Option<u32>, stream: u16, seat: Option<&str>) -> Result<()> {
    let person = Person::member(words).await?;
    let (chain, place) = (&person.chain, &person.place);
    let epoch_kind = calendar::epoch_kind(docket::stream(chain, place, stream).await?.epochKind);
    let word = calendar::word(epoch_kind);
    let reports = docket::reports(chain, place).await?;
    let mut newest_first = reports.into_iter().rev().map(|(report, _)| report);
    let report = newest_first.find(|report| {
        report.stream.0 == stream
            && epoch.map_or(report.verdict == Verdict::Ok, |epoch| report.epoch.0 == epoch)
    });
    let Some(report) = report else {
        let which = epoch.map_or_else(
            || format!("no {word}"),
            |epoch| format!("no report of {word} {epoch}"),
        );
        bail!(NotYet(format!("{which} of stream {stream} is accepted yet")));
    };
    if report.verdict != Verdict::Ok {
        bail!(BadInput(format!(
            "the report of {word} {} counts nobody anything, so nobody has a list of it",
            report.epoch
        )));
    }
    let question = Question {
        network: Network::of(place.chain_id, place.charter),
        stream: report.stream,
        epoch: report.epoch,
        member: MemberId(person.member),
    };
    let seats = match seat {
        Some(seat) => vec![seat.to_owned()],
        None => list::endpoints(chain, place).await?,
    };
    let mut refusals = Vec::new();
    for seat in &seats {
        let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
        match list::ask(seat, &question, &person.key, now, &report.payload).await {
            Ok(items) => return itemised(words, &person, &report, epoch_kind, seat, &items).await,
            Err(refused) => refusals.push(refused),
        }
    }
    let mut refusals = refusals.into_iter();
    match (refusals.next(), refusals.len()) {
        (Some(refused), 0) => Err(refused.into()),
        (first, _) => {
            let said: Vec<String> = first
                .into_iter()
                .chain(refusals)
                .map(|one| one.to_string())
                .collect();
            bail!(NotYet(format!("no seat gave your list: {}", said.join("; "))))
        }
    }
}

async fn itemised(
    words: &Words,
    person: &Person,
    report: &Report,
    epoch_kind: EpochKind,
    seat: &str,
    items: &[Item],
) -> Result<()> {
    let (epoch, stream) = (report.epoch, report.stream);
    if words.json {
        return talk::json(&json!({
            "v": 1, "member": person.member, "stream": stream, "epoch": epoch, "seat": seat, "items": items,
        }));
    }
    let tz = view::tz(&person.chain, &person.place).await?;
    let word = calendar::word(epoch_kind);
    talk::line(&format!(
        "{}, your own list of {word} {epoch}, as the report on chain commits to it; from {seat}",
        person.place.member_name(person.member)
    ));
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| {
            let deed = match item.deed {
                Counted::Taken => "taken",
                Counted::Returned => "brought back",
            };
            let kilograms = format!("{}.{:03}", item.grams / 1_000, item.grams % 1_000);
            vec![
                calendar::shown(item.time, tz),
                deed.into(),
                item.pieces.to_string(),
                kilograms,
            ]
        })
        .collect();
    talk::table(&["when", "deed", "pieces", "kg"], &rows);
    talk::say(&format!(
        "what is not yours you contest by `hearth contest {epoch} --stream {stream}` while its window runs"
    ));
    Ok(())
}

/// Leaves.
pub(crate) async fn leave(words: &Words, carrying: &Carrying) -> Result<()> {
    Person::member(words)
        .await?
        .does(words, &Deed::Leave, carrying)
        .await
}

/// Enrols the member's badge, or gives it up.
pub(crate) async fn badge(words: &Words, badge: B256, carrying: &Carrying) -> Result<()> {
    Person::member(words)
        .await?
        .does(words, &Deed::EnrolBadge { badge }, carrying)
        .await
}

/// A badge's hash, or none.
pub(super) fn badge_or_none(text: &str) -> Result<B256, String> {
    match text {
        "none" => Ok(B256::ZERO),
        hash => hash
            .parse()
            .map_err(|_| format!("given {hash:?}, wanted a badge's hash, 64 hex digits, or none")),
    }
}

/// Replaces a device of a stream the member keeps.
pub(crate) async fn replace_device(
    words: &Words,
    stream: u16,
    index: u8,
    card: &Path,
    carrying: &Carrying,
) -> Result<()> {
    let Card::Device(device) = card::read(card)? else {
        bail!(BadInput(format!("{} is not a device's card", card.display())));
    };
    let deed = Deed::ReplaceDevice {
        stream,
        index,
        device: plan::device(&device),
    };
    Person::member(words).await?.does(words, &deed, carrying).await
}

/// Supports tightening an entrenched limit.
pub(crate) async fn tighten(words: &Words, name: &str, value: u64, carrying: &Carrying) -> Result<()> {
    let mut numbered = (0u8..).zip(LIMITS);
    let Some((limit, found)) = numbered.find(|(_, limit)| limit.name == name) else {
        bail!(BadInput(format!(
            "given the limit {name:?}, wanted one of {}",
            LIMITS.map(|limit| limit.name).join(", ")
        )));
    };
    if !found.range.contains(&value) {
        bail!(BadInput(format!(
            "{name}: given {value}, wanted from {} to {}",
            found.range.start(),
            found.range.end()
        )));
    }
    let deed = Deed::Tighten { limit, value };
    Person::member(words).await?.does(words, &deed, carrying).await
}
