//! Rehearse: who would have paid what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use eyre::{Result, bail};
use hearth::amount::{Amount, figures};
use hearth::rehearse;

use super::Words;
use super::talk::{self, BadInput};

/// Plays a scenario.
pub(crate) async fn rehearse(words: &Words, file: &Path) -> Result<()> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => bail!(BadInput(format!(
            "the scenario {} could not be read: {error}",
            file.display()
        ))),
    };
    let scenario = match rehearse::read(&text) {
        Ok(scenario) => scenario,
        Err(error) => bail!(BadInput(format!("{} cannot be played: {error}", file.display()))),
    };
    let outcome = rehearse::rehearse(&scenario, talk::say).await?;
    if words.json {
        return talk::json(&serde_json::to_value(&outcome)?);
    }
    let units = |text: &String| text.parse::<u64>().unwrap_or_default();
    let shown = |text: &String| Amount(units(text)).brief();
    // Who is not named in it has nothing of it.
    let column = |names: &[&String], of: &BTreeMap<String, String>| {
        figures(
            &names
                .iter()
                .map(|name| of.get(*name).map_or(0, units))
                .collect::<Vec<_>>(),
        )
    };
    for (number, week) in outcome.weeks.iter().enumerate() {
        talk::line(&format!("week {}", number + 1));
        if week.to_provider.is_none() {
            talk::line("nothing moves: the report's verdict is not OK");
            continue;
        }
        // Who took nothing may have a share all the same.
        let named: BTreeSet<&String> = week.band.keys().chain(week.shared.keys()).collect();
        let names: Vec<&String> = named.into_iter().collect();
        let amounts = [
            &week.charge,
            &week.paid,
            &week.arrears,
            &week.extinguished,
            &week.shared,
        ]
        .map(|of| column(&names, of));
        let rows: Vec<Vec<String>> = (names.iter().enumerate())
            .map(|(row, name)| {
                let band = week.band.get(*name).cloned().unwrap_or_default();
                let amounts = amounts.iter().map(|column| column[row].clone());
                [(*name).clone(), band].into_iter().chain(amounts).collect()
            })
            .collect();
        talk::table(
            &[
                "member",
                "band",
                "charge, H",
                "paid, H",
                "arrears, H",
                "extinguished, H",
                "share, H",
            ],
            &rows,
        );
        for (what, amount) in [
            ("true-up to the provider", &week.true_up),
            ("to the provider", &week.to_provider),
            ("to the warmth reserve", &week.to_warmth),
            ("to the shrinkage reserve", &week.to_shrinkage),
            ("wood nobody tapped for: from the reserve", &week.from_reserve),
            (
                "wood nobody tapped for: borne by the provider",
                &week.borne_by_provider,
            ),
        ] {
            if let Some(amount) = amount {
                talk::line(&format!("{what}\t{}", shown(amount)));
            }
        }
    }
    let names: Vec<&String> = outcome.purses.keys().collect();
    let (purses, owes) = (column(&names, &outcome.purses), column(&names, &outcome.arrears));
    let rows: Vec<Vec<String>> = (names.iter().zip(purses).zip(owes))
        .map(|((name, purse), owes)| vec![(*name).clone(), purse, owes])
        .collect();
    talk::table(&["member", "purse, H", "owes, H"], &rows);
    for (name, free) in &outcome.pots {
        talk::line(&format!("{name} reserve\t{}", shown(free)));
    }
    Ok(())
}
