//! One epoch's report as the chain has it: accepted when, sealed by whom, at what gas, saying what.

use alloy::primitives::U256;
use alloy::providers::{DynProvider, Provider};
use alloy::rpc::types::{BlockNumberOrTag, Filter};
use alloy::sol_types::SolEvent;
use eyre::{Result, WrapErr, bail, eyre};
use hearth::found::Deployment;
use hearth_bindings::Docket;

/// A report that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedReport {
    /// Its epoch.
    pub epoch: u32,
    /// Which turn it came from.
    pub attempt: u16,
    /// 0 OK, 1 STALE, 2 CONTESTED.
    pub verdict: u8,
    /// Lowest confidence used, bps.
    pub confidence_bps: u16,
    /// Share of minutes heard, bps.
    pub coverage_bps: u16,
    /// Seats whose signatures seal it.
    pub signers: Vec<u8>,
    /// Gas of the transaction that brought it.
    pub gas: u64,
    /// Its block.
    pub block: u64,
    /// That block's time, unix seconds.
    pub time: u64,
    /// What it says.
    pub payload: Vec<u8>,
}

/// A firewood payload (R8): what nobody tapped for, and one line per member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WoodLines {
    /// Pieces and grams nobody tapped for.
    pub unattributed: (u32, u32),
    /// Member, pieces, grams.
    pub lines: Vec<(u16, u16, u32)>,
}

/// The accepted reports of a subcontract's stream, oldest first.
pub async fn accepted(chain: &DynProvider, place: &Deployment) -> Result<Vec<AcceptedReport>> {
    let filter = Filter::new()
        .address(place.docket)
        .event_signature(Docket::Accepted::SIGNATURE_HASH)
        .from_block(place.from_block);
    let logs = chain
        .get_logs(&filter)
        .await
        .wrap_err("failed to read accepted reports")?;
    let mut reports = Vec::new();
    for log in logs {
        let event = Docket::Accepted::decode_log(&log.inner)
            .wrap_err("failed to decode an accepted report")?
            .data;
        let tx = log
            .transaction_hash
            .ok_or_else(|| eyre!("an accepted report has no transaction"))?;
        let receipt = chain
            .get_transaction_receipt(tx)
            .await
            .wrap_err("failed to read a report's receipt")?
            .ok_or_else(|| eyre!("a report has no receipt"))?;
        let block = log
            .block_number
            .ok_or_else(|| eyre!("an accepted report has no block"))?;
        reports.push(AcceptedReport {
            epoch: epoch_of(event.header),
            attempt: u16::try_from(bits(event.header, 184, 16)).unwrap_or(u16::MAX),
            verdict: u8::try_from(bits(event.header, 72, 8)).unwrap_or(u8::MAX),
            confidence_bps: u16::try_from(bits(event.header, 56, 16)).unwrap_or(u16::MAX),
            coverage_bps: u16::try_from(bits(event.header, 40, 16)).unwrap_or(u16::MAX),
            signers: (0..32)
                .filter(|seat| event.header.bit(usize::from(*seat)))
                .collect(),
            gas: receipt.gas_used,
            block,
            time: time_of(chain, block).await?,
            payload: event.payload.to_vec(),
        });
    }
    Ok(reports)
}

/// Blocks from the first at or after `end` (unix seconds) to `block`, both counted.
pub async fn blocks_since(chain: &DynProvider, end: u64, block: u64) -> Result<u64> {
    let mut first = block;
    while first > 0 && time_of(chain, first - 1).await? >= end {
        first -= 1;
    }
    Ok(block - first + 1)
}

/// Who sent the transaction that settled an epoch, and what it cost.
pub async fn settled(
    chain: &DynProvider,
    place: &Deployment,
) -> Result<Vec<(u32, alloy::primitives::Address, u64)>> {
    let filter = Filter::new()
        .address(place.docket)
        .event_signature(Docket::Settled::SIGNATURE_HASH)
        .from_block(place.from_block);
    let logs = chain
        .get_logs(&filter)
        .await
        .wrap_err("failed to read settlements")?;
    let mut found = Vec::new();
    for log in logs {
        let event = Docket::Settled::decode_log(&log.inner)
            .wrap_err("failed to decode a settlement")?
            .data;
        let tx = log
            .transaction_hash
            .ok_or_else(|| eyre!("a settlement has no transaction"))?;
        let receipt = chain
            .get_transaction_receipt(tx)
            .await
            .wrap_err("failed to read a settlement's receipt")?
            .ok_or_else(|| eyre!("a settlement has no receipt"))?;
        found.push((event.epoch.to::<u32>(), receipt.from, receipt.gas_used));
    }
    Ok(found)
}

async fn time_of(chain: &DynProvider, block: u64) -> Result<u64> {
    let block = chain
        .get_block_by_number(BlockNumberOrTag::Number(block))
        .await
        .wrap_err("failed to read a block")?
        .ok_or_else(|| eyre!("the chain has no block {block}"))?;
    Ok(block.header.timestamp)
}

/// The epoch a head speaks of.
pub fn epoch_of(header: U256) -> u32 {
    bits(header, 200, 24)
}

fn bits(word: U256, from: usize, count: usize) -> u32 {
    ((word >> from) & ((U256::from(1) << count) - U256::from(1))).to()
}

impl WoodLines {
    /// Reads a firewood payload: a root of 32 bytes, what nobody tapped for, then eight bytes a line.
    pub fn read(payload: &[u8]) -> Result<Self> {
        let Some((head, lines)) = payload.split_at_checked(40) else {
            bail!(
                "a firewood payload has {} bytes, wanted at least 40",
                payload.len()
            );
        };
        let word = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_u32, |word, byte| (word << 8) | u32::from(*byte))
        };
        let half = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_u16, |word, byte| (word << 8) | u16::from(*byte))
        };
        if lines.len() % 8 != 0 {
            bail!(
                "the lines of a firewood payload have {} bytes, wanted a multiple of 8",
                lines.len()
            );
        }
        Ok(Self {
            unattributed: (word(&head[32..36]), word(&head[36..40])),
            lines: lines
                .chunks(8)
                .map(|line| (half(&line[..2]), half(&line[2..4]), word(&line[4..])))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r8_a_payload_is_read_line_by_line() {
        let mut payload = vec![9; 32];
        payload.extend([0, 0, 0, 2, 0, 0, 7, 208]);
        payload.extend([0, 3, 0, 4, 0, 0, 15, 160]);

        let read = WoodLines::read(&payload).unwrap();

        assert_eq!(
            read,
            WoodLines {
                unattributed: (2, 2_000),
                lines: vec![(3, 4, 4_000)]
            }
        );
        assert!(WoodLines::read(&payload[..47]).is_err());
        assert!(WoodLines::read(&payload[..39]).is_err());
    }
}
