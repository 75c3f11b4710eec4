//! `hearth new`: questions at a terminal, flags otherwise; writes a charter people can read.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use eyre::{Result, WrapErr, bail};
use hearth::draft::Draft;
use hearth::kit::Kit;
use serde_json::json;

use super::Words;
use super::talk::{self, BadInput};

/// What `hearth new` is told.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The charter's name; it is written to `<name>.toml`
    name: String,
    /// The kit
    #[arg(long, default_value = "firewood")]
    kit: String,
    /// The folder with the cards of members, seats and devices
    #[arg(long, default_value = "cards", value_name = "FOLDER")]
    cards: PathBuf,
    /// Who provides, and keeps the devices; a name on a card
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Who lives where, such as ada=1; whoever is not named lives alone
    #[arg(long, value_name = "NAME=NUMBER", value_parser = pair::<u16>)]
    household: Vec<(String, u16)>,
    /// Declared bands of monthly means, such as ada=3; 0 for whoever is not named
    #[arg(long, value_name = "NAME=BAND", value_parser = pair::<u8>)]
    band: Vec<(String, u8)>,
    /// The model's file
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The witness waits as on a public network
    #[arg(long)]
    public: bool,
}

fn pair<T: FromStr>(text: &str) -> Result<(String, T), String> {
    let wanted = || format!("given {text:?}, wanted a name, = and a number");
    let (name, number) = text.split_once('=').ok_or_else(wanted)?;
    Ok((name.to_owned(), number.parse().map_err(|_| wanted())?))
}

/// Drafts a charter.
pub(crate) fn new(words: &Words, new: &New) -> Result<()> {
    let path = PathBuf::from(format!("{}.toml", new.name));
    if path.exists() {
        bail!(BadInput(format!(
            "{} exists already; a charter is never overwritten",
            path.display()
        )));
    }
    let mut draft = Draft {
        name: new.name.clone(),
        kit: new.kit.clone(),
        public: new.public,
        households: new.household.iter().cloned().collect(),
        bands: new.band.iter().cloned().collect(),
        provider: new.provider.clone().unwrap_or_default(),
        model: new.model.clone(),
        ..Draft::default()
    };
    let gathered = draft.gather(&new.cards, Path::new(""));
    gathered
        .wrap_err("gather the cards in one folder, and name it by --cards")
        .map_err(bad)?;
    if new.provider.is_none() {
        if !std::io::stdin().is_terminal() {
            bail!(BadInput(
                "nobody provides; name one by --provider, and households and bands likewise".into()
            ));
        }
        ask(&mut draft)?;
    }
    let text = draft.text().map_err(|error| bad(error.into()))?;
    // What is drafted is checked before it is written, so that a name or a count is mended at once.
    if let Err(problems) = Kit::parse(&text, Path::new("")) {
        let lines: Vec<String> = problems.iter().map(|problem| problem.says.clone()).collect();
        bail!(BadInput(lines.join("\n")));
    }
    std::fs::write(&path, text).wrap_err_with(|| format!("{} could not be written", path.display()))?;
    let without_band = draft.without_band();
    if words.json {
        return talk::json(&json!({"v": 1, "charter": path, "without_band": without_band}));
    }
    talk::line(&path.display().to_string());
    if !without_band.is_empty() {
        talk::say(&format!(
            "no band named for {}: they stand in band 0, whose price is the lowest (nothing, in the kit firewood), unless \
             what their purse holds or receives lifts it (R8), and can declare another 30 days after founding at the \
             earliest; name bands by --band NAME=0..7, or write them into the file",
            without_band.join(", ")
        ));
    }
    talk::say("read it through and change what you like; then: hearth plan, and each founder: hearth sign");
    Ok(())
}

fn bad(error: eyre::Report) -> eyre::Report {
    eyre::Report::new(BadInput(format!("{error:#}")))
}

/// Asks, for each member on a card, where they live and what they have; then who provides.
fn ask(draft: &mut Draft) -> Result<()> {
    let names: Vec<String> = draft
        .members
        .iter()
        .map(|(_, card)| card.name().to_owned())
        .collect();
    talk::say(&format!(
        "cards of {}, {} seats, {} devices",
        names.join(", "),
        draft.seats.len(),
        draft.devices.len()
    ));
    for (number, name) in (1u16..).zip(&names) {
        number_of(
            &mut draft.households,
            name,
            &format!("{name} lives in household [{number}]: "),
            number,
        )?;
        number_of(
            &mut draft.bands,
            name,
            &format!("{name}'s band of monthly means, 0 to 7 [0]: "),
            0,
        )?;
    }
    draft.provider = talk::ask("who brings the wood and keeps its sensors? ")?;
    Ok(())
}

fn number_of<T: FromStr>(
    into: &mut BTreeMap<String, T>,
    name: &str,
    question: &str,
    otherwise: T,
) -> Result<()> {
    if into.contains_key(name) {
        return Ok(());
    }
    let answer = talk::ask(question)?;
    let given = match answer.as_str() {
        "" => otherwise,
        answer => answer
            .parse()
            .map_err(|_| BadInput(format!("given {answer:?}, wanted a number")))?,
    };
    into.insert(name.to_owned(), given);
    Ok(())
}
