//! A week on the local chain: the clock moves in steps of six hours, each after every envelope is kept, and runs by
//! itself from ten seconds before the week's end until the report is accepted.

use std::time::Duration;

use alloy::primitives::Address;
use eyre::{Result, bail};
use hearth::found::Deployment;
use tokio::time::Instant;

use crate::chain::{LONGEST_STEP, LocalChain};
use crate::edge::Edge;
use crate::report::{self, AcceptedReport};

/// Seconds of a week.
pub const WEEK: u64 = 7 * 86_400;
/// The clock is left alone this long before a week's end, seconds.
pub const HANDS_OFF: u64 = 10;
/// In which a line may be contested, seconds (R7.10; the kit's figure).
pub const WINDOW: u64 = 24 * 3_600;
const BETWEEN: Duration = Duration::from_millis(200);
/// From a week's end until its report is accepted, real time: grace, and several turns.
const PATIENCE: Duration = Duration::from_secs(240);

/// The week's number and begin at `t` (R0): weeks begin on Monday, local time.
pub fn week_at(t: u64, tz: i32) -> (u32, u64) {
    let local = i128::from(t) + i128::from(tz);
    let number = (local.div_euclid(86_400) + 3).div_euclid(7);
    let begin = (number * 7 - 3) * 86_400 - i128::from(tz);
    // The numbers of unix time fit by far.
    (
        u32::try_from(number).unwrap_or(u32::MAX),
        u64::try_from(begin).unwrap_or(u64::MAX),
    )
}

/// Moves the clock from now to `to`, a step of at most six hours at a time, each after all envelopes are kept;
/// `seen` is told after each step.
pub async fn pass(
    chain: &LocalChain,
    edge: &mut Edge,
    to: u64,
    mut seen: impl AsyncFnMut(u64) -> Result<()>,
) -> Result<()> {
    loop {
        let now = chain.now().await?;
        edge.until_kept(now).await?;
        seen(now).await?;
        if now >= to {
            return Ok(());
        }
        chain.step_to(to.min(chain.now().await? + LONGEST_STEP)).await?;
    }
}

/// Waits, with the clock running by itself, until the report of `epoch` is accepted.
pub async fn until_accepted(chain: &LocalChain, place: &Deployment, epoch: u32) -> Result<AcceptedReport> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reports = report::accepted(chain.provider(), place).await?;
        if let Some(found) = reports.into_iter().find(|report| report.epoch == epoch) {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("no report of epoch {epoch} was accepted within {PATIENCE:?} of the week's end");
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Waits until `epoch` is settled; gives who sent the settlement, and its gas.
pub async fn until_settled(chain: &LocalChain, place: &Deployment, epoch: u32) -> Result<(Address, u64)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let settled = report::settled(chain.provider(), place).await?;
        if let Some((_, sender, gas)) = settled.into_iter().find(|(settled, ..)| *settled == epoch) {
            return Ok((sender, gas));
        }
        if Instant::now() > deadline {
            bail!("epoch {epoch} was not settled within {PATIENCE:?} of its window's end");
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r0_weeks_begin_on_monday_local_time() {
        const SUNDAY_23_55: u64 = 1_794_783_300; // 2026-11-15, one hour east of UTC
        let (number, begin) = week_at(SUNDAY_23_55, 3_600);
        let (next, monday) = week_at(SUNDAY_23_55 + 300, 3_600);

        assert_eq!((next, monday), (number + 1, SUNDAY_23_55 + 300));
        assert_eq!(monday - begin, WEEK);
    }
}
