//! What is said where: data on stdout, talk on stderr, and the exit code. Nothing that is said steers the terminal.

use std::io::{BufRead, IsTerminal, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use eyre::{Result, bail};
use hearth::card::CardError;
use hearth::carry::CarryError;
use hearth::chain::ChainError;
use hearth::digest::DigestError;
use hearth::found::{Progress, State};
use hearth::kit::KitError;
use hearth::list::ListError;
use hearth::open::OpenError;
use hearth::plain;
use hearth::sign::SignError;
use hearth::template::TemplateError;
use hearth_keystore::KeyError;
use indicatif::{ProgressBar, ProgressStyle};

/// Bad input: a malformed file, an unknown word.
pub(crate) const BAD_INPUT: u8 = 64;
/// The chain could not be reached.
pub(crate) const UNREACHABLE: u8 = 69;
/// Nothing is wrong; try again later.
pub(crate) const TRY_AGAIN: u8 = 75;

/// Bad input found by a command itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(pub(crate) String);

/// Something that others must do first.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotYet(pub(crate) String);

/// The exit code that an error stands for.
pub(crate) fn exit_code(error: &eyre::Report) -> u8 {
    for cause in error.chain() {
        if let Some(chain) = cause.downcast_ref::<ChainError>() {
            return match chain {
                ChainError::Unreachable(_) => UNREACHABLE,
                ChainError::Pending { .. } | ChainError::Dearer { .. } => TRY_AGAIN,
                ChainError::Address { .. } => BAD_INPUT,
                ChainError::Refused { .. }
                | ChainError::Short { .. }
                | ChainError::Unfunded { .. }
                | ChainError::Report { .. } => 1,
            };
        }
        if matches!(cause.downcast_ref(), Some(ListError::Unreachable { .. })) {
            return UNREACHABLE;
        }
        if cause.is::<BadInput>()
            || matches!(cause.downcast_ref(), Some(ListError::Endpoint { .. }))
            || cause.is::<KitError>()
            || cause.is::<CardError>()
            || cause.is::<SignError>()
            || cause.is::<KeyError>()
            || matches!(
                cause.downcast_ref(),
                Some(
                    CarryError::File { .. }
                        | CarryError::There { .. }
                        | CarryError::Unwritten { .. }
                        | CarryError::Version { .. }
                        | CarryError::Form { .. }
                        | CarryError::NoDeed { .. }
                        | CarryError::Permit { .. }
                )
            )
            || matches!(
                cause.downcast_ref(),
                Some(TemplateError::NoSubcontract { .. } | TemplateError::Unknown { .. })
            )
            || matches!(
                cause.downcast_ref(),
                Some(OpenError::NoMember { .. } | OpenError::DeviceTaken { .. })
            )
        {
            return BAD_INPUT;
        }
        if cause.is::<NotYet>() || matches!(cause.downcast_ref(), Some(DigestError::NotSettled { .. })) {
            return TRY_AGAIN;
        }
    }
    1
}

/// Prints one JSON document.
pub(crate) fn json(value: &serde_json::Value) -> Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints one line of data. A closed pipe is the reader's wish, not an error.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", plain::text(text));
}

/// Says one line to the person.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", plain::text(text));
}

/// Prints rows under their heads: a table at a terminal, tabs between plain fields otherwise.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    if !std::io::stdout().is_terminal() {
        if head.iter().any(|name| !name.is_empty()) {
            line(&head.join("\t"));
        }
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| plain::line(cell)).collect();
            line(&cells.join("\t"));
        }
        return;
    }
    // Figures stand right, so that they can be compared, and what they are called stands over them.
    let sides: Vec<CellAlignment> = (0..head.len())
        .map(|column| {
            let mut cells = rows.iter().filter_map(|row| row.get(column));
            if !rows.is_empty() && cells.all(|cell| is_figure(cell)) {
                CellAlignment::Right
            } else {
                CellAlignment::Left
            }
        })
        .collect();
    let aligned = |text: &str, side: &CellAlignment| Cell::new(plain::line(text)).set_alignment(*side);
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head.iter().zip(&sides).map(|(text, side)| aligned(text, side)));
    for row in rows {
        table.add_row(row.iter().zip(&sides).map(|(text, side)| aligned(text, side)));
    }
    line(&table.to_string());
}

/// True for a number, also one with its unit.
fn is_figure(text: &str) -> bool {
    let number = text.trim_end_matches(" H").trim_end_matches(" kg");
    number.starts_with(|first: char| first.is_ascii_digit())
        && number.chars().all(|one| one.is_ascii_digit() || one == '.')
}

/// Asks for a yes that was not given beforehand.
pub(crate) fn go_ahead(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    agreed(question, "say --yes")
}

/// Asks for a yes; without a terminal there is nobody to ask.
pub(crate) fn agreed(question: &str, instead: &str) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!(BadInput(format!(
            "nobody is there to answer {question:?}; {instead}"
        )));
    }
    let answer = ask(&format!("{question} [y/N] "))?;
    if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
        bail!("not agreed, nothing was done");
    }
    Ok(())
}

/// Asks one question at the terminal.
pub(crate) fn ask(question: &str) -> Result<String> {
    let mut err = std::io::stderr();
    write!(err, "{}", plain::text(question))?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Shows a founding's progress: a bar at a terminal, one line per step otherwise.
pub(crate) struct Steps(Option<ProgressBar>);

impl Steps {
    pub(crate) fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("  {spinner} {pos}/{len}  {msg}  {bar:24}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }))
    }

    pub(crate) fn tell(&self, progress: &Progress) {
        let Progress {
            step,
            of,
            label,
            state,
        } = progress;
        match (&self.0, state) {
            (None, State::Skipped) => say(&format!("{step}/{of} {label}: done already")),
            (None, State::Landed(gas)) => say(&format!("{step}/{of} {label}: {gas} gas")),
            (None, State::Sending) => {}
            (Some(bar), state) => {
                bar.set_length(*of as u64);
                bar.set_message(label.clone());
                bar.set_position(*step as u64 - u64::from(*state == State::Sending));
                if let State::Landed(gas) = state {
                    bar.suspend(|| say(&format!("  \u{2713} {label}  {gas} gas")));
                }
            }
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
