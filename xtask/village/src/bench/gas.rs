//! Gas of whole accepted transactions: reports under an ECDSA quorum in steady state, on a chain of its own, founded by
//! the same library call as everything else; and settled weeks of firewood, by the contracts' own tests, since a charter
//! is founded by 25 people at most.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use alloy::network::EthereumWallet;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::providers::ext::AnvilApi;
use alloy::providers::{DynProvider, Provider};
use alloy::rpc::types::{BlockNumberOrTag, TransactionReceipt};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use eyre::{Result, WrapErr, ensure, eyre};
use hearth::artifacts::Artifacts;
use hearth::chain::{call, connect, land};
use hearth::found::{Deployment, found, ignite};
use hearth::kit::Kit;
use hearth::plan::Plan;
use hearth::sign::{Consent, Signature};
use hearth::throwaway;
use hearth_bindings::{Committee, Docket, Ledger, PracticeToken};

use super::measure::Measure;
use crate::chain::{CHAIN_ID, foundry, root};
use crate::demo::{SUNDAY_23_55, TZ};

/// Committee sizes and the ceilings of their reports.
const REPORTS: [(usize, f64); 4] = [(4, 55_500.0), (7, 65_500.0), (13, 85_000.0), (31, 144_000.0)];
const FOUNDERS: usize = 3;
/// Reports after which every word a report writes was written before: the docket's ring is so deep.
const STEADY: u64 = 66;
const DAY: u64 = 86_400;
const GAS: u64 = 1_000;
const SEAT_PURSE: u32 = 1 << 24;
/// Most the practice token mints at once, units of H.
const MINT: u64 = 1_000_000_000;
/// Members of the measured weeks, each with a line of its own.
const MEMBERS: [u16; 3] = [10, 50, 150];
/// What one settled week may use, gas: half of a block of 30 million.
const SETTLE_BAR: f64 = 15_000_000.0;

/// Every figure of this group.
pub async fn measure(folder: &Path, mut told: impl FnMut(&str)) -> Result<Vec<Measure>> {
    let mut measures = Vec::new();
    for (seats, bar) in REPORTS {
        told(&format!("a report of {seats} seats"));
        let mut polity = Polity::found(seats).await?;
        let mut gas = 0;
        for _ in 0..STEADY {
            polity.pass(DAY).await?;
            gas = polity.report(&[7; 32]).await?.gas_used;
        }
        measures.push(Measure::at_most(
            format!("gas.report.ecdsa.n{seats}"),
            gas as f64,
            "gas",
            bar,
        ));
    }
    told("a week of 10 members");
    told("settled weeks, by the contracts' tests");
    for (members, gas) in settled(folder).await? {
        let name = format!("gas.settle.m{members}");
        measures.push(Measure::at_most(name, gas, "gas", SETTLE_BAR));
    }
    Ok(measures)
}

/// Gas of the second settled week of each crowd, as `test/gas/Settle.t.sol` measures it here and now.
async fn settled(folder: &Path) -> Result<Vec<(u16, f64)>> {
    let output = tokio::process::Command::new(foundry("forge"))
        .args(["test", "--match-path", "test/gas/Settle.t.sol"])
        .env("HEARTH_SNAPSHOTS", "write")
        .env("FOUNDRY_SNAPSHOTS", folder)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .await
        .wrap_err("failed to start forge")?;
    ensure!(
        output.status.success(),
        "forge could not measure settled weeks:\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let text = std::fs::read_to_string(folder.join("settle.json"))
        .wrap_err("failed to read what the settled weeks cost")?;
    let figures: HashMap<String, String> =
        serde_json::from_str(&text).wrap_err("failed to understand what the settled weeks cost")?;
    MEMBERS
        .iter()
        .map(|members| {
            let figure = figures
                .get(&format!("m{members}"))
                .ok_or_else(|| eyre!("no week of {members} members was measured"))?;
            Ok((
                *members,
                figure.parse::<f64>().wrap_err("a gas figure is no number")?,
            ))
        })
        .collect()
}

/// A founded polity whose report keys are ours.
struct Polity {
    _anvil: alloy::node_bindings::AnvilInstance,
    chain: DynProvider,
    sender: Address,
    place: Deployment,
    report_keys: Vec<PrivateKeySigner>,
    parent: B256,
}

impl Polity {
    /// Founds with so many seats, and with reports every day.
    async fn found(seats: usize) -> Result<Self> {
        let anvil = throwaway::start(SUNDAY_23_55).wrap_err("failed to start a chain")?;
        let keys = |first: u64, count: usize| -> Vec<PrivateKeySigner> {
            (first..)
                .take(count)
                .filter_map(|number| PrivateKeySigner::from_bytes(&keccak256(number.to_be_bytes())).ok())
                .collect()
        };
        let (people, identities, report_keys) =
            (keys(1_000, FOUNDERS), keys(2_000, seats), keys(3_000, seats));
        let sender = people
            .first()
            .ok_or_else(|| eyre!("a polity has founders"))?
            .address();
        let mut wallet = EthereumWallet::default();
        for key in people.iter().chain(&identities) {
            wallet.register_signer(key.clone());
        }
        let chain = connect(&anvil.endpoint(), Some(wallet))
            .await
            .wrap_err("failed to reach the chain")?;
        for key in people.iter().chain(&identities) {
            let wei = U256::from(GAS) * U256::from(10).pow(U256::from(18));
            chain
                .anvil_set_balance(key.address(), wei)
                .await
                .wrap_err("failed to fund an account")?;
        }

        let kit = kit(&people, &identities)?;
        let plan = Plan::new(&kit, &Artifacts::embedded(), CHAIN_ID);
        let expiry = SUNDAY_23_55 + 360 * DAY;
        let signatures = kit
            .founders
            .iter()
            .zip(&people)
            .map(|(founder, key)| {
                Signature::make(&kit, &plan, Consent::from_terms(&founder.consent, expiry), key)
            })
            .collect::<Result<Vec<_>, _>>()
            .wrap_err("failed to sign")?;
        let place = found(&chain, sender, &kit, &plan, &signatures, |_| ())
            .await
            .wrap_err("failed to found")?;

        let token = PracticeToken::mintCall {
            to: Address::ZERO,
            amount: U256::from(MINT),
        };
        let bond = kit.committee.bond.0;
        let pay = async |from: Address, account: u32, amount: u64| -> Result<()> {
            let mint = PracticeToken::mintCall {
                to: from,
                ..token.clone()
            };
            land(&chain, "mint", call(from, place.token, mint.abi_encode().into())).await?;
            let approve = PracticeToken::approveCall {
                spender: place.ledger,
                value: U256::from(amount),
            };
            land(
                &chain,
                "approve",
                call(from, place.token, approve.abi_encode().into()),
            )
            .await?;
            let deposit = Ledger::depositCall { account, amount };
            land(
                &chain,
                "deposit",
                call(from, place.ledger, deposit.abi_encode().into()),
            )
            .await?;
            Ok(())
        };
        for (seat, (identity, report_key)) in (0_u8..).zip(identities.iter().zip(&report_keys)) {
            pay(identity.address(), SEAT_PURSE | u32::from(seat), bond).await?;
            let register = Committee::registerCall {
                id: seat,
                reportKey: report_key.address(),
                transportKey: keccak256([seat]),
                endpoint: "http://127.0.0.1:8480".into(),
            };
            land(
                &chain,
                "register",
                call(identity.address(), place.committee, register.abi_encode().into()),
            )
            .await?;
        }
        for (member, person) in (1_u32..).zip(&people) {
            pay(person.address(), member, 200_000_000).await?;
        }
        let place = ignite(&chain, sender, &kit, &plan)
            .await
            .wrap_err("failed to ignite")?;
        let polity = Self {
            _anvil: anvil,
            chain,
            sender,
            place,
            report_keys,
            parent: B256::ZERO,
        };
        // Over midnight, into the first epoch that accrues.
        polity.pass(600).await?;
        Ok(polity)
    }

    /// Lets time pass.
    async fn pass(&self, seconds: u64) -> Result<()> {
        self.chain
            .anvil_increase_time(seconds)
            .await
            .wrap_err("failed to move the clock")?;
        self.chain
            .anvil_mine(Some(1), None)
            .await
            .wrap_err("failed to mine")
            .map(drop)
    }

    async fn now(&self) -> Result<u64> {
        let block = self
            .chain
            .get_block_by_number(BlockNumberOrTag::Latest)
            .await
            .wrap_err("failed to read the head")?;
        Ok(block
            .ok_or_else(|| eyre!("the chain has no block"))?
            .header
            .timestamp)
    }

    /// Submits an OK report of the epoch that ended last, sealed by exactly a quorum.
    async fn report(&mut self, payload: &[u8]) -> Result<TransactionReceipt> {
        let (epoch, end) = self.closed_epoch().await?;
        let quorum = self.report_keys.len() * 2 / 3 + 1;
        let fields: [(u64, usize); 10] = [
            (1, 240),
            (1, 224),
            (epoch, 200),
            (0, 184),
            (1, 160),
            (end - DAY, 120),
            (end - 1, 80),
            (0, 72),
            (9_900, 56),
            (10_000, 40),
        ];
        let header = fields
            .iter()
            .fold(U256::ZERO, |word, (value, at)| word | (U256::from(*value) << *at));
        let envelopes = keccak256(u32::try_from(epoch)?.to_be_bytes());
        let docket = Docket::new(self.place.docket, &self.chain);
        let digest = docket
            .digest(header, self.parent, envelopes, keccak256(payload))
            .call()
            .await
            .wrap_err("failed to read the digest")?;
        let mut seal = Vec::new();
        for key in &self.report_keys[..quorum] {
            let signature = key.sign_hash_sync(&digest).wrap_err("failed to sign a report")?;
            seal.extend(compact(&signature));
        }
        let header = header | U256::from((1_u64 << quorum) - 1);
        let submit = Docket::submitCall {
            header,
            envelopes,
            payload: payload.to_vec().into(),
            seal: seal.into(),
        };
        let receipt = land(
            &self.chain,
            "submit",
            call(self.sender, self.place.docket, submit.abi_encode().into()),
        )
        .await?;
        ensure!(
            receipt.logs().len() == 1,
            "an accepted report gives one event, this gave {}",
            receipt.logs().len()
        );
        let mut parent = digest;
        parent[24..].fill(0);
        self.parent = parent;
        Ok(receipt)
    }

    /// Number and end of the epoch that ended last (R0).
    async fn closed_epoch(&self) -> Result<(u64, u64)> {
        let day = self
            .now()
            .await?
            .checked_add_signed(i64::from(TZ))
            .ok_or_else(|| eyre!("the clock left its range"))?
            / DAY;
        let end = (day * DAY)
            .checked_add_signed(-i64::from(TZ))
            .ok_or_else(|| eyre!("the clock left its range"))?;
        Ok((day - 1, end))
    }
}

/// EIP-2098: r, then s with the parity in its top bit.
fn compact(signature: &alloy::primitives::Signature) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    bytes[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    bytes[32] |= u8::from(signature.v()) << 7;
    bytes
}

/// The firewood kit with these people, reported every day.
fn kit(people: &[PrivateKeySigner], identities: &[PrivateKeySigner]) -> Result<Kit> {
    let kit =
        std::fs::read_to_string(root().join("kits/firewood.toml")).wrap_err("failed to read the kit")?;
    let mut text = format!(
        "name = \"scale-house\"\n{}",
        kit.replace("epoch = \"week\"", "epoch = \"day\"")
    );
    for (index, key) in people.iter().enumerate() {
        let address = key.address();
        text += &format!(
            "\n[[founders]]\nname = \"founder-{index}\"\nkey = \"{address}\"\nhousehold = 1\nband = {}\n",
            index % 5
        );
        if index == 0 {
            text += "provides = [\"firewood\"]\nkeeps = [\"wood-pile\"]\n";
        }
    }
    for key in identities {
        text += &format!("\n[[seats]]\nidentity = \"{}\"\n", key.address());
    }
    let device = keccak256("a radar that is never asked");
    text += &format!(
        "\n[[devices]]\nstream = \"wood-pile\"\nkey = \"{device}\"\nkind = \"radar\"\ninterval_seconds = 60\ncalibrated_until = 1900000000\n"
    );
    Kit::parse(&text, Path::new("")).map_err(|problems| eyre!("the measured kit is malformed: {problems:?}"))
}
