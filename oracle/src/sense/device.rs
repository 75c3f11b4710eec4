//! A device's key: who signs what a sensor says.
//!
//! *In*: a key file. *Out*: signed envelopes. *Refuses*: a key file others may read. *Never*: the secret in a message or log.

use super::{
    outbox::{Outbox, OutboxError},
    readings::{MOST_READINGS, pack},
};
use crate::key::{self, KeyError, Password, Secret, must_be_private, write_private};
use hearth_oracle_core::{
    crypto::RealKeys,
    senml::Reading,
    types::{Kid, Network},
    verify::envelope,
};
use std::path::{Path, PathBuf};

/// A device's Ed25519 key.
///
/// It lies in a keystore, as `hearth-oracle key device` makes it, or where a machine must start with nobody there as a bare
/// line of 64 hex digits; either way in a file only its owner may read.
#[derive(Debug)]
pub struct DeviceKey {
    secret: Secret,
    public: [u8; 32],
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceKeyError {
    /// The file cannot be used.
    #[error("the device has no key")]
    Key(#[source] KeyError),
    /// The file is neither kind of key.
    #[error("{path} is no device key: wanted a keystore, or one line of 64 hex digits", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// A keystore without its password.
    #[error("{path} is a keystore: name the file of its password as password_file", path = path.display())]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
}

impl DeviceKey {
    /// A key from its secret; tests and generated villages use this.
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let secret = Secret::new(secret);
        Self {
            public: secret.public().0,
            secret,
        }
    }

    /// Makes a new bare key in a file that must not exist yet, readable by its owner only.
    pub fn create(path: &Path) -> Result<Self, DeviceKeyError> {
        let key = Self::from_secret(rand::random());
        key.write(path)?;
        Ok(key)
    }

    /// Writes the bare key to a file that must not exist yet, readable by its owner only.
    pub fn write(&self, path: &Path) -> Result<(), DeviceKeyError> {
        let line = format!("{}\n", hex::encode(self.secret.reveal()));
        write_private(path, line.as_bytes()).map_err(DeviceKeyError::Key)
    }

    /// Reads a key file; a keystore needs its password.
    pub fn read(path: &Path, password: Option<&Password>) -> Result<Self, DeviceKeyError> {
        must_be_private(path).map_err(DeviceKeyError::Key)?;
        let text = std::fs::read_to_string(path).map_err(|source| {
            DeviceKeyError::Key(KeyError::Read {
                path: path.into(),
                source,
            })
        })?;
        if text.trim_start().starts_with('{') {
            let password = password.ok_or_else(|| DeviceKeyError::NoPassword { path: path.into() })?;
            let secret = key::open(path, password).map_err(DeviceKeyError::Key)?;
            return Ok(Self {
                public: secret.public().0,
                secret,
            });
        }
        let mut secret = [0; 32];
        hex::decode_to_slice(text.trim(), &mut secret)
            .map_err(|_| DeviceKeyError::Malformed { path: path.into() })?;
        Ok(Self::from_secret(secret))
    }

    /// The public key, as enrolled at the docket.
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    /// The device's short name.
    pub fn kid(&self) -> Kid {
        Kid::of(&self.public)
    }
}

/// A device that speaks: its key, the polity it speaks to, and the outbox that keeps what it said.
#[derive(Debug)]
pub struct Device {
    key: DeviceKey,
    net: Network,
    /// Envelopes do not reach across multiples of this many seconds after `begin`, so that one span of a report never
    /// swallows what belongs to the one before (an envelope belongs whole to the span of its latest reading, R7.2).
    slot_seconds: u64,
    begin: u64,
}

impl Device {
    /// A device for polity `net`. Its envelopes never reach across `begin + k * slot_seconds` for any whole `k`.
    pub fn new(key: DeviceKey, net: Network, begin: u64, slot_seconds: u64) -> Self {
        Self {
            key,
            net,
            slot_seconds: slot_seconds.max(1),
            begin,
        }
    }

    /// The device's short name.
    pub fn kid(&self) -> Kid {
        self.key.kid()
    }

    /// Signs readings and keeps the envelopes, durably, together with the instant up to which everything has been said.
    /// Returns how many envelopes that made.
    pub fn say(&self, mut readings: Vec<Reading>, until: u64, outbox: &Outbox) -> Result<usize, OutboxError> {
        readings.sort_by_key(|reading| reading.time);
        let slot = |reading: &Reading| {
            let after = i128::from(reading.time) - i128::from(self.begin);
            after.div_euclid(i128::from(self.slot_seconds))
        };
        let mut made = Vec::new();
        for same_slot in readings.chunk_by(|one, next| slot(one) == slot(next)) {
            for group in groups(same_slot) {
                let time = group.last().map_or(until, |reading| reading.time);
                made.push((time, pack(self.kid(), group)));
            }
        }
        let count = made.len();
        outbox.keep(until, made, |counter, time, pack| {
            envelope(
                self.key.secret.reveal(),
                self.net,
                counter,
                time,
                pack.as_bytes(),
                &RealKeys,
            )
        })?;
        Ok(count)
    }
}

/// Splits readings into packs, never between readings of one instant that fit together: pieces and their confidence are
/// one saying.
fn groups(readings: &[Reading]) -> Vec<&[Reading]> {
    let mut groups = Vec::new();
    let mut from = 0;
    while from < readings.len() {
        let mut to = readings.len().min(from + MOST_READINGS);
        if to < readings.len() {
            let whole = (from + 1..=to)
                .rev()
                .find(|at| readings[*at - 1].time != readings[*at].time);
            to = whole.unwrap_or(to);
        }
        groups.push(&readings[from..to]);
        from = to;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_oracle_core::{crypto::Crypto as _, jws, senml::Value, senml::decode};
    use proptest::prelude::*;

    const BEGIN: u64 = 1_767_567_600;

    fn device() -> Device {
        Device::new(DeviceKey::from_secret([7; 32]), Network([5; 8]), BEGIN, 3_600)
    }

    fn said(readings: Vec<Reading>) -> Vec<(u64, Vec<Reading>)> {
        let outbox = Outbox::in_memory().expect("an outbox");
        device().say(readings, BEGIN, &outbox).expect("kept");
        let waiting = outbox.waiting_for(0, None, 1_000).expect("read");
        waiting
            .iter()
            .map(|(_, text)| {
                let parts = jws::split(text.as_bytes()).expect("a JWS");
                let header: hearth_oracle_core::verify::Header =
                    serde_json::from_slice(&parts.header).expect("a header");
                assert!(RealKeys.verify(&device().key.public(), parts.signed, &parts.signature));
                (header.t, decode(&parts.payload, header.kid).expect("a pack"))
            })
            .collect()
    }

    #[test]
    fn a_bare_key_file_is_private_and_survives() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("radar.key");
        let key = DeviceKey::create(&path).expect("made");
        assert_eq!(DeviceKey::read(&path, None).expect("read").public(), key.public());
        assert!(matches!(
            DeviceKey::create(&path),
            Err(DeviceKeyError::Key(KeyError::There { .. }))
        ));
        assert!(!format!("{key:?}").contains(&hex::encode(key.secret.reveal())));
        std::fs::write(&path, "beef").expect("written");
        assert!(matches!(
            DeviceKey::read(&path, None),
            Err(DeviceKeyError::Malformed { .. })
        ));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
            let open = DeviceKey::read(&path, None);
            assert!(matches!(
                open,
                Err(DeviceKeyError::Key(KeyError::Mode { mode: 0o644, .. }))
            ));
        }
    }

    #[test]
    fn a_keystore_opens_with_its_password_only() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let password = Password::read_or_make(&folder.path().join("password")).expect("made");
        let path = folder.path().join("radar.key.json");
        let secret = key::make(&path, &password).expect("made");
        let read = DeviceKey::read(&path, Some(&password)).expect("read");
        assert_eq!(read.public(), secret.public().0);
        assert!(matches!(
            DeviceKey::read(&path, None),
            Err(DeviceKeyError::NoPassword { .. })
        ));
    }

    #[test]
    fn test_r7_2_time_is_the_latest_reading_and_no_envelope_crosses_a_slot() {
        let beat = |after| Reading {
            time: BEGIN + after,
            value: Value::Beat,
        };
        let envelopes = said(vec![beat(3_600), beat(0), beat(1_800), beat(3_599), beat(7_300)]);
        let times: Vec<u64> = envelopes.iter().map(|(t, _)| t - BEGIN).collect();
        assert_eq!(times, [3_599, 3_600, 7_300]);
        assert_eq!(envelopes[0].1.len(), 3);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_doubled_or_torn_apart(counts in proptest::collection::vec((0u64..9_000, 1usize..4), 0..120)) {
            let mut readings = Vec::new();
            for (index, (after, same)) in counts.iter().enumerate() {
                let pieces = Reading { time: BEGIN + after, value: Value::Pieces(index as u32) };
                readings.extend(std::iter::repeat_n(pieces, *same));
            }
            let envelopes = said(readings.clone());
            let mut back: Vec<Reading> = envelopes.iter().flat_map(|(_, pack)| pack.clone()).collect();
            readings.sort_by_key(|reading| reading.time);
            back.sort_by_key(|reading| reading.time);
            prop_assert_eq!(back, readings);
            for (time, pack) in &envelopes {
                prop_assert_eq!(pack.iter().map(|reading| reading.time).max(), Some(*time));
                prop_assert!(pack.len() <= MOST_READINGS);
            }
        }
    }
}
