//! Drivers: what a sensor says, line by line, becomes readings. Plug-ins at the rim.
//!
//! *In*: a line of text and the instant it was heard. *Out*: [`Reading`]s, none if there is nothing to say. *Refuses*: a line
//! that is not the sensor's, by name; the device goes on with the next. *Never*: I/O, a name, or a raw frame in a message.
//!
//! Adding a sensor is one file here and one line in [`KINDS`].

pub mod badge;
pub mod radar;
pub mod scale;

use hearth_oracle_core::senml::Reading;
use std::path::PathBuf;

/// A sensor at work.
pub trait Driver: Send {
    /// Hears one line at unix second `at`. Lines come in order of time.
    fn hear(&mut self, line: &str, at: u64) -> Result<Vec<Reading>, Unheard>;
}

/// A kind of sensor that can be put to work.
pub trait Kind: Sync {
    /// The kind as the docket knows it, at most 16 ASCII bytes.
    fn name(&self) -> &'static str;

    /// What its lines look like, for people.
    fn lines(&self) -> &'static str;

    /// Puts a sensor to work.
    fn open(&self, settings: &Settings) -> Result<Box<dyn Driver>, DriverError>;
}

/// Every kind there is, by name.
pub const KINDS: &[&dyn Kind] = &[&badge::Badge, &radar::Radar, &scale::Scale];

/// Finds a kind by name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// The names of every kind, for people.
pub fn names() -> String {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

/// What a device's table in the configuration says to its driver. A setting a kind does not use is refused there.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Radar: the model file.
    pub model: Option<PathBuf>,
    /// Radar: states below this confidence are not said (R7.6). Default 8,000 bps.
    pub cut_off_bps: Option<u16>,
    /// Scale: readings closer than this to the last one said are said only now and then. Default 50 g.
    pub quiet_grams: Option<u32>,
    /// Scale: how often a quiet load cell is said nonetheless, in seconds. Default 900.
    pub quiet_seconds: Option<u32>,
}

/// Why a sensor cannot be put to work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// A setting is missing.
    #[error("a {kind} needs the setting {setting}")]
    Missing {
        /// The kind.
        kind: &'static str,
        /// The setting.
        setting: &'static str,
    },
    /// A setting another kind uses.
    #[error("a {kind} has no setting {setting}: leave it out")]
    Foreign {
        /// The kind.
        kind: &'static str,
        /// The setting.
        setting: &'static str,
    },
    /// The model is none.
    #[error("a {kind} cannot use its model")]
    Model {
        /// The kind.
        kind: &'static str,
        /// Why.
        #[source]
        source: super::model::ModelError,
    },
}

/// Why a line was not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line of a {kind}: wanted {wanted}")]
pub struct Unheard {
    /// The kind.
    pub kind: &'static str,
    /// What its lines look like.
    pub wanted: &'static str,
}

impl Settings {
    /// Refuses what `kind` does not use.
    fn only(&self, kind: &'static str, used: &[&str]) -> Result<(), DriverError> {
        let given = [
            ("model", self.model.is_some()),
            ("cut_off_bps", self.cut_off_bps.is_some()),
            ("quiet_grams", self.quiet_grams.is_some()),
            ("quiet_seconds", self.quiet_seconds.is_some()),
        ];
        match given
            .into_iter()
            .find(|(setting, given)| *given && !used.contains(setting))
        {
            Some((setting, _)) => Err(DriverError::Foreign { kind, setting }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_and_the_register_agree() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sense/drivers");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .replace(".rs", "")
            })
            .filter(|name| name != "mod")
            .collect();
        files.sort();
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
        assert_eq!(names, files);
        assert!(names.iter().all(|name| name.len() <= 16 && name.is_ascii()));
    }

    #[test]
    fn a_setting_of_another_kind_is_refused() {
        let settings = Settings {
            quiet_grams: Some(5),
            ..Settings::default()
        };
        let refused = kind("badge")
            .expect("known")
            .open(&settings)
            .err()
            .expect("refused");
        assert_eq!(
            refused.to_string(),
            "a badge has no setting quiet_grams: leave it out"
        );
        assert!(kind("camera").is_none());
    }
}
