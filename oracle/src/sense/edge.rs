//! The edge at work (`hearth-oracle sense`): sensors or a script in, envelopes out.
//!
//! *In*: an [`EdgeConfig`], and lines of sensors or a replayed folder. *Out*: envelopes in the devices' outboxes and, from
//! there, at every seat. *Refuses*: a configuration, key, model or script that cannot be used, before anything is sent.
//! *Never*: a raw frame in an envelope or a log.
//!
//! Two ways to drive it. *Live*: each device's source is read line by line, and a heartbeat is said whenever its interval
//! has passed. *Replay*: a script says what happens when, seen from the week's begin; each look at the clock plays what has
//! become due since the last one, heartbeats included, so that a chain's clock that jumps six hours makes six hours of
//! readings. How far a device has come is written together with its envelopes, so a restart neither loses nor repeats.

use super::{
    clock::{ClockError, EdgeClock},
    config::{ClockChoice, ConfigError, DeviceConfig, EdgeConfig},
    deliver::Way,
    device::{Device, DeviceKey, DeviceKeyError},
    drivers::{self, Driver, DriverError},
    frames::FramesError,
    live::listen,
    outbox::{Outbox, OutboxError, Standing},
    replay::{Replay, play},
    script::{FRAMES_FILE, ScriptError},
};
use crate::key::{KeyError, Password};
use hearth_oracle_core::{senml::Reading, types::SeatId};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Between two looks at the clock.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// Arguments of `hearth-oracle sense`.
#[derive(Clone, Debug, clap::Args)]
pub struct SenseArgs {
    /// The edge's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Play a folder's week instead of listening to sensors: script.json with frames.csv, or recordings of counts.
    #[arg(long, value_name = "FOLDER")]
    pub replay: Option<PathBuf>,
}

/// Why the edge stopped or did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SenseError {
    /// The configuration is refused.
    #[error("cannot start the edge")]
    Config(#[source] ConfigError),
    /// A device's key cannot be used.
    #[error("cannot start the {kind}")]
    Key {
        /// The device.
        kind: String,
        /// Why.
        #[source]
        source: DeviceKeyError,
    },
    /// The password of the devices' keystores cannot be read.
    #[error("cannot start the edge")]
    Password(#[source] KeyError),
    /// A device's driver cannot be put to work.
    #[error("cannot start the {kind}")]
    Driver {
        /// The device.
        kind: String,
        /// Why.
        #[source]
        source: DriverError,
    },
    /// A device has neither a source nor a week to replay.
    #[error("the {kind} has no source: name the file or serial line its sensor speaks on, or use --replay")]
    Deaf {
        /// The device.
        kind: String,
    },
    /// The outboxes' folder could not be made.
    #[error("cannot make the folder {path}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An outbox failed.
    #[error("the outbox of the {kind} failed")]
    Outbox {
        /// The device.
        kind: String,
        /// Why.
        #[source]
        source: OutboxError,
    },
    /// The script cannot be played.
    #[error("cannot replay")]
    Script(#[source] ScriptError),
    /// The frames cannot be played.
    #[error("cannot replay")]
    Frames(#[source] FramesError),
    /// The script names frames that are not there.
    #[error("the script plays frame {wanted}, but {FRAMES_FILE} holds {given}")]
    FewFrames {
        /// The frame wanted, from 1.
        wanted: usize,
        /// Frames there are.
        given: usize,
    },
    /// The clock cannot be read at the start.
    #[error("cannot start the edge")]
    Clock(#[source] ClockError),
    /// A task ended that must not.
    #[error("a part of the edge died")]
    Died(#[source] tokio::task::JoinError),
}

/// A device at work.
pub(super) struct Station {
    pub(super) kind: String,
    pub(super) device: Device,
    driver: Box<dyn Driver>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) interval: u64,
    news: watch::Sender<u64>,
}

impl Station {
    pub(super) fn open(
        config: &EdgeConfig,
        device: &DeviceConfig,
        begin: u64,
        password: Option<&Password>,
    ) -> Result<Self, SenseError> {
        let kind = device.kind.clone();
        let key = DeviceKey::read(&device.key, password).map_err(|source| SenseError::Key {
            kind: kind.clone(),
            source,
        })?;
        let of_kind = drivers::kind(&kind).expect("the configuration was checked for unknown kinds");
        let driver = of_kind
            .open(&device.settings)
            .map_err(|source| SenseError::Driver {
                kind: kind.clone(),
                source,
            })?;
        let outbox = Outbox::open(&config.outbox_of(device)).map_err(|source| SenseError::Outbox {
            kind: kind.clone(),
            source,
        })?;
        Ok(Self {
            kind,
            device: Device::new(key, config.network, begin, config.pack_seconds.into()),
            driver,
            outbox: Arc::new(outbox),
            interval: device.interval_seconds.into(),
            news: watch::Sender::new(0),
        })
    }

    pub(super) fn said_until(&self) -> Result<u64, SenseError> {
        Ok(self
            .outbox
            .standing()
            .map_err(|source| self.failed(source))?
            .until)
    }

    pub(super) fn hear(&mut self, line: &str, at: u64, readings: &mut Vec<Reading>) {
        match self.driver.hear(line, at) {
            Ok(heard) => readings.extend(heard),
            Err(unheard) => {
                tracing::warn!(target: "hearth::sense", device = %self.device.kid(), kind = %self.kind, "{unheard}");
            }
        }
    }

    pub(super) fn say(&self, readings: Vec<Reading>, until: u64) -> Result<(), SenseError> {
        let said = readings.len();
        let envelopes = self
            .device
            .say(readings, until, &self.outbox)
            .map_err(|source| self.failed(source))?;
        if envelopes > 0 {
            tracing::info!(
                target: "hearth::sense", device = %self.device.kid(), kind = %self.kind, readings = said, envelopes,
                until, "said"
            );
            self.news.send_modify(|version| *version += 1);
        }
        Ok(())
    }

    fn failed(&self, source: OutboxError) -> SenseError {
        SenseError::Outbox {
            kind: self.kind.clone(),
            source,
        }
    }

    /// Ways to all seats.
    fn ways<'a>(&'a self, config: &'a EdgeConfig) -> impl Iterator<Item = Way> + 'a {
        let keys = Arc::new(
            config
                .seats
                .iter()
                .map(|seat| seat.transport_key)
                .collect::<Vec<_>>(),
        );
        (0u8..).zip(&config.seats).map(move |(number, address)| Way {
            outbox: Arc::clone(&self.outbox),
            news: self.news.subscribe(),
            kid: self.device.kid(),
            net: config.network,
            seat: SeatId(number),
            seats: config.seats(),
            keys: Arc::clone(&keys),
            address: address.clone(),
        })
    }
}

/// What every device of a configuration still owes, read from disk beside a running edge. A device that never started owes
/// nothing and has said nothing.
pub fn standings(config: &EdgeConfig) -> Result<Vec<(String, Standing)>, SenseError> {
    let of = |device: &DeviceConfig| {
        let path = config.outbox_of(device);
        if !path.exists() {
            return Ok((device.kind.clone(), Standing { until: 0, waiting: 0 }));
        }
        let standing = Outbox::standing_of(&path);
        let standing = standing.map_err(|source| SenseError::Outbox {
            kind: device.kind.clone(),
            source,
        })?;
        Ok((device.kind.clone(), standing))
    };
    config.devices.iter().map(of).collect()
}

/// Runs `hearth-oracle sense` until `stop`.
pub async fn sense(args: &SenseArgs, stop: CancellationToken) -> Result<(), SenseError> {
    // HTTPS and mqtts need a provider; a second installation is refused, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = EdgeConfig::read(&args.config).map_err(SenseError::Config)?;
    let replay = args.replay.as_deref().map(Replay::read).transpose()?;
    std::fs::create_dir_all(&config.outbox).map_err(|source| SenseError::Folder {
        path: config.outbox.clone(),
        source,
    })?;
    let clock = match &config.clock {
        ClockChoice::Wall => EdgeClock::Wall,
        ClockChoice::Chain(rpc_url) => EdgeClock::chain(rpc_url.clone()),
    };
    let begin = match (config.replay_begin, &replay) {
        (Some(begin), _) => begin,
        (None, Some(_)) => clock.now().await.map_err(SenseError::Clock)?,
        // Live, envelopes are cut at full quarters of the hour or whatever pack_seconds divides the day into.
        (None, None) => 0,
    };
    let password = config
        .password_file
        .as_deref()
        .map(Password::read)
        .transpose()
        .map_err(SenseError::Password)?;
    let stations: Vec<Station> = config
        .devices
        .iter()
        .map(|device| Station::open(&config, device, begin, password.as_ref()))
        .collect::<Result<_, _>>()?;

    let mut parts = JoinSet::new();
    for station in &stations {
        for way in station.ways(&config) {
            let kind = station.kind.clone();
            parts.spawn(async move {
                Err(SenseError::Outbox {
                    kind,
                    source: way.deliver().await,
                })
            });
        }
    }
    let clock = Arc::new(clock);
    match replay {
        Some(replay) => {
            parts.spawn(play(stations, Arc::new(replay), begin, clock));
        }
        None => {
            for (station, device) in stations.into_iter().zip(&config.devices) {
                let source = device.source.clone().ok_or_else(|| SenseError::Deaf {
                    kind: station.kind.clone(),
                })?;
                parts.spawn(listen(station, source, Arc::clone(&clock)));
            }
        }
    }
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        ended = parts.join_next() => match ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(died)) => Err(SenseError::Died(died)),
            None => Ok(()),
        },
    }
}

#[cfg(test)]
#[path = "edge_tests.rs"]
mod tests;
