//! Weeks of given lines, played through the real contracts on a throwaway chain (R19, rehearsal).
//!
//! *In*: a [`Scenario`]. *Out*: an [`Outcome`]: who would have paid what, to the unit. The charter is founded by the one
//! path of [`crate::found`], reports are sealed by real signatures of a real quorum, and every figure is read from the
//! contracts' events and purses.
//!
//! Ignition is Sunday 23:55 local time; deposits land at ignition, a week's own deposits two days into it; each week is
//! settled 24 hours and a minute after its end, where its verdict is OK.

mod scenario;

use std::collections::BTreeMap;

use alloy::network::EthereumWallet;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::{DynProvider, ext::AnvilApi};
use alloy::rpc::types::TransactionReceipt;
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy::sol_types::SolCall;
use hearth_bindings::{Committee, Docket, Firewood, Kind, Ledger};
use hearth_oracle_core::chain::Domain;
use hearth_oracle_core::report::{Report, as_parent};
use hearth_oracle_core::types::{Attempt, Calendar, EpochKind, Seats, StreamId, SubcontractId, Verdict};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::amount::Amount;
use crate::artifacts::Artifacts;
use crate::calendar;
use crate::card::DeviceCard;
use crate::chain::{self, ChainError, asked};
use crate::found::{self, Deployment, FoundError};
use crate::kit::{
    CommitteeTerms, ConsentTerms, FounderTerms, Kit, MandateTerms, SeatTerms, StreamTerms, SubcontractTerms,
};
use crate::member::{self, Account};
use crate::plan::Plan;
use crate::refusal;
use crate::sign::{Consent, LONGEST_MANDATE, SignError, Signature};
use crate::throwaway::{self, ThrowawayError};
use scenario::{Given, Line, Taken, Units};
pub use scenario::{Member, Parameters, Scenario, ScenarioError, Week, read};

/// A Monday, 00:00 at +01:00, as good as any: 5 January 2026.
const FIRST_MONDAY: u64 = 1_767_567_600;
const TZ: i32 = 3_600;
const SEATS: u8 = 4;
const WOOD: u16 = 1;
const STREAM: u16 = 1;
const SHRINKAGE: u8 = 0;
const WARMTH: u8 = 1;
/// Gas sent with a step: more than any takes, and no more than one transaction may anywhere (EIP-7825).
const PLENTY_OF_GAS: u64 = 16_000_000;
/// Wei that nobody runs out of.
const PLENTY: u128 = 1_000_000_000_000_000_000_000_000;

/// What became of it; amounts in units of H, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Week after week.
    pub weeks: Vec<Settled>,
    /// Free in each purse at the end.
    pub purses: BTreeMap<String, String>,
    /// Owed by each at the end.
    pub arrears: BTreeMap<String, String>,
    /// In each pot at the end.
    pub pots: BTreeMap<String, String>,
}

/// What one week did, by member; all empty where its verdict was not OK.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// The band applied.
    pub band: BTreeMap<String, String>,
    /// Before caps.
    pub charge: BTreeMap<String, String>,
    /// Of the charge.
    pub paid: BTreeMap<String, String>,
    /// Of the charge: within the caps, not affordable.
    pub arrears: BTreeMap<String, String>,
    /// Of the charge: beyond the caps.
    pub extinguished: BTreeMap<String, String>,
    /// Paid of a share of what nobody tapped for.
    pub shared: BTreeMap<String, String>,
    /// To the provider for the period before; in the first settlement of a later period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub true_up: Option<String>,
    /// Kept of what charges paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_shrinkage: Option<String>,
    /// Of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_warmth: Option<String>,
    /// Of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_provider: Option<String>,
    /// What nobody tapped for, paid from the shrinkage reserve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_reserve: Option<String>,
    /// What nobody tapped for, paid by nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub borne_by_provider: Option<String>,
}

/// Why a scenario could not be played.
#[derive(Debug, Error)]
pub enum RehearseError {
    /// One hash in 2^128 or so is no key.
    #[error("no key can be made for the {0}; give another name")]
    Key(String),
    /// There is no throwaway chain.
    #[error("there is no throwaway chain to rehearse on")]
    Throwaway(#[from] ThrowawayError),
    /// The charter could not be founded.
    #[error("the charter of the scenario could not be founded")]
    Found(#[from] FoundError),
    /// A founder could not sign.
    #[error("a founder of the scenario could not sign")]
    Sign(#[from] SignError),
    /// A step of the play was refused.
    #[error("the play stopped")]
    Chain(#[from] ChainError),
    /// The throwaway chain would not have its clock set, or somebody's coin.
    #[error("the throwaway chain could not be steered")]
    Steer(#[source] alloy::transports::TransportError),
    /// A week did not settle.
    #[error("week {week} did not settle: {reason}")]
    Unsettled {
        /// Which, from 1.
        week: usize,
        /// The subcontract's words.
        reason: String,
    },
}

impl Scenario {
    fn kit(&self, keys: &Keys) -> Kit {
        let provider = self
            .number(&self.provider)
            .map_or(0, |number| usize::from(number) - 1);
        let amounts = |units: [Units; 8]| units.map(|Units(units)| Amount(units));
        Kit {
            name: "rehearsal".into(),
            kit: "firewood".into(),
            articles: "We rehearse.".into(),
            tz: TZ,
            floor: Amount(self.parameters.floor.0),
            token: None,
            committee: CommitteeTerms {
                grace_seconds: 30,
                turn_seconds: 15,
                finality_blocks: 2,
                bond: Amount(10_000_000),
            },
            // In the order of `LIMITS`.
            limits: [
                200_000, 1_000, 0, 2_592_000, 1_209_600, 9_500, 5_000, 1_209_600, 300, 2_000,
            ],
            subcontracts: vec![SubcontractTerms {
                name: "firewood".into(),
                stream: 0,
                provider,
                p0: Amount(self.parameters.p0.0),
                ref_grams: self.parameters.ref_grams,
                mu_bps: self.parameters.mu,
                bands: amounts(self.parameters.bands),
                shrinkage_bps: 200,
            }],
            streams: vec![StreamTerms {
                name: "wood-pile".into(),
                subcontract: 0,
                epoch: EpochKind::Week,
                window_seconds: 86_400,
                zone: "wood-pile".into(),
                custodian: provider,
                data_class: 0,
                estimator: "firewood".into(),
                parameters: Bytes::new(),
                model_hash: B256::ZERO,
                devices: vec![DeviceCard {
                    v: crate::card::VERSION,
                    name: "radar".into(),
                    kind: "radar".into(),
                    key: keccak256("rehearsal radar"),
                    interval_seconds: 1_800,
                    calibrated_until: u64::from(u32::MAX),
                }],
            }],
            founders: self
                .members
                .iter()
                .zip(&keys.members)
                .zip(1u16..)
                .map(|((member, key), household)| FounderTerms {
                    name: member.name.clone(),
                    key: key.address(),
                    household,
                    consent: ConsentTerms {
                        most_per_period: Amount(member.global_per_period.0),
                        mandates: vec![Some(MandateTerms {
                            per_event: Amount(member.mandate.per_event.0),
                            per_period: Amount(member.mandate.per_period.0),
                            shared_per_period: Amount(member.mandate.shared_per_period.0),
                        })],
                        band: member.band,
                        badge: keccak256(format!("rehearsal badge of {}", member.name)),
                    },
                })
                .collect(),
            seats: (keys.identities.iter().zip(0..))
                .map(|(key, seat): (_, u8)| SeatTerms {
                    name: format!("seat-{seat}"),
                    identity: key.address(),
                    card: None,
                })
                .collect(),
            alternates: Vec::new(),
            parent: None,
            source_hash: B256::ZERO,
        }
    }
}

/// Everybody's keys: made from their names, since the chain they serve ends with the play.
struct Keys {
    members: Vec<PrivateKeySigner>,
    identities: Vec<PrivateKeySigner>,
    reports: Vec<PrivateKeySigner>,
}

impl Keys {
    fn of(scenario: &Scenario) -> Result<Self, RehearseError> {
        let key = |name: String| {
            PrivateKeySigner::from_bytes(&keccak256(&name)).map_err(|_| RehearseError::Key(name))
        };
        let seats = |what: &str| -> Result<Vec<_>, _> {
            (0..SEATS)
                .map(|seat| key(format!("rehearsal {what} {seat}")))
                .collect()
        };
        Ok(Self {
            members: (scenario.members.iter())
                .map(|member| key(format!("rehearsal member {}", member.name)))
                .collect::<Result<_, _>>()?,
            identities: seats("identity")?,
            reports: seats("report key")?,
        })
    }

    fn wallet(&self) -> EthereumWallet {
        let mut wallet = EthereumWallet::default();
        for key in self.members.iter().chain(&self.identities) {
            wallet.register_signer(key.clone());
        }
        wallet
    }
}

/// Plays a scenario; `progress` hears of every stage.
///
/// # Errors
/// See [`RehearseError`].
pub async fn rehearse(scenario: &Scenario, mut progress: impl FnMut(&str)) -> Result<Outcome, RehearseError> {
    let ignition = FIRST_MONDAY - 300;
    let keys = Keys::of(scenario)?;
    let anvil = throwaway::start(ignition - calendar::DAY)?;
    let chain = chain::connect(&anvil.endpoint(), Some(keys.wallet())).await?;
    for key in keys.members.iter().chain(&keys.identities) {
        chain
            .anvil_set_balance(key.address(), U256::from(PLENTY))
            .await
            .map_err(RehearseError::Steer)?;
    }

    progress("founding");
    let kit = scenario.kit(&keys);
    let plan = Plan::new(&kit, &Artifacts::embedded(), anvil.chain_id());
    let until = chain::time(&chain).await? + LONGEST_MANDATE - 3_600;
    let signatures = (keys.members.iter().zip(&kit.founders))
        .map(|(key, founder)| Signature::make(&kit, &plan, Consent::from_terms(&founder.consent, until), key))
        .collect::<Result<Vec<_>, _>>()?;
    let sender = keys.members[0].address();
    let place = found::found(&chain, sender, &kit, &plan, &signatures, |_| {}).await?;
    let mut play = Play {
        scenario,
        chain,
        place,
        keys,
        parent: B256::ZERO,
        observed: FIRST_MONDAY,
        period: None,
    };
    play.seat().await?;
    for (member, key) in scenario.members.iter().zip(&play.keys.members) {
        play.pay_in(key.address(), &member.name, member.deposit).await?;
    }
    play.at(ignition).await?;
    play.place = found::ignite(&play.chain, sender, &kit, &plan).await?;
    if scenario.parameters.warmth.0 > 0 {
        let warmth = Account::Pot(WOOD, WARMTH);
        member::deposit(
            &play.chain,
            &play.place,
            sender,
            warmth,
            Amount(scenario.parameters.warmth.0),
        )
        .await?;
    }

    let mut outcome = Outcome::default();
    for (number, week) in scenario.weeks.iter().enumerate() {
        progress(&format!("week {} of {}", number + 1, scenario.weeks.len()));
        outcome.weeks.push(play.week(number, week).await?);
    }
    play.close(&mut outcome).await?;
    Ok(outcome)
}

struct Play<'a> {
    scenario: &'a Scenario,
    chain: DynProvider,
    place: Deployment,
    keys: Keys,
    /// The next report's parent: the last accepted one's digest; zero before the first.
    parent: B256,
    /// The last report's cut, unix seconds, from which the next one counts.
    observed: u64,
    /// The period of the last settlement; the first of a later one gives the provider the true-up.
    period: Option<u32>,
}

impl Play<'_> {
    async fn at(&self, time: u64) -> Result<(), RehearseError> {
        self.chain
            .anvil_set_next_block_timestamp(time)
            .await
            .map_err(RehearseError::Steer)
    }

    async fn land(
        &self,
        act: &str,
        from: Address,
        to: Address,
        data: Vec<u8>,
    ) -> Result<TransactionReceipt, ChainError> {
        // The next block's time is set already, and an estimate would be made at the present one's.
        let tx = chain::call(from, to, data.into());
        chain::land_with_gas(&self.chain, act, tx, PLENTY_OF_GAS).await
    }

    async fn seat(&self) -> Result<(), RehearseError> {
        for (seat, (identity, report)) in (0..SEATS).zip(self.keys.identities.iter().zip(&self.keys.reports))
        {
            let from = identity.address();
            let bond = Amount(member::bond(&self.chain, &self.place).await?);
            member::deposit(&self.chain, &self.place, from, Account::Seat(seat), bond).await?;
            let call = Committee::registerCall {
                id: seat,
                reportKey: report.address(),
                transportKey: keccak256(format!("rehearsal transport {seat}")),
                endpoint: format!("http://127.0.0.1:{}", 7_000 + u16::from(seat)),
            };
            self.land(
                "registering a seat",
                from,
                self.place.committee,
                call.abi_encode(),
            )
            .await?;
        }
        Ok(())
    }

    /// A member's own deposit.
    async fn pay_in(&self, from: Address, name: &str, amount: Units) -> Result<(), RehearseError> {
        let Some(number) = self.scenario.number(name).filter(|_| amount.0 > 0) else {
            return Ok(());
        };
        Ok(member::deposit(
            &self.chain,
            &self.place,
            from,
            Account::Member(number),
            Amount(amount.0),
        )
        .await?)
    }

    async fn week(&mut self, number: usize, week: &Week) -> Result<Settled, RehearseError> {
        let begin = FIRST_MONDAY + number as u64 * calendar::WEEK;
        let end = begin + calendar::WEEK;
        if !week.deposits.is_empty() {
            self.at(begin + 2 * calendar::DAY).await?;
        }
        for paid in &week.deposits {
            let key = self
                .scenario
                .number(&paid.member)
                .map(|number| &self.keys.members[usize::from(number) - 1]);
            if let Some(key) = key {
                self.pay_in(key.address(), &paid.member, paid.amount).await?;
            }
        }

        let report = self.report(begin, end, week);
        let digest = self.submit(&report, end + 1).await?;
        let parent = std::mem::replace(&mut self.parent, as_parent(digest));
        self.observed = end;
        if week.verdict != Given::Ok {
            return Ok(Settled::default());
        }
        self.at(end + calendar::DAY + 60).await?;
        let call = Docket::settleCall {
            header: report.header(),
            parent,
            envelopes: report.envelopes,
            payload: report.payload.clone(),
        };
        let from = self.keys.members[0].address();
        let receipt = self
            .land("settling", from, self.place.docket, call.abi_encode())
            .await?;
        self.settled_in(&receipt, number, week)
    }

    fn report(&self, begin: u64, end: u64, week: &Week) -> Report {
        let ok = week.verdict == Given::Ok;
        let calendar = Calendar {
            tz: TZ,
            ignition: self.place.t0,
        };
        let epoch = calendar.epoch_at(EpochKind::Week, begin);
        Report {
            subcontract: SubcontractId(WOOD),
            stream: StreamId(STREAM),
            epoch,
            attempt: Attempt(0),
            version: 1,
            observed_from: self.observed,
            observed_to: end,
            verdict: match week.verdict {
                Given::Ok => Verdict::Ok,
                Given::Stale => Verdict::Stale,
                Given::Contested => Verdict::Contested,
            },
            confidence: 10_000,
            coverage: if ok { 10_000 } else { 0 },
            parent: self.parent,
            envelopes: keccak256(epoch.0.to_be_bytes()),
            payload: if ok { self.payload(week) } else { Bytes::new() },
        }
    }

    /// Big-endian and packed, as the wire formats say; lines ascend by member.
    fn payload(&self, week: &Week) -> Bytes {
        let none = Taken { pieces: 0, grams: 0 };
        let unattributed = week.unattributed.unwrap_or(none);
        let mut bytes = B256::ZERO.to_vec();
        bytes.extend(unattributed.pieces.to_be_bytes());
        bytes.extend(unattributed.grams.to_be_bytes());
        let lines: BTreeMap<u16, &Line> = week
            .lines
            .iter()
            .filter_map(|line| Some((self.scenario.number(&line.member)?, line)))
            .collect();
        for (member, line) in lines {
            bytes.extend(member.to_be_bytes());
            bytes.extend(line.pieces.to_be_bytes());
            bytes.extend(line.grams.to_be_bytes());
        }
        bytes.into()
    }

    /// Seals by the first seats of a quorum, and submits at `time`.
    async fn submit(&self, report: &Report, time: u64) -> Result<B256, RehearseError> {
        let domain = Domain {
            chain_id: self.place.chain_id,
            docket: self.place.docket,
        };
        let digest = report.digest(&domain);
        let quorum = Seats(SEATS).quorum();
        let mut header = report.header();
        let mut seal = Vec::with_capacity(quorum * 64);
        for (seat, key) in self.keys.reports.iter().take(quorum).enumerate() {
            let signed = key.sign_hash_sync(&digest).map_err(|source| SignError::Key {
                key: key.address(),
                source,
            })?;
            header |= U256::from(1) << seat;
            seal.extend(signed.as_erc2098());
        }
        self.at(time).await?;
        let call = Docket::submitCall {
            header,
            envelopes: report.envelopes,
            payload: report.payload.clone(),
            seal: seal.into(),
        };
        let from = self.keys.members[0].address();
        self.land("submitting a report", from, self.place.docket, call.abi_encode())
            .await?;
        Ok(digest)
    }

    /// What a week came to, from the events of its settlement.
    fn settled_in(
        &mut self,
        receipt: &TransactionReceipt,
        number: usize,
        week: &Week,
    ) -> Result<Settled, RehearseError> {
        let mut settled = Settled::default();
        let unsettled = |reason: String| RehearseError::Unsettled {
            week: number + 1,
            reason,
        };
        if week.unattributed.is_some() {
            for member in self
                .scenario
                .members
                .iter()
                .filter(|member| member.name != self.scenario.provider)
            {
                settled.shared.insert(member.name.clone(), "0".into());
            }
        }
        let mut money = None;
        for log in receipt.inner.logs() {
            if let Ok(line) = log.log_decode::<Firewood::LineSettled>() {
                let name = self.scenario.name(line.inner.member);
                let zero = || "0".to_owned();
                settled.band.insert(name.clone(), line.inner.band.to_string());
                settled.charge.insert(name.clone(), line.inner.charge.to_string());
                for map in [&mut settled.paid, &mut settled.arrears, &mut settled.extinguished] {
                    map.entry(name.clone()).or_insert_with(zero);
                }
            } else if let Ok(collected) = log.log_decode::<Ledger::Collected>() {
                let name = self.scenario.name(collected.inner.payer);
                let outcome = &collected.inner.outcome;
                match Kind::of(collected.inner.kind) {
                    Some(Kind::Charge) => {
                        settled.paid.insert(name.clone(), outcome.paid.to_string());
                        settled.arrears.insert(name.clone(), outcome.arrears.to_string());
                        settled
                            .extinguished
                            .insert(name, outcome.extinguished.to_string());
                    }
                    Some(Kind::Shared) => {
                        settled.shared.insert(name, outcome.paid.to_string());
                    }
                    None => {}
                }
            } else if let Ok(failed) = log.log_decode::<Docket::SettlementFailed>() {
                let reason = &failed.inner.reason;
                return Err(unsettled(
                    refusal::sentence(reason).unwrap_or_else(|| reason.to_string()),
                ));
            } else if let Ok(wood) = log.log_decode::<Firewood::WoodSettled>() {
                money = Some((wood.inner.period, wood.inner.money.clone()));
            }
        }
        let (period, money) = money.ok_or_else(|| unsettled("the subcontract settled nothing".into()))?;
        if self.period.replace(period).is_some_and(|before| before != period) {
            settled.true_up = Some(money.trueUp.to_string());
        }
        settled.to_shrinkage = Some(money.toShrinkage.to_string());
        settled.to_warmth = Some(money.toWarmth.to_string());
        settled.to_provider = Some(money.toProvider.to_string());
        if week.unattributed.is_some() {
            settled.from_reserve = Some(money.fromReserve.to_string());
            settled.borne_by_provider = Some(money.borneByProvider.to_string());
        }
        Ok(settled)
    }

    async fn close(&self, outcome: &mut Outcome) -> Result<(), RehearseError> {
        let ledger = Ledger::new(self.place.ledger, &self.chain);
        for (member, number) in self.scenario.members.iter().zip(1u32..) {
            let purse = ledger
                .purse(number)
                .call()
                .await
                .map_err(asked("reading a purse"))?;
            outcome.purses.insert(member.name.clone(), purse.free.to_string());
            outcome
                .arrears
                .insert(member.name.clone(), purse.arrears.to_string());
        }
        for (name, slot) in [("shrinkage", SHRINKAGE), ("warmth", WARMTH)] {
            let free = member::free(&self.chain, &self.place, Account::Pot(WOOD, slot)).await?;
            outcome.pots.insert(name.into(), free.to_string());
        }
        Ok(())
    }
}
