//! The local chain: one anvil with one-second blocks, and the only hand that moves its clock.
//!
//! *In*: where anvil is, and when the chain begins. *Out*: [`LocalChain`]. *Never*: moves the clock by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy::primitives::{Address, U256};
use alloy::providers::ext::AnvilApi;
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::BlockNumberOrTag;
use eyre::{Result, WrapErr, bail, eyre};
use tokio::process::Command;
use tokio::time::Instant;

use crate::child::Running;
use crate::ports;

/// Chain id of the local chain, as anvil has it by default.
pub const CHAIN_ID: u64 = 31_337;
/// The longest step of the clock: what arrives late must still meet the epoch it belongs to.
pub const LONGEST_STEP: u64 = 6 * 3600;
const PATIENCE: Duration = Duration::from_secs(20);

/// How a chain is started.
pub struct Start<'a> {
    /// The pinned anvil.
    pub anvil: &'a Path,
    /// Unix seconds of the first block.
    pub genesis: u64,
    /// The port asked for; any free one otherwise.
    pub port: Option<u16>,
    /// A state saved by [`LocalChain::save`] to go on from.
    pub state: Option<&'a Path>,
    /// Where anvil's own words go.
    pub folder: &'a Path,
}

/// A running anvil; it ends with this value.
pub struct LocalChain {
    anvil: Running,
    url: String,
    provider: DynProvider,
}

impl LocalChain {
    /// Starts anvil and waits until it answers.
    pub async fn start(how: Start<'_>) -> Result<Self> {
        let port = match how.port {
            Some(port) => ports::free(port)?,
            None => ports::free_ports(1)?[0],
        };
        let mut command = Command::new(how.anvil);
        command
            .args([
                "--host",
                "127.0.0.1",
                "--block-time",
                "1",
                "--accounts",
                "1",
                "--quiet",
            ])
            .args(["--port", &port.to_string()])
            .args(["--chain-id", &CHAIN_ID.to_string()])
            .args(["--timestamp", &how.genesis.to_string()]);
        let anvil = Running::start("anvil", &mut command, &how.folder.join("anvil.log"))?;
        let url = format!("http://127.0.0.1:{port}");
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .connect_http(url.parse().wrap_err("failed to read anvil's address")?)
            .erased();
        let mut chain = Self { anvil, url, provider };
        let deadline = Instant::now() + PATIENCE;
        while chain.provider.get_block_number().await.is_err() {
            chain.anvil.still_running()?;
            if Instant::now() > deadline {
                bail!("anvil did not answer on port {port} within {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        if let Some(state) = how.state {
            // Through the door, not by `--load-state`, which would put the clock back to the wall's.
            let text = std::fs::read_to_string(state)
                .wrap_err_with(|| format!("failed to read {}", state.display()))?;
            let saved = text.parse().wrap_err("failed to read the saved chain")?;
            if !chain
                .provider
                .anvil_load_state(saved)
                .await
                .wrap_err("failed to load the saved chain")?
            {
                bail!("anvil refused the saved chain {}", state.display());
            }
        }
        Ok(chain)
    }

    /// Its address for anybody.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client without keys.
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// Number and time (unix seconds) of the newest block.
    pub async fn head(&self) -> Result<(u64, u64)> {
        let block = self
            .provider
            .get_block_by_number(BlockNumberOrTag::Latest)
            .await
            .wrap_err("failed to read the newest block")?
            .ok_or_else(|| eyre!("the chain has no newest block"))?;
        Ok((block.header.number, block.header.timestamp))
    }

    /// The chain's time, unix seconds.
    pub async fn now(&self) -> Result<u64> {
        Ok(self.head().await?.1)
    }

    /// Moves the clock forward to `to` and mines the block that shows it; refuses a step of more than six hours.
    pub async fn step_to(&self, to: u64) -> Result<()> {
        let now = self.now().await?;
        let by = to.saturating_sub(now);
        if by == 0 {
            return Ok(());
        }
        if by > LONGEST_STEP {
            bail!("the clock may move by {LONGEST_STEP} s at most, and {by} s were asked for");
        }
        self.provider
            .anvil_increase_time(by)
            .await
            .wrap_err("failed to move the chain's clock")?;
        self.provider
            .anvil_mine(Some(1), None)
            .await
            .wrap_err("failed to mine the block after a step")?;
        Ok(())
    }

    /// Waits, without moving anything, until the chain's time is at least `to`.
    pub async fn wait_until(&self, to: u64, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while self.now().await? < to {
            if Instant::now() > deadline {
                bail!("the chain did not reach {to} within {patience:?}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Gives an account gas, in whole ether.
    pub async fn fund(&self, account: Address, ether: u64) -> Result<()> {
        let wei = U256::from(ether) * U256::from(10).pow(U256::from(18));
        self.provider
            .anvil_set_balance(account, wei)
            .await
            .wrap_err("failed to fund an account")
    }

    /// Saves the whole state to a file from which another chain can go on.
    pub async fn save(&self, to: &Path) -> Result<()> {
        let state = self
            .provider
            .anvil_dump_state()
            .await
            .wrap_err("failed to read the chain's state")?;
        std::fs::write(to, state.to_string()).wrap_err_with(|| format!("failed to write {}", to.display()))
    }

    /// Fails, with the end of its log, when anvil has ended.
    pub fn still_running(&mut self) -> Result<()> {
        self.anvil.still_running()
    }

    /// Lets the chain live on; returns the id of its program.
    pub fn keep(self) -> Option<u32> {
        self.anvil.keep()
    }
}

/// Where a pinned tool of Foundry is: told by `cargo xtask`, else the npm package of this machine, else PATH.
pub fn foundry(tool: &str) -> PathBuf {
    if let Some(told) = std::env::var_os(format!("HEARTH_{}", tool.to_uppercase())) {
        return told.into();
    }
    let system = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let cpu = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let packed = root().join(format!(
        "node_modules/@foundry-rs/{tool}-{system}-{cpu}/bin/{tool}"
    ));
    if packed.is_file() { packed } else { tool.into() }
}

/// The repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
