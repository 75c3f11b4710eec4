//! What this machine measures: gas, ingest, latency, memory, sensing.

pub mod gas;
pub mod ingest;
pub mod load;
pub mod measure;
pub mod sense;

use std::path::PathBuf;

use comfy_table::{Cell, CellAlignment, Color, Table, presets};
use eyre::{Result, WrapErr};
use measure::{Measure, Side};

use crate::chain;
use crate::demo::recordings;
use crate::faults::Founded;
use crate::screen::Screen;

/// Grace of 30 seconds and two turns of 15, with one-second blocks.
const LATENCY_BAR: f64 = 60.0;

/// A group of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Group {
    /// Gas of reports and settlements
    Gas,
    /// Envelopes a second, and how fast they are acknowledged
    Ingest,
    /// Blocks from a week's end to its accepted report
    Latency,
    /// Memory of a seat, and how fast it starts
    Memory,
    /// One radar frame
    Sense,
}

/// What is asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchArgs {
    /// Only this group
    pub group: Option<Group>,
    /// Write the figures here as JSON, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the figures into this page, between its marks
    #[arg(long, value_name = "PAGE")]
    pub table: Option<PathBuf>,
}

/// Runs it.
pub async fn run(args: &BenchArgs) -> Result<()> {
    let wanted = |group: Group| args.group.is_none_or(|only| only == group);
    let folder = chain::root()
        .join(".demo")
        .join(format!("bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).wrap_err("failed to make the measurements' folder")?;
    let mut screen = Screen::new();
    let mut measures = Vec::new();
    if wanted(Group::Sense) {
        screen.step("sense: one radar frame, fixed point, one core");
        measures.extend(sense::measure(&folder.join("sense"), recordings().as_deref())?);
    }
    if wanted(Group::Gas) {
        screen.step("gas: whole accepted transactions, steady state");
        measures.extend(gas::measure(&folder.join("gas"), |detail| screen.detail(detail)).await?);
    }
    for (group, what) in [
        (Group::Ingest, ingest::Wanted::Ingest),
        (Group::Memory, ingest::Wanted::Memory),
    ] {
        if wanted(group) {
            screen.step(format!("{what:?}: one real seat over MQTT").to_lowercase());
            let folder = folder.join(format!("{what:?}"));
            measures.extend(ingest::measure(&folder, what, |detail| screen.detail(detail)).await?);
        }
    }
    if wanted(Group::Latency) {
        screen.step("latency: a quiet week of four seats");
        let founded = Founded::make(&folder.join("latency/founded")).await?;
        let blocks = founded.quiet_week(&folder.join("latency/week")).await?;
        measures.push(Measure::at_most(
            "latency.blocks_to_accepted",
            blocks as f64,
            "blocks",
            LATENCY_BAR,
        ));
    }
    screen.close();
    std::fs::remove_dir_all(&folder).wrap_err("failed to clear up")?;

    println!("{}", table(&measures));
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&measures).wrap_err("failed to write the figures")?;
        std::fs::write(path, text + "\n").wrap_err_with(|| format!("failed to write {}", path.display()))?;
    }
    if let Some(page) = &args.table {
        let text =
            std::fs::read_to_string(page).wrap_err_with(|| format!("failed to read {}", page.display()))?;
        std::fs::write(page, between_marks(&text, &measures))
            .wrap_err_with(|| format!("failed to write {}", page.display()))?;
    }
    Ok(())
}

fn shown(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}

fn bar(measure: &Measure) -> String {
    let side = if measure.side == Side::AtMost {
        "at most"
    } else {
        "at least"
    };
    format!("{side} {}", measure.bar)
}

fn table(measures: &[Measure]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(["figure", "measured", "unit", "bar"]);
    for measure in measures {
        let colour = if measure.holds() { Color::Green } else { Color::Red };
        table.add_row([
            Cell::new(&measure.name),
            Cell::new(shown(measure.value))
                .set_alignment(CellAlignment::Right)
                .fg(colour),
            Cell::new(measure.unit),
            Cell::new(bar(measure)),
        ]);
    }
    table
}

/// The page with the figures between its marks; figures of groups that were not measured now stay.
fn between_marks(page: &str, measures: &[Measure]) -> String {
    const OPEN: &str = "<!-- measured -->";
    const CLOSE: &str = "<!-- /measured -->";
    let Some((before, rest)) = page.split_once(OPEN) else {
        return page.to_owned();
    };
    let Some((old, after)) = rest.split_once(CLOSE) else {
        return page.to_owned();
    };
    let mut rows: Vec<String> = old
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter(|line| {
            !measures
                .iter()
                .any(|measure| line.starts_with(&format!("| `{}` ", measure.name)))
        })
        .map(str::to_owned)
        .collect();
    rows.extend(measures.iter().map(|measure| {
        let (value, bar, holds) = (
            shown(measure.value),
            bar(measure),
            if measure.holds() { "yes" } else { "**no**" },
        );
        format!(
            "| `{}` | {value} | {} | {bar} | {holds} |",
            measure.name, measure.unit
        )
    }));
    rows.sort();
    let head = "| figure | measured | unit | bar | holds |\n|---|---:|---|---|---|";
    format!("{before}{OPEN}\n{head}\n{}\n{CLOSE}{after}", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_other_groups_stay_in_the_page() {
        let page = "a\n<!-- measured -->\n<!-- /measured -->\nb\n";
        let one = between_marks(page, &[Measure::at_most("x.one", 1.0, "us", 2.0)]);
        let two = between_marks(&one, &[Measure::at_least("x.two", 1.0, "us", 2.0)]);
        let again = between_marks(&two, &[Measure::at_most("x.one", 3.0, "us", 2.0)]);

        assert!(again.contains("| `x.one` | 3.000 | us | at most 2 | **no** |"));
        assert!(again.contains("| `x.two` | 1.000 | us | at least 2 | **no** |"));
        assert!(again.starts_with("a\n") && again.ends_with("\nb\n"));
        assert_eq!(again.matches("x.one").count(), 1);
    }
}
