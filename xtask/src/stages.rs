//! Stages run in lanes: side by side where they do not wait for each other, one after another within a lane.
//!
//! *In*: lanes of commands and checks. *Out*: a [`Record`] per stage, with seconds and what was skipped. *Never*: swallows the
//! output of a stage that failed; each stage's whole output is kept in a file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use comfy_table::{Cell, Color, Table, presets};
use eyre::{Result, WrapErr};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Lines of a failed stage that are shown at once; the rest is in its file.
const SHOWN: usize = 60;
/// What a test prints, at the start of a line, where it cannot try something on this machine.
const SKIPPED: &str = "skipped: ";

/// One thing to run.
pub(crate) struct Stage {
    name: &'static str,
    task: Task,
    needed: bool,
}

enum Task {
    Run(Box<Command>),
    Check(fn() -> Result<()>),
    Skip(String),
}

impl Stage {
    /// A stage that runs a program; later stages of the lane go on when it fails.
    pub(crate) fn run(name: &'static str, command: Command) -> Self {
        Self {
            name,
            task: Task::Run(Box::new(command)),
            needed: false,
        }
    }

    /// A stage that this program runs itself.
    pub(crate) fn check(name: &'static str, check: fn() -> Result<()>) -> Self {
        Self {
            name,
            task: Task::Check(check),
            needed: false,
        }
    }

    /// A stage that cannot run on this machine, and why.
    pub(crate) fn skip(name: &'static str, why: impl Into<String>) -> Self {
        Self {
            name,
            task: Task::Skip(why.into()),
            needed: false,
        }
    }

    /// Later stages of the lane need this one.
    pub(crate) fn needed(mut self) -> Self {
        self.needed = true;
        self
    }
}

/// How a stage ended.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum End {
    Passed,
    Failed,
    Skipped(String),
}

/// What is remembered of a stage.
pub(crate) struct Record {
    pub(crate) name: &'static str,
    pub(crate) end: End,
    took: Duration,
    skips: Vec<String>,
}

/// Runs lanes side by side and returns the records, lane by lane. Output goes to `logs/<stage>.log`.
pub(crate) fn run(lanes: Vec<Vec<Stage>>, logs: &Path) -> Result<Vec<Record>> {
    fs::create_dir_all(logs).wrap_err_with(|| format!("failed to make {}", logs.display()))?;
    let screen = Screen::new();
    let records: Vec<Vec<Record>> = thread::scope(|scope| {
        let running: Vec<_> = lanes
            .into_iter()
            .map(|lane| scope.spawn(|| run_lane(lane, logs, &screen)))
            .collect();
        running
            .into_iter()
            .map(|lane| lane.join().unwrap_or_default())
            .collect()
    });
    Ok(records.into_iter().flatten().collect())
}

fn run_lane(lane: Vec<Stage>, logs: &Path, screen: &Screen) -> Vec<Record> {
    let mut records = Vec::new();
    let mut broken: Option<&'static str> = None;
    for stage in lane {
        let line = screen.begin(stage.name);
        let begun = Instant::now();
        let log = logs.join(format!("{}.log", stage.name.replace([' ', '/'], "-")));
        let (end, skips) = match (broken, stage.task) {
            (Some(earlier), _) => (End::Skipped(format!("{earlier} failed")), Vec::new()),
            (None, Task::Skip(why)) => (End::Skipped(why), Vec::new()),
            (None, Task::Check(check)) => (judge(check, &log, screen), Vec::new()),
            (None, Task::Run(command)) => follow(*command, &log, &line, screen),
        };
        if stage.needed && end == End::Failed {
            broken = Some(stage.name);
        }
        screen.end(&line, stage.name, &end, begun.elapsed());
        records.push(Record {
            name: stage.name,
            end,
            took: begun.elapsed(),
            skips,
        });
    }
    records
}

/// Runs one program, its output to a file and its last line to the screen.
fn follow(mut command: Command, log: &Path, line: &ProgressBar, screen: &Screen) -> (End, Vec<String>) {
    let outcome = (|| -> Result<(bool, Vec<String>)> {
        let file = File::create(log).wrap_err_with(|| format!("failed to write {}", log.display()))?;
        let lines = Arc::new(Mutex::new((file, Vec::new())));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .wrap_err_with(|| format!("failed to start {}", Path::new(command.get_program()).display()))?;
        let readers = [
            child.stdout.take().map(|out| copy(out, &lines, line)),
            child.stderr.take().map(|out| copy(out, &lines, line)),
        ];
        let status = child.wait().wrap_err("failed to wait for the stage")?;
        for reader in readers.into_iter().flatten() {
            // A reader that panicked loses lines of output and nothing else.
            let _ = reader.join();
        }
        let kept = lines.lock().map(|kept| kept.1.clone()).unwrap_or_default();
        Ok((status.success(), kept))
    })();
    match outcome {
        Ok((true, lines)) => {
            let skips = lines
                .iter()
                .filter_map(|l| l.trim().strip_prefix(SKIPPED))
                .map(str::to_owned)
                .collect();
            (End::Passed, skips)
        }
        Ok((false, lines)) => {
            screen.say(&format!(
                "{}\n(all of it: {})",
                telling(&lines).join("\n"),
                log.display()
            ));
            (End::Failed, Vec::new())
        }
        Err(error) => {
            screen.say(&format!("{error:#}"));
            (End::Failed, Vec::new())
        }
    }
}

/// Runs a check, what it refuses to a file and to the screen.
fn judge(check: fn() -> Result<()>, log: &Path, screen: &Screen) -> End {
    let refusal = check().err().map(|error| format!("{error:#}"));
    let kept = fs::write(log, refusal.as_deref().unwrap_or_default());
    match (refusal, kept) {
        (None, Ok(())) => End::Passed,
        (Some(refusal), _) => {
            screen.say(&refusal);
            End::Failed
        }
        (None, Err(error)) => {
            screen.say(&format!("failed to write {}: {error}", log.display()));
            End::Failed
        }
    }
}

/// What tells why a stage failed: each failed test's own output wherever it stands, and the end.
fn telling(lines: &[String]) -> Vec<&str> {
    let end = lines.len().saturating_sub(SHOWN);
    let mut failed = false;
    let mut told = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        failed = match line.as_str() {
            "failures:" => true,
            line => failed && !line.starts_with("test result:"),
        };
        if failed || place >= end {
            told.push(line.as_str());
        }
    }
    told
}

type Kept = Arc<Mutex<(File, Vec<String>)>>;

fn copy(from: impl std::io::Read + Send + 'static, to: &Kept, line: &ProgressBar) -> thread::JoinHandle<()> {
    let (to, line) = (Arc::clone(to), line.clone());
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut bytes = Vec::new();
        while from.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            line.set_message(text.chars().take(70).collect::<String>());
            if let Ok(mut to) = to.lock() {
                // The screen still has the line when the disk is full.
                let _ = writeln!(to.0, "{text}");
                to.1.push(text);
            }
        }
    })
}

/// Spinners on a terminal, plain lines elsewhere.
struct Screen {
    bars: Option<MultiProgress>,
}

impl Screen {
    fn new() -> Self {
        Self {
            bars: stderr().is_terminal().then(MultiProgress::new),
        }
    }

    fn begin(&self, name: &str) -> ProgressBar {
        let Some(bars) = &self.bars else {
            println!("\u{2192} {name}");
            return ProgressBar::hidden();
        };
        let bar = bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:<22} {elapsed:>4} {msg:.dim}") {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn end(&self, bar: &ProgressBar, name: &str, end: &End, took: Duration) {
        bar.finish_and_clear();
        self.say(&match end {
            End::Passed => format!("\u{2713} {name:<22} {:>6.1} s", took.as_secs_f32()),
            End::Failed => format!("\u{2717} {name:<22} {:>6.1} s  failed", took.as_secs_f32()),
            End::Skipped(why) => format!("- {name:<22} skipped: {why}"),
        });
    }

    fn say(&self, text: &str) {
        match &self.bars {
            // A line that cannot be shown is no reason to stop the tests.
            Some(bars) => drop(bars.println(text)),
            None => println!("{text}"),
        }
    }
}

/// The records as a table, and below it what was skipped within a stage, each reason once; true when nothing failed.
pub(crate) fn report(records: &[Record], logs: &Path, whole: Duration) -> bool {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(["stage", "seconds", "result"]);
    for record in records {
        let (text, colour) = match &record.end {
            End::Passed if record.skips.is_empty() => ("passed".to_owned(), Color::Green),
            End::Passed => (format!("passed, {} skipped", record.skips.len()), Color::Yellow),
            End::Failed => ("failed".to_owned(), Color::Red),
            End::Skipped(why) => (format!("skipped: {why}"), Color::Yellow),
        };
        table.add_row([
            Cell::new(record.name),
            Cell::new(format!("{:.1}", record.took.as_secs_f32())),
            Cell::new(text).fg(colour),
        ]);
    }
    println!("\n{table}");
    for record in records {
        for (why, times) in counted(&record.skips) {
            println!("skipped in {}, {times}\u{d7}: {why}", record.name);
        }
    }
    let failed: Vec<_> = records
        .iter()
        .filter(|r| r.end == End::Failed)
        .map(|r| r.name)
        .collect();
    let minutes = whole.as_secs() / 60;
    let seconds = whole.as_secs() % 60;
    if failed.is_empty() {
        println!("all stages passed in {minutes} min {seconds} s");
    } else {
        println!("failed: {} (output in {})", failed.join(", "), shown(logs));
    }
    failed.is_empty()
}

/// Each reason once, with how often it was given.
fn counted(skips: &[String]) -> BTreeMap<&str, usize> {
    let mut times = BTreeMap::new();
    for why in skips {
        *times.entry(why.as_str()).or_default() += 1;
    }
    times
}

fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn ends(lane: Vec<Stage>) -> Vec<Record> {
        let logs = std::env::temp_dir().join(format!("hearth-stages-{}", std::process::id()));
        run(vec![lane], &logs).unwrap()
    }

    #[test]
    fn a_stage_that_fails_stops_those_that_need_it() {
        let records = ends(vec![
            Stage::run("a", shell("exit 3")),
            Stage::run("b", shell("true")),
            Stage::run("c", shell("exit 1")).needed(),
            Stage::run("d", shell("true")),
        ]);

        let ends: Vec<_> = records.iter().map(|r| r.end.clone()).collect();
        assert!(
            ends == [
                End::Failed,
                End::Passed,
                End::Failed,
                End::Skipped("c failed".into())
            ]
        );
    }

    #[test]
    fn what_a_test_could_not_try_is_carried_into_the_table() {
        let records = ends(vec![Stage::run(
            "e",
            shell("echo 'skipped: no recordings'; echo well"),
        )]);

        assert_eq!(records[0].skips, ["no recordings"]);
        assert_eq!(counted(&records[0].skips), [("no recordings", 1)].into());
    }

    #[test]
    fn a_check_that_refuses_fails_its_stage() {
        let records = ends(vec![
            Stage::check("good", || Ok(())),
            Stage::check("bad", || Err(eyre::eyre!("a leaf without a test"))),
        ]);

        assert!(records[0].end == End::Passed);
        assert!(records[1].end == End::Failed);
    }

    #[test]
    fn a_program_that_is_missing_fails_its_stage() {
        let records = ends(vec![Stage::run("f", Command::new("hearth-has-no-such-tool"))]);

        assert!(records[0].end == End::Failed);
    }

    #[test]
    fn a_failed_test_is_told_of_however_much_follows_it() {
        let mut lines = vec![
            "---- quiet stdout ----",
            "failures:",
            "---- loud stdout ----",
            "left: 1",
        ];
        lines.push("test result: FAILED. 1 passed; 1 failed");
        lines.extend(["passing"; 2 * SHOWN]);
        let lines: Vec<String> = lines.into_iter().map(Into::into).collect();
        let told = telling(&lines);
        assert_eq!(told[..3], ["failures:", "---- loud stdout ----", "left: 1"]);
        assert_eq!(told[3..], ["passing"; SHOWN]);
    }
}
