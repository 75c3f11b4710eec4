//! Rehearse: who would have paid what.

use std::path::Path;

use eyre::{Result, bail};
use hearth::amount::Amount;
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
    let shown = |text: &str| {
        text.parse()
            .map_or_else(|_| text.to_owned(), |units| Amount(units).to_string())
    };
    for (number, week) in outcome.weeks.iter().enumerate() {
        talk::line(&format!("week {}", number + 1));
        if week.band.is_empty() {
            talk::line("nothing moves: the report's verdict is not OK");
            continue;
        }
        let rows: Vec<Vec<String>> = (week.band.iter())
            .map(|(name, band)| {
                let of = |map: &std::collections::BTreeMap<String, String>| {
                    map.get(name).map_or_else(String::new, |text| shown(text))
                };
                vec![
                    name.clone(),
                    band.clone(),
                    of(&week.charge),
                    of(&week.paid),
                    of(&week.arrears),
                    of(&week.extinguished),
                    of(&week.shared),
                ]
            })
            .collect();
        talk::table(
            &[
                "member",
                "band",
                "charge",
                "paid",
                "arrears",
                "extinguished",
                "share",
            ],
            &rows,
        );
        for (what, amount) in [
            ("true-up to the provider", &week.true_up),
            ("to the provider", &week.to_provider),
            ("to the warmth reserve", &week.to_warmth),
            ("to the shrinkage reserve", &week.to_shrinkage),
            ("untapped wood, from the reserve", &week.from_reserve),
            ("untapped wood, borne by the provider", &week.borne_by_provider),
        ] {
            if let Some(amount) = amount {
                talk::line(&format!("{what}\t{}", shown(amount)));
            }
        }
    }
    let rows: Vec<Vec<String>> = (outcome.purses.iter())
        .map(|(name, free)| {
            vec![
                name.clone(),
                shown(free),
                outcome
                    .arrears
                    .get(name)
                    .map_or_else(String::new, |text| shown(text)),
            ]
        })
        .collect();
    talk::table(&["member", "purse", "owes"], &rows);
    for (name, free) in &outcome.pots {
        talk::line(&format!("{name} reserve\t{}", shown(free)));
    }
    Ok(())
}
