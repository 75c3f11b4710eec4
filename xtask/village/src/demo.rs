//! `cargo xtask demo`: from a charter to a settled week of firewood, on one machine.

use std::path::{Path, PathBuf};

use eyre::{Result, WrapErr, bail, eyre};
use hearth::kit::Kit;

use crate::binaries::Binaries;
use crate::chain::{self, LocalChain, Start};
use crate::outcome::{Known, Outcome, Prices, money};
use crate::people::{PEOPLE, PROVIDER, SEATS, TAKER};
use crate::pile::{Busy, Pile};
use crate::ports;
use crate::report;
use crate::screen::Screen;
use crate::seats;
use crate::village::{self, Village};
use crate::week;

/// Sunday, 2026-11-15, 23:55 local time, one hour east of UTC: five minutes before the first week.
pub const SUNDAY_23_55: u64 = 1_794_783_300;
/// The kit's local time.
pub const TZ: i32 = 3_600;
const YEAR: u64 = 365 * 86_400;
/// A lively week: 30 visits or so.
const BUSY: Busy = Busy {
    visits: 5,
    untapped: 1,
    ambiguous: 1,
    interval: village::BEAT_SECONDS,
};
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// What the demo is asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Leave the chain running, and the village's folder where it is
    #[arg(long)]
    pub keep: bool,
    /// Write the outcome here as JSON, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The chain's port; any free one otherwise
    #[arg(long)]
    pub port: Option<u16>,
    /// Draws who comes when
    #[arg(long, default_value_t = 4)]
    pub seed: u64,
}

/// Runs it.
pub async fn run(args: &DemoArgs) -> Result<()> {
    // Before anything is made that a refusal would leave behind.
    args.port.map(ports::free).transpose()?;
    let folder = chain::root().join(".demo").join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).wrap_err_with(|| format!("failed to make {}", folder.display()))?;
    let outcome = play(args, &folder).await;
    match &outcome {
        Ok(()) if !args.keep => {
            std::fs::remove_dir_all(&folder).wrap_err("failed to clear up the demo's folder")?
        }
        Ok(()) => {}
        Err(_) => eprintln!("\n  what happened until then is in {}", folder.display()),
    }
    outcome
}

async fn play(args: &DemoArgs, folder: &Path) -> Result<()> {
    let mut screen = Screen::new();
    screen.say("\nA village of seven, four oracle seats, and one pile of firewood.\n");
    let binaries = Binaries::beside_this()?;
    let client = reqwest::Client::new();

    screen.step("start a chain: anvil, one block a second, Sunday 23:55");
    std::fs::create_dir_all(folder.join("logs")).wrap_err("failed to make the folder of logs")?;
    let anvil = chain::foundry("anvil");
    let start = Start {
        anvil: &anvil,
        genesis: SUNDAY_23_55,
        port: args.port,
        state: None,
        folder: &folder.join("logs"),
    };
    let mut chain = LocalChain::start(start).await?;
    let rpc = chain.url().to_owned();

    screen.step("make keys and cards: seven people, four seats");
    let village = Village::prepare(folder, &binaries, &rpc).await?;
    village.fuel(&chain).await?;

    let recordings = recordings();
    let pile = Pile::lay(folder, recordings.as_deref(), BUSY, args.seed)?;
    screen.step(match pile.frames() {
        "recorded" => "train the radar's model on card recordings 1 to 3",
        _ => "train the radar's model on synthetic frames (no recordings here)",
    });
    village.make_devices(&pile.lessons, SUNDAY_23_55 + YEAR).await?;
    village.write_charter()?;

    screen.step("plan the founding; seven founders sign");
    village.sign(&rpc, SUNDAY_23_55 + YEAR - 86_400).await?;
    screen.step("found: charter, ledger, docket and the rest");
    village.found(&rpc, |detail| screen.detail(detail)).await?;
    screen.step("four seats bring bonds, seven people deposit");
    village.gather(&rpc).await?;
    screen.step("ignite");
    let place = village.ignite(&rpc).await?;

    screen.step("start four seats, each with its own broker, and the edge");
    let (epoch, begin) = week::week_at(place.t0 + 600, TZ);
    if begin <= place.t0 || place.t0 < SUNDAY_23_55 {
        bail!(
            "ignition came at {}, after the week it was meant for had begun: this machine is too busy",
            place.t0
        );
    }
    let mut seats = seats::start_all(&village, &client).await?;
    let mut edge = village.start_edge(&place, &rpc, &pile.week, begin)?;

    screen.step("a week passes at the pile");
    let end = begin + week::WEEK;
    week::pass(&chain, &mut edge, end - week::HANDS_OFF, async |now| {
        screen.detail(&clock(now.saturating_sub(begin)));
        seats.iter_mut().try_for_each(|seat| seat.still_running())
    })
    .await?;
    screen.step("the week ends: seats compare, one proposes, a quorum signs");
    let report = week::until_accepted(&chain, &place, epoch).await?;
    let blocks = report::blocks_since(chain.provider(), end, report.block).await?;

    screen.step("a day in which everybody may contest their line");
    week::pass(&chain, &mut edge, report.time + week::WINDOW + 1, async |_| {
        seats.iter_mut().try_for_each(|seat| seat.still_running())
    })
    .await?;
    screen.step("a seat finalises and settles");
    let (sender, settle_gas) = week::until_settled(&chain, &place, epoch).await?;
    let settled_by = (0..SEATS.len()).find(|seat| {
        village
            .account(*seat, "gas")
            .is_ok_and(|account| account == sender)
    });

    let known = Known {
        frames: pile.frames(),
        made_up: made_up(&pile),
        blocks_to_accepted: blocks,
        settle_gas,
        settled_by,
        prices: prices(&village.kit()?)?,
    };
    let outcome = Outcome::read(chain.provider(), &place, &report, known).await?;
    let taker = &PEOPLE[TAKER];
    let list = village.told(taker, &rpc, &["list"]).await?;
    edge.stop().await?;
    for seat in &mut seats {
        seat.stop().await?;
    }
    chain.still_running()?;
    let took = screen.close();

    tell(&outcome)?;
    println!("\n`hearth digest`, as {} reads it\n", PEOPLE[PROVIDER].name);
    village.show(&rpc, &["digest"]).await?;
    println!(
        "\n`hearth list`, which a seat opens to {} alone\n\n{}",
        taker.name,
        list.trim_end()
    );
    tell_rest(&outcome)?;
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&outcome).wrap_err("failed to write the outcome")?;
        std::fs::write(path, text + "\n").wrap_err_with(|| format!("failed to write {}", path.display()))?;
    }
    println!("\nIt took {} s. Where to look next:", took.as_secs());
    if args.keep {
        let id = chain
            .keep()
            .map_or_else(String::new, |id| format!("; `kill {id}` ends it"));
        println!("  the chain stays up at {rpc}{id}");
        println!(
            "  {} --rpc-url {rpc} --deployments {}/deployments status",
            binaries.hearth.display(),
            folder.display()
        );
        println!("  charter, cards and the seats' logs are in {}", folder.display());
    } else {
        println!("  `cargo xtask demo --keep` leaves the chain up, so that `hearth status` can ask it");
    }
    println!(
        "  ARCHITECTURE.md walks through what just happened; docs/rules.md says to the unit what should"
    );
    if !outcome.conserved {
        bail!(
            "the accounts do not sum to the deposits: {} and {}",
            outcome.total,
            outcome.deposits
        );
    }
    if outcome.report.verdict != "OK" {
        bail!(
            "the report's verdict is {}, and only OK moves money",
            outcome.report.verdict
        );
    }
    Ok(())
}

/// The folder of recordings, where there is one.
pub fn recordings() -> Option<PathBuf> {
    let folder =
        std::env::var_os("HEARTH_DATA").map_or_else(|| chain::root().join("../shared/data"), PathBuf::from);
    folder
        .join("radar/cards-session4.csv")
        .is_file()
        .then_some(folder)
}

/// The price table of a kit's first subcontract.
fn prices(kit: &Kit) -> Result<Prices> {
    let firewood = kit
        .subcontracts
        .first()
        .ok_or_else(|| eyre!("the kit has no subcontract"))?;
    Ok(Prices {
        base: firewood.p0.0,
        multiples_bps: firewood.mu_bps,
    })
}

/// What the recordings do not hold, and how it was made.
fn made_up(pile: &Pile) -> String {
    let noise = hearth_oracle::sense::script::Noise::default();
    format!(
        "radar frames {}; scale readings, taps and times made from the frames' labels: scale within {} g and {} g of drift, pieces within {}% of the reference, taps up to {} s before their step, seed {}",
        pile.frames(),
        noise.scale_grams,
        noise.drift_grams,
        noise.piece_spread_bps / 100,
        noise.tap_seconds,
        pile.script.seed
    )
}

fn clock(seconds: u64) -> String {
    let day = usize::try_from(seconds / 86_400).unwrap_or(6).min(6);
    format!(
        "{} {:02}:{:02}",
        DAYS[day],
        seconds % 86_400 / 3_600,
        seconds % 3_600 / 60
    )
}

fn tell(outcome: &Outcome) -> Result<()> {
    println!("\nThe week, by member (H)\n\n{}", outcome.table()?);
    Ok(())
}

fn tell_rest(outcome: &Outcome) -> Result<()> {
    let lost = &outcome.unattributed;
    println!(
        "\nWood nobody tapped for: {} pieces, {:.1} kg, worth {}",
        lost.pieces,
        f64::from(lost.grams) / 1_000.0,
        money(&lost.worth)?
    );
    println!(
        "  paid by the shrinkage reserve {}, by all signers but the provider in equal parts {}; borne by the provider {}",
        money(&lost.from_reserve)?,
        money(&lost.shared)?,
        money(&lost.borne_by_provider)?
    );
    let report = &outcome.report;
    let names = |seats: &[u8]| {
        seats
            .iter()
            .filter_map(|seat| SEATS.get(usize::from(*seat)).copied())
            .collect::<Vec<_>>()
            .join(", ")
    };
    println!("\nThe report of week {}: {}", report.epoch, report.verdict);
    println!(
        "  signed by {} ({} of {})",
        names(&report.signers),
        report.signers.len(),
        SEATS.len()
    );
    println!(
        "  accepted {} blocks after the week's end, for {} gas",
        report.blocks_to_accepted, report.gas
    );
    let settler = report
        .settled_by
        .and_then(|seat| SEATS.get(seat))
        .copied()
        .unwrap_or("somebody else");
    println!(
        "  settled by {settler} a day later, for {} gas",
        report.settle_gas
    );
    let verdict = if outcome.conserved {
        "equal"
    } else {
        "DO NOT EQUAL"
    };
    println!(
        "\nAll accounts together {} {verdict} all deposits {}.",
        money(&outcome.total)?,
        money(&outcome.deposits)?
    );
    println!("Made up: {}.", outcome.made_up);
    Ok(())
}
