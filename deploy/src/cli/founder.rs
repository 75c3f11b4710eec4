//! What founders say: key, check, plan, sign, found, seat, ignite.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use alloy::providers::Provider;
use alloy::sol_types::SolCall;
use clap::Args;
use eyre::{Result, bail};
use hearth::amount::{Amount, figures};
use hearth::artifacts::Artifacts;
use hearth::card::{self, Card, MemberCard, VERSION};
use hearth::chain;
use hearth::found;
use hearth::kit::{self, Kit, KitError, Opening};
use hearth::member::{self, Account};
use hearth::name::Name;
use hearth::plan::{Plan, Stake, Step, stakes};
use hearth::sign::{Consent, LONGEST_MANDATE, Signature};
use hearth_bindings::Committee;
use serde_json::json;

use super::Words;
use super::talk::{self, BadInput, NotYet, Steps};

/// A kit's fees are foreseen at this price where the chain names none, wei per gas.
const USUAL_GAS_PRICE: u128 = 1_000_000_000;

/// Makes a keystore and prints the card of the person who holds it; of a keystore that is there, the card again.
pub(crate) fn key(words: &Words, file: &Path, name: &Name) -> Result<()> {
    let key = if file.exists() {
        let password = words.password(&format!("password of {}: ", file.display()))?;
        let key = hearth_keystore::open(file, &password)?;
        talk::say(&format!(
            "{} is there already and stays as it is; this is its card again",
            file.display()
        ));
        key
    } else {
        let password = words.new_password("a password for the new keystore: ")?;
        hearth_keystore::make(file, &password)?
    };
    let card = Card::Member(MemberCard {
        v: VERSION,
        name: name.to_string(),
        key: key.address(),
        badge: None,
    });
    talk::json(&serde_json::to_value(card)?)
}

/// Reads kits, charters and openings; every problem of every file is named.
pub(crate) fn check(words: &Words, files: &[PathBuf]) -> Result<()> {
    let mut bad = 0;
    let mut rows = Vec::new();
    for file in files {
        match read(file) {
            Ok(what) => {
                rows.push(json!({"file": file, "ok": true, "problems": []}));
                if !words.json {
                    talk::line(&format!("{}\t{what}", file.display()));
                }
            }
            Err(error) => {
                bad += 1;
                let (says, problems) = match &error {
                    KitError::Problems { problems, .. } => (
                        error.to_string(),
                        problems.iter().map(ToString::to_string).collect(),
                    ),
                    KitError::Read { source, .. } => {
                        let says = format!("{error}: {source}");
                        (says.clone(), vec![says])
                    }
                };
                rows.push(json!({"file": file, "ok": false, "problems": problems}));
                talk::say(&says);
            }
        }
    }
    if words.json {
        talk::json(&json!({"v": 1, "files": rows}))?;
    }
    if bad > 0 {
        bail!(BadInput(format!(
            "{bad} of {} files cannot be used; mend what is named above",
            files.len()
        )));
    }
    Ok(())
}

/// What a file holds, in words.
fn read(file: &Path) -> Result<String, KitError> {
    if Opening::is_meant(&kit::text(file)?) {
        let opening = Opening::read(file, None)?;
        return Ok(format!(
            "subcontract {} for {}, {} devices",
            opening.subcontract.name,
            opening.charter,
            opening.stream.devices.len()
        ));
    }
    let kit = Kit::read(file)?;
    Ok(format!(
        "{} founders, {} seats, {} subcontracts, {} streams",
        kit.founders.len(),
        kit.seats.len(),
        kit.subcontracts.len(),
        kit.streams.len()
    ))
}

/// A charter with its people, and its plan for a chain.
pub(crate) fn planned(charter: &Path, chain_id: u64) -> Result<(Kit, Plan)> {
    let kit = Kit::read(charter)?;
    if kit.is_bare() {
        bail!(BadInput(format!(
            "{} is a kit without people; `hearth new` makes a charter of it",
            charter.display()
        )));
    }
    let plan = Plan::new(&kit, &Artifacts::embedded(), chain_id);
    Ok((kit, plan))
}

async fn chain_id(words: &Words, given: Option<u64>) -> Result<u64> {
    match given {
        Some(id) => Ok(id),
        None => Ok(words
            .chain()
            .await?
            .get_chain_id()
            .await
            .map_err(chain::unreachable)?),
    }
}

/// Foresees a founding.
pub(crate) async fn plan(words: &Words, charter: &Path, given: Option<u64>, folder: &Path) -> Result<()> {
    let (kit, plan) = planned(charter, chain_id(words, given).await?)?;
    let mut signatures = Signature::read_all(folder)?;
    signatures.retain(|signature| {
        let fits = signature.check(&kit, &plan);
        if let Err(error) = &fits {
            talk::say(&format!("left out: {error}"));
        }
        fits.is_ok()
    });
    let carried = signatures
        .iter()
        .map(|signature| found::sign_step(&plan, signature).0);
    let steps: Vec<_> = plan.steps.iter().cloned().chain(carried).collect();
    let cost = Cost::of(words, &plan, &steps, &signatures).await?;
    let stakes = stakes(&kit);
    if words.json {
        let step = |(step, gas): (&Step, &u64)| json!({"label": step.label, "to": step.to, "data": step.data, "value": "0x0", "gas": gas});
        return talk::json(&json!({
            "v": 1,
            "hash": plan.hash(),
            "proposal": plan.proposal_hash,
            "foreseen": plan.foreseen,
            "calls": steps.iter().zip(&cost.gas).map(step).collect::<Vec<_>>(),
            "done": cost.done,
            "gas": cost.gas.iter().sum::<u64>(),
            "gasBy": cost.by,
            "gasPriceWei": cost.price.to_string(),
            "costEther": cost.ether(),
            "canLose": stakes,
        }));
    }
    let rows: Vec<Vec<String>> = (steps.iter().zip(&cost.gas).zip(&cost.done).enumerate())
        .map(|(at, ((step, gas), done))| {
            let (gas, state) = if *done {
                (String::new(), "done")
            } else {
                (gas.to_string(), "to do")
            };
            vec![(at + 1).to_string(), step.label.clone(), gas, state.into()]
        })
        .collect();
    talk::table(&["step", "what", "gas", "state"], &rows);
    let gwei = alloy::primitives::utils::format_units(cost.price, "gwei")?;
    talk::line(&format!(
        "left to do: {} gas, {}; {} of the chain's coin at {} gwei a gas, {}",
        cost.gas.iter().sum::<u64>(),
        match cost.by {
            "simulation" => "as the chain simulates it",
            _ => "by rule of thumb: name a node that can simulate it by --rpc-url",
        },
        cost.ether(),
        gwei.trim_end_matches('0').trim_end_matches('.'),
        if words.rpc_url.is_some() {
            "its price now"
        } else {
            "a usual price"
        },
    ));
    talk::line("");
    let at = &plan.foreseen;
    let mut places = vec![
        ("token", at.token),
        ("charter", at.charter),
        ("roster", at.roster),
        ("ledger", at.ledger),
        ("committee", at.committee),
        ("docket", at.docket),
        ("mandates", at.mandates),
    ];
    places.extend(
        kit.subcontracts
            .iter()
            .map(|terms| terms.name.as_str())
            .zip(at.subcontracts.iter().copied()),
    );
    let rows: Vec<Vec<String>> = places
        .iter()
        .map(|(name, place)| vec![(*name).to_string(), place.to_string()])
        .collect();
    talk::table(&["contract", "address foreseen"], &rows);
    talk::line(&format!("network name {}", at.network));
    talk::line("");
    let lost = |of: fn(&Stake) -> u64| figures(&stakes.iter().map(of).collect::<Vec<_>>());
    let per_period = lost(|stake| stake.per_period);
    let any_thirty_days = lost(|stake| stake.any_thirty_days);
    let rows: Vec<Vec<String>> = (stakes.iter().zip(per_period).zip(any_thirty_days))
        .map(|((stake, period), any)| vec![stake.name.clone(), period, any])
        .collect();
    talk::table(&["founder", "can lose per period, H", "in any 30 days, H"], &rows);
    talk::line(&format!("plan {}", plan.hash()));
    Ok(())
}

/// What a plan costs from here on.
struct Cost {
    /// By step; 0 where it is done.
    gas: Vec<u64>,
    done: Vec<bool>,
    /// "simulation", or "formula" where no node could simulate it.
    by: &'static str,
    /// Wei per gas.
    price: u128,
}

impl Cost {
    async fn of(words: &Words, plan: &Plan, steps: &[Step], signatures: &[Signature]) -> Result<Self> {
        let foreseen = steps.iter().map(Step::gas).collect();
        if words.rpc_url.is_none() {
            return Ok(Self {
                gas: foreseen,
                done: vec![false; steps.len()],
                by: "formula",
                price: USUAL_GAS_PRICE,
            });
        }
        let chain = words.chain().await?;
        let done = found::done(&chain, plan, signatures).await?;
        let left: Vec<&Step> = steps
            .iter()
            .zip(&done)
            .filter(|(_, done)| !**done)
            .map(|(step, _)| step)
            .collect();
        // Anybody may carry a plan out, so it costs everybody the same.
        let calls: Vec<_> = left
            .iter()
            .map(|step| {
                let call = chain::call(Address::ZERO, step.to, step.data.clone());
                (step.label.as_str(), call)
            })
            .collect();
        let played = chain::simulated(&chain, &calls).await?;
        let by = if played.is_some() { "simulation" } else { "formula" };
        let mut left = played
            .unwrap_or_else(|| left.iter().map(|step| step.gas()).collect())
            .into_iter();
        let gas = done
            .iter()
            .map(|done| if *done { 0 } else { left.next().unwrap_or_default() });
        Ok(Self {
            gas: gas.collect(),
            done,
            by,
            price: chain.get_gas_price().await.map_err(chain::unreachable)?,
        })
    }

    /// In whole coins of the chain.
    fn ether(&self) -> String {
        let wei = u128::from(self.gas.iter().sum::<u64>()).saturating_mul(self.price);
        chain::coins(wei)
    }
}

/// One founder's signature.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The charter
    charter: PathBuf,
    /// The chain's id, where no --rpc-url is given
    #[arg(long)]
    chain_id: Option<u64>,
    /// Where signatures are kept
    #[arg(long, default_value = "signatures", value_name = "FOLDER")]
    signatures: PathBuf,
    /// Unix second at which your mandates end; a year from the chain's time without it
    #[arg(long, value_name = "UNIX_SECONDS")]
    until: Option<u64>,
    /// Go ahead without being asked
    #[arg(long)]
    yes: bool,
}

/// Signs as the founder whose keystore is given.
pub(crate) async fn sign(words: &Words, sign: &Sign) -> Result<()> {
    let (kit, plan) = planned(&sign.charter, chain_id(words, sign.chain_id).await?)?;
    let until = match (sign.until, &words.rpc_url) {
        (Some(until), _) => until,
        // An hour less than the longest, since the chain's clock and the one who carries it may differ.
        (None, Some(_)) => chain::time(&words.chain().await?).await? + LONGEST_MANDATE - 3_600,
        (None, None) => bail!(BadInput(
            "without --rpc-url, say by --until when your mandates end".into()
        )),
    };
    let key = words.key()?;
    let founder = kit.founders.iter().find(|founder| founder.key == key.address());
    let Some(founder) = founder else {
        bail!(hearth::sign::SignError::NoFounder {
            key: key.address(),
            charter: kit.name.clone()
        });
    };
    let consent = Consent::from_terms(&founder.consent, until);
    talk::say(&format!(
        "{}, you sign the charter {} at {}. The most it can cost you is {} per period of 30 days, {} in any 30 days.",
        founder.name,
        kit.name,
        plan.foreseen.charter,
        Amount(consent.most()),
        Amount(consent.most().saturating_mul(2))
    ));
    talk::go_ahead("Sign?", sign.yes)?;
    let signature = Signature::make(&kit, &plan, consent, &key)?;
    let path = signature.write(&sign.signatures)?;
    talk::say(&format!("signed: {}", path.display()));
    if words.json {
        talk::json(&serde_json::to_value(&signature)?)?;
    }
    Ok(())
}

/// Carries the plan out.
pub(crate) async fn found(words: &Words, charter: &Path, folder: &Path, yes: Option<B256>) -> Result<()> {
    let (chain, key) = words.purse().await?;
    let id = chain.get_chain_id().await.map_err(chain::unreachable)?;
    let (kit, plan) = planned(charter, id)?;
    match yes {
        Some(hash) if hash == plan.hash() => {}
        Some(hash) => bail!(BadInput(format!(
            "given the plan {hash}, but this charter's is {}; read `hearth plan` again",
            plan.hash()
        ))),
        None => talk::agreed(
            &format!("Found {} on chain {id}, plan {}?", kit.name, plan.hash()),
            "say --yes and the plan's hash",
        )?,
    }
    let signatures = Signature::read_all(folder)?;
    let steps = Steps::new();
    let deployment = found::found(&chain, key.address(), &kit, &plan, &signatures, |progress| {
        steps.tell(&progress)
    })
    .await?;
    drop(steps);
    wrote(words, &deployment)?;
    let missing: Vec<&str> = (1u16..)
        .zip(&kit.founders)
        .filter(|(number, _)| !deployment.signed.contains(number))
        .map(|(_, founder)| founder.name.as_str())
        .collect();
    if missing.is_empty() {
        talk::say("all founders signed; seats register now, then `hearth ignite`");
    } else {
        talk::say(&format!(
            "not signed yet: {}; carry their signatures by the same command",
            missing.join(", ")
        ));
    }
    Ok(())
}

/// Ignites.
pub(crate) async fn ignite(words: &Words, charter: &Path) -> Result<()> {
    let (chain, key) = words.purse().await?;
    let id = chain.get_chain_id().await.map_err(chain::unreachable)?;
    let (kit, plan) = planned(charter, id)?;
    if !found::has_code(&chain, plan.foreseen.charter).await? {
        bail!(NotYet(format!(
            "{} is not founded on chain {id} yet: there is no contract at {}, where this charter's plan puts it; \
             `hearth found {}` founds it",
            kit.name,
            plan.foreseen.charter,
            charter.display()
        )));
    }
    let deployment = found::ignite(&chain, key.address(), &kit, &plan).await?;
    wrote(words, &deployment)?;
    talk::say(&format!(
        "{} was ignited on {}",
        kit.name,
        hearth::calendar::shown(deployment.t0, kit.tz)
    ));
    Ok(())
}

fn wrote(words: &Words, deployment: &found::Deployment) -> Result<()> {
    let path = deployment.write(&words.deployments)?;
    talk::say(&format!("wrote {}", path.display()));
    if words.json {
        talk::json(&serde_json::to_value(deployment)?)?;
    }
    Ok(())
}

/// Pays a seat's bond in and registers its keys.
pub(crate) async fn seat(words: &Words, card: &Path, yes: bool) -> Result<()> {
    let Card::Seat(card) = card::read(card)? else {
        bail!(BadInput(
            "that is not a seat's card; `hearth-oracle init` makes one".into()
        ));
    };
    let (chain, key) = words.purse().await?;
    let place = words.deployment(&chain).await?;
    if key.address() != card.identity {
        bail!(BadInput(format!(
            "the keystore holds {}, but the card's identity is {}; use the seat's identity key",
            key.address(),
            card.identity
        )));
    }
    let committee = Committee::new(place.committee, &chain);
    let Some(number) = place.seats.iter().position(|seat| seat.address == card.identity) else {
        bail!(BadInput(format!(
            "{} is named for no seat of this charter",
            card.identity
        )));
    };
    let number = u8::try_from(number)?;
    let seat = committee
        .seat(number)
        .call()
        .await
        .map_err(chain::asked("reading the seat"))?;
    let same = seat.reportKey == card.report_key
        && seat.transportKey == card.transport_key
        && seat.endpoint == card.endpoint;
    if same && seat.bonded {
        talk::say(&format!("seat {number} is registered already"));
        return seated(words, number, None);
    }
    if !seat.reportKey.is_zero() {
        talk::say(&format!(
            "{} rotates seat {number} to report key {} at {}; what was signed with the old one and is not accepted yet \
             must be signed again (R22).",
            card.name, card.report_key, card.endpoint
        ));
        talk::go_ahead("Rotate?", yes)?;
        let call = Committee::rotateCall {
            id: number,
            reportKey: card.report_key,
            transportKey: card.transport_key,
            endpoint: card.endpoint.clone(),
        };
        let tx = chain::call(key.address(), place.committee, call.abi_encode().into());
        let receipt = chain::land(&chain, "rotating the seat's keys", tx).await?;
        talk::say(&format!(
            "seat {number} is rotated; restart its daemon with the new key"
        ));
        return seated(words, number, Some(receipt.transaction_hash));
    }
    let bond = Amount(member::bond(&chain, &place).await?);
    talk::say(&format!(
        "{} takes seat {number} and puts up a bond of {bond}, refundable (R22).",
        card.name
    ));
    talk::go_ahead("Register?", yes)?;
    let missing = bond
        .0
        .saturating_sub(member::free(&chain, &place, Account::Seat(number)).await?);
    if missing > 0 {
        member::deposit(
            &chain,
            &place,
            key.address(),
            Account::Seat(number),
            Amount(missing),
        )
        .await?;
    }
    let call = Committee::registerCall {
        id: number,
        reportKey: card.report_key,
        transportKey: card.transport_key,
        endpoint: card.endpoint.clone(),
    };
    let tx = chain::call(key.address(), place.committee, call.abi_encode().into());
    let receipt = chain::land(&chain, "registering the seat", tx).await?;
    talk::say(&format!("seat {number} is registered"));
    seated(words, number, Some(receipt.transaction_hash))
}

fn seated(words: &Words, number: u8, transaction: Option<B256>) -> Result<()> {
    if words.json {
        talk::json(&json!({"v": 1, "seat": number, "transaction": transaction}))?;
    }
    Ok(())
}
