//! What a settled week came to, for people and for programs.

use alloy::providers::DynProvider;
use comfy_table::{Cell, CellAlignment, Table, presets};
use eyre::{Result, WrapErr, eyre};
use hearth::amount::{Amount, figures};
use hearth::found::Deployment;
use hearth_bindings::{Firewood, Kind, Ledger};
use serde::Serialize;

use crate::accounts::{Accounts, events};
use crate::people::PEOPLE;
use crate::report::{AcceptedReport, WoodLines};

/// One member's week; amounts in units of H, as text.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberWeek {
    /// Member id.
    pub member: u16,
    /// Name.
    pub name: String,
    /// What they are to the village.
    pub role: String,
    /// Pieces taken less brought back.
    pub pieces: u16,
    /// Grams taken less brought back.
    pub grams: u32,
    /// The band that was charged: declared, or its floor where that is higher.
    pub band: u8,
    /// Price of a reference piece in that band.
    pub unit_price: String,
    /// What the line cost.
    pub charge: String,
    /// What of it was paid.
    pub paid: String,
    /// What of it is owed.
    pub arrears: String,
    /// What of it is nobody's debt: it exceeded the caps they signed.
    pub extinguished: String,
    /// Their share of wood nobody tapped for.
    pub shared: String,
}

/// Wood nobody tapped for, and who bore it; amounts in units of H, as text.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unattributed {
    /// Pieces.
    pub pieces: u32,
    /// Grams.
    pub grams: u32,
    /// Their worth at the base price.
    pub worth: String,
    /// Of it, from the shrinkage reserve.
    pub from_reserve: String,
    /// Of it, from the signers but the provider, asked in equal parts.
    pub shared: String,
    /// Of it, borne by the provider.
    pub borne_by_provider: String,
}

/// How the report came to be.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportWeek {
    /// Week number.
    pub epoch: u32,
    /// `OK`, `STALE` or `CONTESTED`.
    pub verdict: &'static str,
    /// Lowest confidence used, bps.
    pub confidence_bps: u16,
    /// Share of minutes heard, bps.
    pub coverage_bps: u16,
    /// Gas of the accepted transaction.
    pub gas: u64,
    /// Seats that signed.
    pub signers: Vec<u8>,
    /// Blocks from the week's end to accepted, both counted.
    pub blocks_to_accepted: u64,
    /// Gas of the settlement.
    pub settle_gas: u64,
    /// The seat that settled; none where somebody else did.
    pub settled_by: Option<usize>,
}

/// The whole.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Version of this form.
    pub v: u8,
    /// `recorded` or `synthetic`.
    pub frames: &'static str,
    /// What was made up, and how.
    pub made_up: String,
    /// True when the sum of all accounts equals the deposits (I2).
    pub conserved: bool,
    /// The sum of all accounts.
    pub total: String,
    /// Everything deposited.
    pub deposits: String,
    /// By member.
    pub members: Vec<MemberWeek>,
    /// What nobody tapped for.
    pub unattributed: Unattributed,
    /// To the provider, of what was charged.
    pub to_provider: String,
    /// To the shrinkage reserve.
    pub to_shrinkage: String,
    /// To the warmth reserve.
    pub to_warmth: String,
    /// The report.
    pub report: ReportWeek,
}

/// What a price table says: base price in units of H and multiples in bps by band.
#[derive(Clone, Copy, Debug)]
pub struct Prices {
    /// Price of a reference piece.
    pub base: u64,
    /// By band.
    pub multiples_bps: [u32; 8],
}

/// What is known of a week beside the chain.
pub struct Known {
    /// `recorded` or `synthetic`.
    pub frames: &'static str,
    /// What was made up, and how.
    pub made_up: String,
    /// Blocks from the week's end to accepted.
    pub blocks_to_accepted: u64,
    /// Gas of the settlement.
    pub settle_gas: u64,
    /// The seat that settled.
    pub settled_by: Option<usize>,
    /// The price table.
    pub prices: Prices,
}

impl Outcome {
    /// Reads the week's money from the chain.
    pub async fn read(
        chain: &DynProvider,
        place: &Deployment,
        report: &AcceptedReport,
        known: Known,
    ) -> Result<Self> {
        let wood = WoodLines::read(&report.payload)?;
        let firewood = place
            .subcontracts
            .first()
            .ok_or_else(|| eyre!("the deployment names no subcontract"))?
            .address;
        let settled = events::<Firewood::WoodSettled>(chain, firewood, place.from_block)
            .await?
            .into_iter()
            .find(|event| event.epoch.to::<u32>() == report.epoch)
            .ok_or_else(|| {
                eyre!(
                    "epoch {} was settled and firewood says nothing of it",
                    report.epoch
                )
            })?;
        let lines = events::<Firewood::LineSettled>(chain, firewood, place.from_block).await?;
        let collected = events::<Ledger::Collected>(chain, place.ledger, place.from_block).await?;
        let accounts = Accounts::read(chain, place).await?;

        let mut members = Vec::new();
        for (member, person) in (1_u16..).zip(PEOPLE) {
            let (_, pieces, grams) = wood
                .lines
                .iter()
                .copied()
                .find(|(id, ..)| *id == member)
                .unwrap_or((member, 0, 0));
            let line = lines
                .iter()
                .find(|line| line.epoch.to::<u32>() == report.epoch && line.member == member);
            let sums = |kind: Kind| {
                collected
                    .iter()
                    .filter(|debit| {
                        debit.epoch.to::<u32>() == report.epoch
                            && debit.payer == member
                            && Kind::of(debit.kind) == Some(kind)
                    })
                    .fold((0_u64, 0_u64, 0_u64), |(paid, arrears, gone), debit| {
                        let outcome = &debit.outcome;
                        (
                            paid + outcome.paid,
                            arrears + outcome.arrears,
                            gone + outcome.extinguished,
                        )
                    })
            };
            let (paid, arrears, extinguished) = sums(Kind::Charge);
            let band = line.map_or(person.band, |line| line.band);
            let multiple = u64::from(known.prices.multiples_bps[usize::from(band.min(7))]);
            members.push(MemberWeek {
                member,
                name: person.name.to_owned(),
                role: person.role.to_owned(),
                pieces,
                grams,
                band,
                unit_price: (known.prices.base * multiple / 10_000).to_string(),
                charge: line.map_or(0, |line| line.charge).to_string(),
                paid: paid.to_string(),
                arrears: arrears.to_string(),
                extinguished: extinguished.to_string(),
                shared: sums(Kind::Shared).0.to_string(),
            });
        }
        let money = settled.money;
        Ok(Self {
            v: 1,
            frames: known.frames,
            made_up: known.made_up,
            conserved: accounts.conserved(),
            total: accounts.sum().to_string(),
            deposits: accounts.deposited.to_string(),
            members,
            unattributed: Unattributed {
                pieces: wood.unattributed.0,
                grams: wood.unattributed.1,
                worth: money.unattributed.to_string(),
                from_reserve: money.fromReserve.to_string(),
                shared: money.shared.to_string(),
                borne_by_provider: money.borneByProvider.to_string(),
            },
            to_provider: money.toProvider.to_string(),
            to_shrinkage: money.toShrinkage.to_string(),
            to_warmth: money.toWarmth.to_string(),
            report: ReportWeek {
                epoch: report.epoch,
                verdict: ["OK", "STALE", "CONTESTED"]
                    .get(usize::from(report.verdict))
                    .copied()
                    .unwrap_or("unknown"),
                confidence_bps: report.confidence_bps,
                coverage_bps: report.coverage_bps,
                gas: report.gas,
                signers: report.signers.clone(),
                blocks_to_accepted: known.blocks_to_accepted,
                settle_gas: known.settle_gas,
                settled_by: known.settled_by,
            },
        })
    }

    /// The members' table, amounts in H.
    pub fn table(&self) -> Result<Table> {
        let members = &self.members;
        let texts = |of: fn(&MemberWeek) -> String| members.iter().map(of).collect::<Vec<_>>();
        let amounts = |of: fn(&MemberWeek) -> &str| -> Result<Vec<String>> {
            let units: Vec<u64> = members.iter().map(|row| units(of(row))).collect::<Result<_>>()?;
            Ok(figures(&units))
        };
        let (left, right) = (CellAlignment::Left, CellAlignment::Right);
        let columns = [
            ("", right, texts(|row| row.member.to_string())),
            ("who", left, texts(|row| row.name.clone())),
            ("", left, texts(|row| row.role.clone())),
            ("pieces", right, texts(|row| row.pieces.to_string())),
            (
                "kg",
                right,
                texts(|row| format!("{:.1}", f64::from(row.grams) / 1_000.0)),
            ),
            ("band", right, texts(|row| row.band.to_string())),
            ("a piece", right, amounts(|row| &row.unit_price)?),
            ("charge", right, amounts(|row| &row.charge)?),
            ("paid", right, amounts(|row| &row.paid)?),
            ("owed", right, amounts(|row| &row.arrears)?),
            ("beyond caps", right, amounts(|row| &row.extinguished)?),
            ("shared", right, amounts(|row| &row.shared)?),
        ];
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(
            columns
                .iter()
                .map(|(head, side, _)| Cell::new(head).set_alignment(*side)),
        );
        for row in 0..members.len() {
            table.add_row(
                columns
                    .iter()
                    .map(|(_, side, texts)| Cell::new(&texts[row]).set_alignment(*side)),
            );
        }
        Ok(table)
    }
}

/// Units of H, as people read them.
pub fn money(text: &str) -> Result<String> {
    Ok(Amount(units(text)?).brief())
}

fn units(text: &str) -> Result<u64> {
    text.parse()
        .wrap_err_with(|| format!("failed to read the amount {text}"))
}
