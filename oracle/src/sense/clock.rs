//! The edge's clock: the wall's, or for rehearsals the chain's, so that whoever warps a local chain drives a replay with it.

use crate::clock::{Clock as _, WallClock};
use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider as _, ProviderBuilder},
    transports::TransportError,
};
use std::time::Duration;
use tokio::time::sleep;

/// Before a silent clock is asked again.
const AGAIN: Duration = Duration::from_secs(2);

/// Where time comes from.
#[derive(Debug)]
#[non_exhaustive]
pub enum EdgeClock {
    /// The machine's clock.
    Wall,
    /// The time of the chain's newest block.
    Chain(DynProvider),
}

/// Why the time is not known right now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The chain did not answer.
    #[error("the chain did not tell its time: check rpc_url and that the node runs")]
    Silent(#[source] TransportError),
    /// The chain has no block.
    #[error("the chain has no block yet")]
    Empty,
}

impl EdgeClock {
    /// A clock that asks the node at this URL.
    pub fn chain(rpc_url: reqwest::Url) -> Self {
        Self::Chain(ProviderBuilder::new().connect_http(rpc_url).erased())
    }

    /// Unix seconds.
    pub async fn now(&self) -> Result<u64, ClockError> {
        match self {
            Self::Wall => Ok(WallClock.unix_seconds()),
            Self::Chain(provider) => {
                let block = provider.get_block_by_number(BlockNumberOrTag::Latest).await;
                Ok(block
                    .map_err(ClockError::Silent)?
                    .ok_or(ClockError::Empty)?
                    .header
                    .timestamp)
            }
        }
    }

    /// The time, as soon as the clock knows it. What was heard meanwhile waits.
    pub async fn tell(&self) -> u64 {
        loop {
            match self.now().await {
                Ok(now) => return now,
                Err(error) => {
                    let reason = std::error::Error::source(&error)
                        .map(ToString::to_string)
                        .unwrap_or_default();
                    tracing::warn!(target: "hearth::sense", reason, "{error}");
                    sleep(AGAIN).await;
                }
            }
        }
    }
}
