//! What stands on the chain, read for people: a member's own page, and the whole polity.
//!
//! *In*: a [`Deployment`], a chain. *Out*: plain figures; amounts in units of H. Everything comes from views and events,
//! so anybody with a node sees the same. *Never*: joins one person's data across subcontracts (I17).

use alloy::primitives::{Address, aliases::U40};
use alloy::providers::DynProvider;
use hearth_bindings::{Charter, Committee, Docket, Ledger, Mandates, Roster};
use hearth_oracle_core::types::Verdict;
use serde::Serialize;

use crate::calendar;
use crate::chain::{self, ChainError, asked};
use crate::docket;
use crate::found::Deployment;
use crate::member::Account;
use crate::open::{self, Opened, SUNSET};

/// One member's own page.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Number.
    pub member: u16,
    /// Name, where the deployment knows it.
    pub name: String,
    /// Current key.
    pub key: Address,
    /// When they left, unix seconds; none for who has not (R16.1).
    pub left: Option<u64>,
    /// Free in the purse.
    pub free: u64,
    /// Protected from charges.
    pub floor: u64,
    /// Owed to others, without interest.
    pub arrears: u64,
    /// What can be taken out now.
    pub withdrawable: u64,
    /// The most that can be taken this period without a new signature, as the ledger counts it: a mandate for what is over
    /// counts until it ends (R1.6).
    pub exposure: u64,
    /// The same in the next period.
    pub next_exposure: u64,
    /// Mandates in force from the next local day on.
    pub mandates: Vec<MandateView>,
    /// What only this member can do next, in words.
    pub needs_you: Vec<String>,
}

/// One mandate in force.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MandateView {
    /// Which subcontract.
    pub subcontract: u16,
    /// Where the subcontract stands in its life (R5.6).
    pub state: &'static str,
    /// One line of one report.
    pub per_event: u64,
    /// Per period.
    pub per_period: u64,
    /// Used of it this period.
    pub used: u64,
    /// Shares per period.
    pub shared_per_period: u64,
    /// Used of them this period.
    pub used_shared: u64,
    /// Unix seconds.
    pub expiry: u64,
}

/// The whole polity.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Name.
    pub name: String,
    /// Chain.
    pub chain_id: u64,
    /// The charter.
    pub charter: Address,
    /// Network name.
    pub network: String,
    /// Ignition, unix seconds; 0 before it.
    pub t0: u64,
    /// Chain time, unix seconds.
    pub now: u64,
    /// Members now.
    pub population: u16,
    /// Committee version.
    pub version: u32,
    /// Signatures that seal a report.
    pub quorum: u8,
    /// Seats.
    pub seats: Vec<SeatView>,
    /// Streams.
    pub streams: Vec<StreamView>,
    /// Subcontracts.
    pub subcontracts: Vec<SubcontractView>,
    /// Members' purses.
    pub purses: Vec<PurseView>,
    /// Sum of all accounts at the ledger.
    pub total: String,
}

/// One seat.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatView {
    /// Number, from 0.
    pub seat: u8,
    /// Name.
    pub name: String,
    /// Whether its bond is held.
    pub bonded: bool,
    /// Its report key; zero while vacant.
    pub report_key: Address,
    /// Its endpoint.
    pub endpoint: String,
}

/// One stream.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamView {
    /// Number, from 1.
    pub stream: u16,
    /// Name.
    pub name: String,
    /// Whose reports it feeds.
    pub subcontract: u16,
    /// Devices in force.
    pub devices: usize,
    /// Epoch of the last accepted report; none before the first, since the first period is epoch 0.
    pub last_epoch: Option<u32>,
}

/// One subcontract.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubcontractView {
    /// Number, from 1.
    pub subcontract: u16,
    /// Name.
    pub name: String,
    /// Its contract.
    pub address: Address,
    /// Where it stands in its life (R5.6).
    pub state: &'static str,
    /// Members with a live mandate.
    pub signers: u16,
    /// Its pots, by slot.
    pub pots: Vec<u64>,
    /// Who opened it and what it waits for, while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened: Option<Opened>,
}

/// One purse.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PurseView {
    /// Member.
    pub member: u16,
    /// Name.
    pub name: String,
    /// When they left, unix seconds; none for who has not (R16.1).
    pub left: Option<u64>,
    /// Free.
    pub free: u64,
    /// Owed to others.
    pub arrears: u64,
    /// The most that can be taken this period (R1.6).
    pub exposure: u64,
}

impl Deployment {
    /// A contract's name, where the founding, or an opening noted here, named it.
    #[must_use]
    pub fn name_of(&self, address: Address) -> Option<&str> {
        let mut named = self.subcontracts.iter();
        named
            .find(|named| named.address == address)
            .map(|named| named.name.as_str())
    }

    /// A member's name, where the founding named them.
    #[must_use]
    pub fn member_name(&self, member: u16) -> String {
        let named = self
            .members
            .get(usize::from(member).saturating_sub(1))
            .filter(|_| member > 0);
        named.map_or_else(|| format!("member {member}"), |named| named.name.clone())
    }
}

/// Reads one member's page.
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn me(chain: &DynProvider, place: &Deployment, member: u16) -> Result<Me, ChainError> {
    let roster = Roster::new(place.roster, chain);
    let ledger = Ledger::new(place.ledger, chain);
    let mandates = Mandates::new(place.mandates, chain);
    let purse = ledger
        .purse(u32::from(member))
        .call()
        .await
        .map_err(asked("reading the purse"))?;
    let exposure = ledger
        .maxExposure(member)
        .call()
        .await
        .map_err(asked("reading the exposure"))?;
    let now = chain::time(chain).await?;
    let left = left(chain, place, member).await?;
    let mut live = Vec::new();
    let mut needs_you = Vec::new();
    for subcontract in 1..=subcontracts(chain, place).await? {
        // A change holds from the next local day, so that is where to look.
        let begin = U40::saturating_from(now.max(place.t0) + calendar::DAY);
        let read = mandates.mandateAt(member, subcontract, begin).call().await;
        let read = read.map_err(asked("reading a mandate"))?;
        let expiry = read.caps.expiry.to::<u64>();
        let state = open::state(chain, place, subcontract).await?;
        if expiry == 0 {
            if left.is_none() && state != SUNSET {
                needs_you.push(format!(
                    "subcontract {subcontract} waits for your mandate, if you want to take part"
                ));
            }
            continue;
        }
        if state == SUNSET {
            needs_you.push(format!(
                "subcontract {subcontract} is over, yet your mandate for it counts in what can be taken from you until you \
                 end it by `hearth mandate revoke {subcontract}`"
            ));
        } else if expiry < now + 30 * calendar::DAY {
            needs_you.push(format!(
                "your mandate for subcontract {subcontract} ends within 30 days"
            ));
        }
        live.push(MandateView {
            subcontract,
            state,
            per_event: read.caps.perEvent,
            per_period: read.caps.perPeriod,
            used: read.usedPerPeriod,
            shared_per_period: read.caps.sharedPerPeriod,
            used_shared: read.usedSharedPerPeriod,
            expiry,
        });
    }
    for (report, accepted_at) in docket::reports(chain, place).await? {
        // A leaver still pays for epochs begun before (R16.1), and for no other.
        if left.is_some_and(|left| left <= report.observed_from) {
            continue;
        }
        let terms = docket::stream(chain, place, report.stream.0).await?;
        let window = u64::from(terms.windowSeconds);
        if report.verdict == Verdict::Ok && now <= accepted_at + window {
            needs_you.push(format!(
                "the report of {} {} can be contested until {}",
                calendar::word(calendar::epoch_kind(terms.epochKind)),
                report.epoch.0,
                calendar::shown(accepted_at + window, tz(chain, place).await?)
            ));
        }
    }
    Ok(Me {
        member,
        name: place.member_name(member),
        key: roster
            .keyOf(member)
            .call()
            .await
            .map_err(asked("reading the roster"))?,
        left,
        free: purse.free,
        floor: purse.floor,
        arrears: purse.arrears,
        withdrawable: ledger
            .withdrawable(member)
            .call()
            .await
            .map_err(asked("reading the purse"))?,
        exposure: exposure.thisPeriod,
        next_exposure: exposure.nextPeriod,
        mandates: live,
        needs_you,
    })
}

/// Local time's offset, seconds.
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn tz(chain: &DynProvider, place: &Deployment) -> Result<i32, ChainError> {
    Charter::new(place.charter, chain)
        .tz()
        .call()
        .await
        .map_err(asked("reading the local time"))
}

async fn subcontracts(chain: &DynProvider, place: &Deployment) -> Result<u16, ChainError> {
    Charter::new(place.charter, chain)
        .subcontractCount()
        .call()
        .await
        .map_err(asked("counting subcontracts"))
}

async fn left(chain: &DynProvider, place: &Deployment, member: u16) -> Result<Option<u64>, ChainError> {
    let left = Roster::new(place.roster, chain).leftAt(member).call().await;
    let left = left.map_err(asked("reading the roster"))?.to::<u64>();
    Ok((left != 0).then_some(left))
}

/// Reads the polity.
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn status(chain: &DynProvider, place: &Deployment) -> Result<Status, ChainError> {
    let charter = Charter::new(place.charter, chain);
    let roster = Roster::new(place.roster, chain);
    let ledger = Ledger::new(place.ledger, chain);
    let docket = Docket::new(place.docket, chain);
    let committee = Committee::new(place.committee, chain);
    let mandates = Mandates::new(place.mandates, chain);
    let now = chain::time(chain).await?;
    let mut seats = Vec::new();
    for seat in 0..committee
        .seatCount()
        .call()
        .await
        .map_err(asked("counting seats"))?
    {
        let read = committee
            .seat(seat)
            .call()
            .await
            .map_err(asked("reading a seat"))?;
        seats.push(SeatView {
            seat,
            name: place
                .seats
                .get(usize::from(seat))
                .map(|named| named.name.clone())
                .unwrap_or_default(),
            bonded: read.bonded,
            report_key: read.reportKey,
            endpoint: read.endpoint,
        });
    }
    let mut streams = Vec::new();
    for stream in 1..=docket
        .streamCount()
        .call()
        .await
        .map_err(asked("counting streams"))?
    {
        let terms = docket
            .streamOf(stream)
            .call()
            .await
            .map_err(asked("reading a stream"))?
            .terms;
        let begin = U40::saturating_from(now);
        let devices = docket
            .devicesAt(stream, begin)
            .call()
            .await
            .map_err(asked("reading devices"))?;
        let head = docket
            .head(stream)
            .call()
            .await
            .map_err(asked("reading the last report"))?;
        streams.push(StreamView {
            stream,
            name: place
                .streams
                .get(usize::from(stream) - 1)
                .cloned()
                .unwrap_or_default(),
            subcontract: terms.subcontract,
            devices: devices.len(),
            last_epoch: (!head._0.is_zero()).then(|| head._1.to()),
        });
    }
    let mut all = Vec::new();
    for id in 1..=subcontracts(chain, place).await? {
        let state = open::state(chain, place, id).await?;
        let address = charter
            .subcontractAt(id)
            .call()
            .await
            .map_err(asked("reading a subcontract"))?;
        let opened = match state {
            "open" => open::opened(chain, place, id).await?,
            _ => None,
        };
        let mut pots = Vec::new();
        for slot in 0..charter
            .potsOf(id)
            .call()
            .await
            .map_err(asked("reading a subcontract"))?
        {
            let pot = Account::Pot(id, slot).id();
            pots.push(
                ledger
                    .potBalance(pot)
                    .call()
                    .await
                    .map_err(asked("reading a pot"))?,
            );
        }
        all.push(SubcontractView {
            subcontract: id,
            name: place.name_of(address).unwrap_or_default().to_owned(),
            address,
            state,
            signers: mandates
                .signerCount(id)
                .call()
                .await
                .map_err(asked("counting signers"))?,
            pots,
            opened,
        });
    }
    let mut purses = Vec::new();
    for member in 1..=roster
        .lastMember()
        .call()
        .await
        .map_err(asked("counting members"))?
    {
        let purse = ledger
            .purse(u32::from(member))
            .call()
            .await
            .map_err(asked("reading a purse"))?;
        let exposure = ledger
            .maxExposure(member)
            .call()
            .await
            .map_err(asked("reading the exposure"))?;
        purses.push(PurseView {
            member,
            name: place.member_name(member),
            left: left(chain, place, member).await?,
            free: purse.free,
            arrears: purse.arrears,
            exposure: exposure.thisPeriod,
        });
    }
    Ok(Status {
        name: place.name.clone(),
        chain_id: place.chain_id,
        charter: place.charter,
        network: place.network.clone(),
        t0: charter
            .t0()
            .call()
            .await
            .map_err(asked("reading the ignition"))?
            .to::<u64>(),
        now,
        population: roster
            .population()
            .call()
            .await
            .map_err(asked("counting members"))?,
        version: committee
            .version()
            .call()
            .await
            .map_err(asked("reading the committee"))?
            .to::<u32>(),
        quorum: committee
            .quorum()
            .call()
            .await
            .map_err(asked("reading the committee"))?,
        seats,
        streams,
        subcontracts: all,
        purses,
        total: ledger
            .total()
            .call()
            .await
            .map_err(asked("reading the ledger"))?
            .to_string(),
    })
}
