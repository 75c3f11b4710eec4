//! `cargo xtask faults`: real processes in trouble. Each run goes on from one saved founded chain through a week of its
//! own, and ends with every piece of wood settled exactly once and every unit where it should be.
//!
//! Frames are synthetic here whatever the machine holds: they are read without error, so that a piece too many or too
//! few is the witness's doing and not the radar's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use eyre::{Result, WrapErr, bail};
use hearth::found::Deployment;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::accounts::Accounts;
use crate::binaries::Binaries;
use crate::chain::{self, LocalChain, Start};
use crate::demo::{SUNDAY_23_55, TZ};
use crate::faulty_rpc::{FaultyRpc, Mood};
use crate::people::{PEOPLE, SEATS};
use crate::pile::{Busy, Pile};
use crate::report::{self, AcceptedReport, WoodLines};
use crate::screen::Screen;
use crate::seats::{self, SeatProgram};
use crate::village::{self, Village};
use crate::week;

const BUSY: Busy = Busy {
    visits: 3,
    untapped: 1,
    ambiguous: 1,
    interval: village::BEAT_SECONDS,
};
/// Steps of six hours in a week.
const STEPS: u64 = week::WEEK / chain::LONGEST_STEP;
/// In which trouble comes after a week's end, milliseconds: grace and the first turns.
const RESTLESS_MS: u64 = 60_000;

/// What is asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct FaultsArgs {
    /// How many weeks
    #[arg(long, default_value_t = 50)]
    pub runs: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub from: u64,
    /// Write the tally here as JSON, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What many runs came to. All but the first two must be zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Weeks played.
    pub runs: u64,
    /// Seats killed.
    pub kills: u64,
    /// Pieces of wood that were taken and not reported.
    pub lost: u64,
    /// Pieces reported and not taken, and settlements beyond the first.
    pub doubled: u64,
    /// Runs after which accounts and deposits differed.
    pub unconserved: u64,
    /// Runs that did not settle.
    pub stuck: u64,
}

impl Tally {
    fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.unconserved == 0 && self.stuck == 0
    }
}

/// One trouble of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// SIGKILL, and started again: its broker with it.
    Kill { seat: usize },
    /// The seat's RPC in this mood for so long, milliseconds.
    Rpc { seat: usize, mood: Mood, ms: u64 },
}

/// What a seed brings.
#[derive(Clone, Debug)]
struct Plan {
    /// By step of the week.
    by_step: Vec<(u64, Trouble)>,
    /// By milliseconds after the week's end, ascending.
    restless: Vec<(u64, Trouble)>,
    /// A seat that sees badges exchanged, and so says something else than the others.
    liar: Option<usize>,
    /// A seat that is stopped (SIGSTOP) from before the week's end until the report is accepted.
    sleeper: Option<usize>,
}

impl Plan {
    fn draw(seed: u64) -> Self {
        let mut draw = ChaCha8Rng::seed_from_u64(seed);
        let seats = SEATS.len();
        // At most one seat is bad throughout, which is all that four seats bear; the others fall and rise.
        let bad = draw.random_range(0..seats);
        let (liar, sleeper) = match seed % 3 {
            0 => (Some(bad), None),
            1 => (None, Some(bad)),
            _ => (None, None),
        };
        let mut trouble = |at_most_ms: u64| {
            let seat = draw.random_range(0..seats);
            let ms = draw.random_range(2_000..at_most_ms);
            let kind = match draw.random_range(0..5) {
                0 => Trouble::Rpc {
                    seat,
                    mood: Mood::Failing,
                    ms,
                },
                1 => Trouble::Rpc {
                    seat,
                    mood: Mood::Hanging,
                    ms,
                },
                2 => Trouble::Rpc {
                    seat,
                    mood: Mood::Frozen,
                    ms,
                },
                _ => Trouble::Kill { seat },
            };
            (draw.random::<u64>(), kind)
        };
        let mut by_step: Vec<_> = (0..4)
            .map(|_| {
                let (at, kind) = trouble(4_000);
                (at % STEPS, kind)
            })
            .collect();
        let mut restless: Vec<_> = (0..4)
            .map(|_| {
                let (at, kind) = trouble(20_000);
                (at % RESTLESS_MS, kind)
            })
            .collect();
        by_step.sort_by_key(|(at, _)| *at);
        restless.sort_by_key(|(at, _)| *at);
        Self {
            by_step,
            restless,
            liar,
            sleeper,
        }
    }
}

/// Runs it.
pub async fn run(args: &FaultsArgs) -> Result<()> {
    let folder = chain::root()
        .join(".demo")
        .join(format!("faults-{}", std::process::id()));
    let mut screen = Screen::new();
    screen.step("found a village and save its chain");
    let founded = Founded::make(&folder.join("founded")).await?;
    let mut tally = Tally::default();
    for seed in args.from..args.from.saturating_add(args.runs) {
        screen.step(format!("week of seed {seed}"));
        let week = folder.join(format!("seed-{seed}"));
        tally.runs += 1;
        match founded.week(&week, seed, &mut tally.kills, &screen).await {
            Ok(end) => {
                tally.lost += end.lost;
                tally.doubled += end.doubled;
                tally.unconserved += u64::from(!end.conserved);
                if end.lost + end.doubled == 0 && end.conserved {
                    std::fs::remove_dir_all(&week).wrap_err("failed to clear up a run's folder")?;
                } else {
                    screen.say(&format!("    seed {seed}: {end:?}; {}", week.display()));
                }
            }
            Err(error) => {
                tally.stuck += 1;
                screen.say(&format!(
                    "    seed {seed} is stuck: {error:#}; {}",
                    week.display()
                ));
            }
        }
    }
    screen.close();
    let text = serde_json::to_string(&tally).wrap_err("failed to write the tally")?;
    println!("{text}");
    if let Some(path) = &args.json {
        std::fs::write(path, text + "\n").wrap_err_with(|| format!("failed to write {}", path.display()))?;
    }
    if !tally.is_clean() {
        bail!(
            "a week went wrong; what was left of it is in {}",
            folder.display()
        );
    }
    std::fs::remove_dir_all(&folder).wrap_err("failed to clear up")
}

/// A village founded once, and the chain on which that happened.
pub struct Founded {
    village: Village,
    place: Deployment,
    pile: Pile,
    state: PathBuf,
    saved_at: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    lost: u64,
    doubled: u64,
    conserved: bool,
}

impl Founded {
    /// Founds, and saves.
    pub async fn make(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder.join("logs")).wrap_err("failed to make the folder of logs")?;
        let anvil = chain::foundry("anvil");
        let logs = folder.join("logs");
        let start = Start {
            anvil: &anvil,
            genesis: SUNDAY_23_55,
            port: None,
            state: None,
            folder: &logs,
        };
        let chain = LocalChain::start(start).await?;
        let rpc = chain.url().to_owned();
        let village = Village::prepare(folder, &Binaries::beside_this()?, &rpc).await?;
        village.fuel(&chain).await?;
        let pile = Pile::lay(folder, None, BUSY, 0)?;
        village
            .make_devices(&pile.lessons, SUNDAY_23_55 + 365 * 86_400)
            .await?;
        village.write_charter()?;
        village.sign(&rpc, SUNDAY_23_55 + 364 * 86_400).await?;
        village.found(&rpc, |_| ()).await?;
        village.gather(&rpc).await?;
        let place = village.ignite(&rpc).await?;
        let state = folder.join("chain.hex");
        chain.save(&state).await?;
        let saved_at = chain.now().await?;
        Ok(Self {
            village,
            place,
            pile,
            state,
            saved_at,
        })
    }

    /// What stands on the saved chain.
    pub fn place(&self) -> &Deployment {
        &self.place
    }

    /// The chain and the village as they were saved, in a folder of their own; seats still look for the chain where it was.
    pub async fn resume(&self, folder: &Path) -> Result<(LocalChain, Village)> {
        let village = self.village.copied_to(folder)?;
        let (anvil, logs) = (chain::foundry("anvil"), folder.join("logs"));
        let start = Start {
            anvil: &anvil,
            genesis: self.saved_at + 1,
            port: None,
            state: Some(&self.state),
            folder: &logs,
        };
        Ok((LocalChain::start(start).await?, village))
    }

    /// Blocks from a quiet week's end to its accepted report.
    pub async fn quiet_week(&self, folder: &Path) -> Result<u64> {
        let (chain, village) = self.resume(folder).await?;
        for seat in 0..SEATS.len() {
            village.point_seat_at(seat, chain.url())?;
        }
        let pile = Pile::replay(folder, &self.pile, BUSY, 1)?;
        let mut seats = seats::start_all(&village, &reqwest::Client::new()).await?;
        let (epoch, begin) = week::week_at(self.place.t0 + 600, TZ);
        let end = begin + week::WEEK;
        let mut edge = village.start_edge(&self.place, chain.url(), &pile.week, begin)?;
        week::pass(&chain, &mut edge, end - week::HANDS_OFF, async |_| {
            seats.iter_mut().try_for_each(SeatProgram::still_running)
        })
        .await?;
        let report = week::until_accepted(&chain, &self.place, epoch).await?;
        report::blocks_since(chain.provider(), end, report.block).await
    }

    /// One week of one seed, from the saved chain, in a folder of its own.
    async fn week(&self, folder: &Path, seed: u64, kills: &mut u64, screen: &Screen) -> Result<End> {
        let plan = Plan::draw(seed);
        let (chain, village) = self.resume(folder).await?;
        let pile = Pile::replay(folder, &self.pile, BUSY, seed)?;
        let mut doors = Vec::new();
        for seat in 0..SEATS.len() {
            let door = FaultyRpc::open(chain.url()).await?;
            if plan.liar == Some(seat) {
                door.exchange(PEOPLE[0].badge(), PEOPLE[2].badge());
            }
            village.point_seat_at(seat, door.url())?;
            doors.push(door);
        }
        let client = reqwest::Client::new();
        let mut seats = seats::start_all(&village, &client).await?;
        let (epoch, begin) = week::week_at(self.place.t0 + 600, TZ);
        let end = begin + week::WEEK;
        let mut edge = village.start_edge(&self.place, chain.url(), &pile.week, begin)?;

        let mut coming = plan.by_step.into_iter().peekable();
        week::pass(&chain, &mut edge, end - week::HANDS_OFF, async |now| {
            let step = now.saturating_sub(begin) / chain::LONGEST_STEP;
            screen.detail(&format!("day {}", step / 4 + 1));
            while let Some((_, trouble)) = coming.next_if(|(at, _)| *at <= step) {
                *kills += meet(trouble, &village, &mut seats, &doors, &chain).await?;
            }
            seats.iter_mut().try_for_each(SeatProgram::still_running)
        })
        .await?;

        screen.detail("the week's end");
        if let Some(seat) = plan.sleeper {
            seats[seat].sleep().await?;
        }
        let restless = async {
            let begun = tokio::time::Instant::now();
            for (at, trouble) in plan.restless {
                tokio::time::sleep_until(begun + Duration::from_millis(at)).await;
                if plan.sleeper == Some(trouble.seat()) {
                    continue; // who sleeps meets no other trouble
                }
                *kills += meet(trouble, &village, &mut seats, &doors, &chain).await?;
            }
            Ok::<_, eyre::Report>(())
        };
        let (report, troubled) = tokio::join!(week::until_accepted(&chain, &self.place, epoch), restless);
        let report = report?;
        troubled?;
        if let Some(seat) = plan.sleeper {
            seats[seat].wake().await?;
        }
        screen.detail("the window");
        week::pass(&chain, &mut edge, report.time + week::WINDOW + 1, async |_| {
            seats.iter_mut().try_for_each(SeatProgram::still_running)
        })
        .await?;
        week::until_settled(&chain, &self.place, epoch).await?;
        let settled = report::settled(chain.provider(), &self.place).await?;
        let times = settled.iter().filter(|(settled, ..)| *settled == epoch).count() as u64;
        let (lost, doubled) = wood(&report, &pile)?;
        let conserved = Accounts::read(chain.provider(), &self.place).await?.conserved();
        Ok(End {
            lost,
            doubled: doubled + times - 1,
            conserved,
        })
    }
}

impl Trouble {
    fn seat(self) -> usize {
        match self {
            Self::Kill { seat } | Self::Rpc { seat, .. } => seat,
        }
    }
}

/// Brings one trouble and ends it; returns how many seats were killed.
async fn meet(
    trouble: Trouble,
    village: &Village,
    seats: &mut [SeatProgram],
    doors: &[FaultyRpc],
    chain: &LocalChain,
) -> Result<u64> {
    match trouble {
        Trouble::Kill { seat } => {
            seats[seat].kill().await?;
            seats[seat].start(village)?;
            Ok(1)
        }
        Trouble::Rpc { seat, mood, ms } => {
            doors[seat].set(mood, chain.head().await?.0);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            doors[seat].set(Mood::Well, 0);
            Ok(0)
        }
    }
}

/// Pieces lost and pieces doubled: what the report says against what truly happened.
fn wood(report: &AcceptedReport, pile: &Pile) -> Result<(u64, u64)> {
    if report.verdict != 0 {
        bail!("the verdict is {}, and only OK settles", report.verdict);
    }
    let told = WoodLines::read(&report.payload)?;
    let truth = &pile.script.truth;
    let (mut lost, mut doubled) = (0, 0);
    let mut compare = |told: u32, true_: u32| {
        lost += u64::from(true_.saturating_sub(told));
        doubled += u64::from(told.saturating_sub(true_));
    };
    for member in 1..=u16::try_from(PEOPLE.len())? {
        let told = told
            .lines
            .iter()
            .find(|(id, ..)| *id == member)
            .map_or(0, |(_, pieces, _)| u32::from(*pieces));
        compare(told, truth.members.get(&member).map_or(0, |wood| wood.pieces));
    }
    compare(told.unattributed.0, truth.unattributed.pieces);
    Ok((lost, doubled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_the_same_troubles_again() {
        for seed in 0..30 {
            let (one, two) = (Plan::draw(seed), Plan::draw(seed));
            assert_eq!((&one.by_step, &one.restless), (&two.by_step, &two.restless));
            assert!(
                one.liar.is_none() || one.sleeper.is_none(),
                "four seats bear one bad one"
            );
        }
        assert!((0..30).any(|seed| Plan::draw(seed).liar.is_some()));
        assert!((0..30).any(|seed| Plan::draw(seed).sleeper.is_some()));
    }
}
