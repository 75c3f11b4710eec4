//! What to play: a scenario as people write it in JSON; `docs/rehearsing.md` says what each field means.
//!
//! *In*: a text. *Out*: a [`Scenario`] that a charter can be founded from. *Refuses*: what is no scenario, a name that none
//! of its members bears, figures that the contracts would refuse; each with the field it stands in.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

use crate::limits::HIGHEST_MULTIPLE;

/// Dearest reference piece that firewood's terms take, units of H.
const MOST_PRICE: u64 = 1_000_000_000_000;

/// What to play; amounts in units of H, as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// Which template; so far `firewood`.
    pub subcontract: String,
    /// Its figures.
    pub parameters: Parameters,
    /// The founders, member ids from 1 in this order.
    pub members: Vec<Member>,
    /// Who brings the wood.
    pub provider: String,
    /// Week after week.
    pub weeks: Vec<Week>,
}

/// The terms of firewood (R8).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
    pub(super) p0: Units,
    pub(super) ref_grams: u32,
    pub(super) mu: [u32; 8],
    pub(super) bands: [Units; 8],
    pub(super) floor: Units,
    pub(super) warmth: Units,
}

/// One founder of a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    pub(super) name: String,
    pub(super) deposit: Units,
    pub(super) band: u8,
    pub(super) mandate: Caps,
    pub(super) global_per_period: Units,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Caps {
    pub(super) per_event: Units,
    pub(super) per_period: Units,
    pub(super) shared_per_period: Units,
}

/// One week: what a report would say, and what is paid in meanwhile.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Week {
    pub(super) verdict: Given,
    pub(super) lines: Vec<Line>,
    #[serde(default)]
    pub(super) unattributed: Option<Taken>,
    #[serde(default)]
    pub(super) deposits: Vec<PaidIn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Given {
    Ok,
    Stale,
    Contested,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) member: String,
    pub(super) pieces: u16,
    pub(super) grams: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    pub(super) pieces: u32,
    pub(super) grams: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PaidIn {
    pub(super) member: String,
    pub(super) amount: Units,
}

/// Units of H, written as text so that no reader passes them through a float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(super) struct Units(pub(super) u64);

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        struct Whole;

        impl Visitor<'_> for Whole {
            type Value = Units;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("whole units of H as text, such as \"1000000\" for 1 H")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Units, E> {
                let units = text.parse().map(Units);
                units.map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        text.deserialize_str(Whole)
    }
}

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {says}")]
pub struct ScenarioError {
    /// Where, such as `weeks[0].lines[1].grams`.
    pub field: String,
    /// What was given and what was wanted.
    pub says: String,
}

/// Reads a scenario.
///
/// # Errors
/// The first field that is wrong.
pub fn read(text: &str) -> Result<Scenario, ScenarioError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = match error.path().to_string().as_str() {
            "." => "the scenario".to_owned(),
            path => path.to_owned(),
        };
        wrong(field, error.into_inner().to_string())
    });
    let scenario: Scenario = read?;
    json.end()
        .map_err(|error| wrong("the scenario", error.to_string()))?;
    scenario.check()?;
    Ok(scenario)
}

fn wrong(field: impl Into<String>, says: String) -> ScenarioError {
    let field = field.into();
    ScenarioError { field, says }
}

fn within(field: impl Into<String>, given: u64, wanted: RangeInclusive<u64>) -> Result<(), ScenarioError> {
    if wanted.contains(&given) {
        return Ok(());
    }
    let says = format!("given {given}, wanted {} to {}", wanted.start(), wanted.end());
    Err(wrong(field, says))
}

impl Scenario {
    /// The member's id.
    pub(super) fn number(&self, name: &str) -> Option<u16> {
        let position = self.members.iter().position(|member| member.name == name)?;
        u16::try_from(position + 1).ok()
    }

    pub(super) fn name(&self, member: u16) -> String {
        let position = usize::from(member).saturating_sub(1);
        self.members
            .get(position)
            .map_or_else(|| format!("member {member}"), |member| member.name.clone())
    }

    fn known(&self, field: impl Into<String>, name: &str) -> Result<(), ScenarioError> {
        if self.number(name).is_some() {
            return Ok(());
        }
        let names: Vec<&str> = self.members.iter().map(|member| member.name.as_str()).collect();
        let says = format!("given {name:?}, wanted one of the members {}", names.join(", "));
        Err(wrong(field, says))
    }

    fn check(&self) -> Result<(), ScenarioError> {
        if self.subcontract != "firewood" {
            let says = format!("given {:?}, wanted \"firewood\"", self.subcontract);
            return Err(wrong("subcontract", says));
        }
        let terms = &self.parameters;
        within("parameters.p0", terms.p0.0, 1..=MOST_PRICE)?;
        within("parameters.refGrams", terms.ref_grams.into(), 1..=u32::MAX.into())?;
        let mut least = 0;
        for (at, multiple) in terms.mu.iter().map(|multiple| u64::from(*multiple)).enumerate() {
            within(format!("parameters.mu[{at}]"), multiple, least..=HIGHEST_MULTIPLE)?;
            least = multiple;
        }
        within("parameters.bands[0]", terms.bands[0].0, 0..=0)?;
        for (at, pair) in terms.bands.windows(2).enumerate() {
            let field = format!("parameters.bands[{}]", at + 1);
            within(field, pair[1].0, pair[0].0.saturating_add(1)..=u64::MAX)?;
        }
        if !(3..=25).contains(&self.members.len()) {
            let says = format!("given {}, wanted 3 to 25 founders (R2.1)", self.members.len());
            return Err(wrong("members", says));
        }
        let mut names = BTreeSet::new();
        for (at, member) in self.members.iter().enumerate() {
            if !names.insert(&member.name) {
                let says = format!("given {:?} twice, wanted each name once", member.name);
                return Err(wrong(format!("members[{at}].name"), says));
            }
            within(format!("members[{at}].band"), member.band.into(), 0..=7)?;
        }
        self.known("provider", &self.provider)?;
        for (number, week) in self.weeks.iter().enumerate() {
            let mut lines = BTreeSet::new();
            for (at, line) in week.lines.iter().enumerate() {
                let field = format!("weeks[{number}].lines[{at}].member");
                self.known(field.as_str(), &line.member)?;
                if !lines.insert(&line.member) {
                    let says = format!("given {:?} twice, wanted one line a member", line.member);
                    return Err(wrong(field, says));
                }
            }
            for (at, paid) in week.deposits.iter().enumerate() {
                self.known(format!("weeks[{number}].deposits[{at}].member"), &paid.member)?;
            }
        }
        Ok(())
    }
}
