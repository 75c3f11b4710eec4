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
    frames::{FRAME, FramesError, read_counts},
    outbox::{Outbox, OutboxError, Standing},
    script::{FRAMES_FILE, SCRIPT_FILE, Script, ScriptError, Seen, Week, text_of},
};
use crate::key::{KeyError, Password};
use hearth_oracle_core::{
    senml::{Reading, Value},
    types::SeatId,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(250);
/// Before a source that ended is opened again.
const REOPEN: Duration = Duration::from_secs(2);
/// The longest line a sensor may give; a frame takes about 6,000 bytes.
const LINE: u64 = 1 << 15;
/// Lines heard and not yet understood, of one device.
const HEARD: usize = 64;

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
struct Station {
    kind: String,
    device: Device,
    driver: Box<dyn Driver>,
    outbox: Arc<Outbox>,
    interval: u64,
    news: watch::Sender<u64>,
}

impl Station {
    fn open(
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

    fn said_until(&self) -> Result<u64, SenseError> {
        Ok(self
            .outbox
            .standing()
            .map_err(|source| self.failed(source))?
            .until)
    }

    fn hear(&mut self, line: &str, at: u64, readings: &mut Vec<Reading>) {
        match self.driver.hear(line, at) {
            Ok(heard) => readings.extend(heard),
            Err(unheard) => {
                tracing::warn!(target: "hearth::sense", device = %self.device.kid(), kind = %self.kind, "{unheard}");
            }
        }
    }

    fn say(&self, readings: Vec<Reading>, until: u64) -> Result<(), SenseError> {
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

/// A script with the lines its sensors give.
struct Replay {
    script: Script,
    /// One line of 512 numbers per frame.
    frames: Vec<String>,
}

impl Replay {
    fn read(folder: &Path) -> Result<Self, SenseError> {
        if !folder.join(SCRIPT_FILE).exists() {
            let recordings = read_counts(&[folder.into()], |_| ()).map_err(SenseError::Frames)?;
            return Ok(Self::of(Week::of_recordings(&recordings)));
        }
        let script = Script::read(folder).map_err(SenseError::Script)?;
        let path = folder.join(FRAMES_FILE);
        let recording = super::frames::read_file(&path).map_err(SenseError::Frames)?;
        let given = recording.samples.len();
        let wanted = script.happenings.iter().map(|happening| match happening.seen {
            Seen::Frames(_, to) => to,
            _ => 0,
        });
        if let Some(wanted) = wanted.max().filter(|wanted| *wanted > given) {
            return Err(SenseError::FewFrames { wanted, given });
        }
        Ok(Self::of(Week {
            script,
            frames: recording.samples,
        }))
    }

    /// The label is cut off here: a radar does not know what it sees.
    fn of(week: Week) -> Self {
        let text = text_of(&week.frames);
        let unlabelled = |line: &str| {
            line.splitn(FRAME + 1, ',')
                .take(FRAME)
                .collect::<Vec<_>>()
                .join(",")
        };
        Self {
            script: week.script,
            frames: text.lines().skip(1).map(unlabelled).collect(),
        }
    }

    /// Lines that `kind` hears of what becomes due after `from` and up to `to`, each with its instant.
    fn lines(&self, kind: &str, begin: u64, from: u64, to: u64) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        for happening in &self.script.happenings {
            let at = begin.saturating_add_signed(happening.at);
            let (of_kind, due) = match happening.seen {
                // A state's frames are played as one, when the last of them is due.
                Seen::Frames(first, last) => ("radar", at + (last.saturating_sub(first)) as u64),
                Seen::Grams(_) => ("scale", at),
                Seen::Tap(_) => ("badge", at),
            };
            if of_kind != kind || due <= from || due > to {
                continue;
            }
            match &happening.seen {
                Seen::Frames(first, last) => {
                    let frames = self.frames.get(*first..*last).unwrap_or_default();
                    lines.extend((at..).zip(frames.iter().cloned()));
                }
                Seen::Grams(grams) => lines.push((at, grams.to_string())),
                Seen::Tap(badge) => lines.push((at, badge.to_string())),
            }
        }
        lines
    }
}

async fn play(
    mut stations: Vec<Station>,
    replay: Arc<Replay>,
    begin: u64,
    clock: Arc<EdgeClock>,
) -> Result<(), SenseError> {
    loop {
        let now = tell(&clock).await;
        for station in &mut stations {
            play_until(station, &replay, begin, now)?;
        }
        sleep(TICK).await;
    }
}

/// The time, as soon as the clock knows it. What was heard meanwhile waits.
async fn tell(clock: &EdgeClock) -> u64 {
    loop {
        match clock.now().await {
            Ok(now) => return now,
            Err(error) => {
                let reason = std::error::Error::source(&error)
                    .map(ToString::to_string)
                    .unwrap_or_default();
                tracing::warn!(target: "hearth::sense", reason, "{error}");
                sleep(REOPEN).await;
            }
        }
    }
}

/// Says everything that has become due since the device last spoke.
fn play_until(station: &mut Station, replay: &Replay, begin: u64, now: u64) -> Result<(), SenseError> {
    let from = match station.said_until()? {
        0 => begin.min(now).saturating_sub(1),
        until => until,
    };
    if now <= from {
        return Ok(());
    }
    let mut readings = Vec::new();
    for (at, line) in replay.lines(&station.kind, begin, from, now) {
        station.hear(&line, at, &mut readings);
    }
    // Before the week there was no such device.
    let first = from.max(begin.saturating_sub(1)) / station.interval + 1;
    let last = now / station.interval;
    readings.extend((first..=last).map(|turn| Reading {
        time: turn * station.interval,
        value: Value::Beat,
    }));
    station.say(readings, now)
}

async fn listen(mut station: Station, source: PathBuf, clock: Arc<EdgeClock>) -> Result<(), SenseError> {
    let (heard, mut lines) = mpsc::channel(HEARD);
    let kid = station.device.kid();
    let reader = tokio::spawn(async move {
        loop {
            if let Err(error) = read_lines(&source, &heard).await {
                tracing::warn!(target: "hearth::sense", device = %kid, reason = %error, "the sensor's source broke");
            }
            if heard.is_closed() {
                return;
            }
            sleep(REOPEN).await;
        }
    });
    let _ends_with_this = AbortOnDrop(reader);
    let mut beat_due = 0;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            () = sleep(TICK) => None,
        };
        let now = tell(&clock).await;
        let mut readings = Vec::new();
        if let Some(line) = line {
            station.hear(&line, now, &mut readings);
        }
        if now >= beat_due {
            readings.push(Reading {
                time: now,
                value: Value::Beat,
            });
            beat_due = now + station.interval;
        }
        if !readings.is_empty() {
            station.say(readings, now)?;
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads lines until nobody listens or the source breaks. The end of a file or pipe is no break: more may be written to it.
/// A line longer than [`LINE`] is.
async fn read_lines(source: &Path, heard: &mpsc::Sender<String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(tokio::fs::File::open(source).await?);
    let mut line = Vec::new();
    loop {
        let left = LINE - line.len() as u64;
        (&mut reader).take(left).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            if line.len() as u64 == LINE {
                return Err(std::io::Error::other("a line longer than 32,768 bytes"));
            }
            if heard.is_closed() {
                return Ok(());
            }
            sleep(TICK).await;
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut line)).map_err(std::io::Error::other)?;
        if !text.trim().is_empty() && heard.send(text).await.is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sense::{
        config::SeatAddress,
        drivers::{Settings, radar::PileRadar},
        evaluate::CUT_OFF_BPS,
        frames::{Label, Recording},
        model::{Model, STATE_FRAMES},
        script::{Frames, Noise, Source, Village, Villager, WEEK, Wood, synthetic},
        train::train_on,
    };
    use alloy::primitives::B256;
    use hearth_oracle_core::{
        chain::{self, Terms},
        estimators::{Case, Estimate, Estimator as _, Finding, Line, Opening, wood},
        faults::Faults,
        gather::Window,
        jws,
        senml::decode,
        types::{Calendar, EpochKind, MemberId, Network, StreamId, SubcontractId, Verdict},
        verify::{Header, Held, Verified, leaf_of},
    };
    use std::sync::LazyLock;

    /// Monday, 2026-01-05, 00:00 UTC.
    const BEGIN: u64 = 1_767_571_200;
    const INTERVAL: u64 = 1_800;

    static RECORDINGS: LazyLock<Vec<Recording>> = LazyLock::new(|| synthetic(16, 3, 6, 11));
    static MODEL: LazyLock<Model> =
        LazyLock::new(|| train_on(&RECORDINGS[..2], 1, &mut |_| ()).expect("a model of synthetic frames"));

    fn week() -> Week {
        let villager = |member| Villager {
            member,
            badge: B256::with_last_byte(member as u8),
        };
        let village = Village {
            members: (2..6).map(villager).collect(),
            provider: villager(1),
            capacity: 16,
            reference_grams: 1_000,
            visits: 4,
            untapped: 1,
            ambiguous: 1,
            interval: INTERVAL as u32,
            noise: Noise::default(),
            seed: 5,
        };
        village
            .week(&Frames::of(Source::Synthetic, &RECORDINGS[2..]))
            .expect("a week")
    }

    fn config(folder: &Path) -> EdgeConfig {
        let device = |kind: &str| DeviceConfig {
            kind: kind.into(),
            key: folder.join(format!("{kind}.key")),
            interval_seconds: INTERVAL as u32,
            source: None,
            settings: Settings::default(),
        };
        for (secret, kind) in [(1, "badge"), (2, "radar"), (3, "scale")] {
            let _ = DeviceKey::from_secret([secret; 32]).write(&folder.join(format!("{kind}.key")));
        }
        let mut radar = device("radar");
        radar.settings.model = Some(folder.join("meter.json"));
        MODEL.save(&folder.join("meter.json")).expect("saved");
        EdgeConfig {
            network: Network([9; 8]),
            outbox: folder.into(),
            password_file: None,
            clock: ClockChoice::Wall,
            pack_seconds: 21_600,
            replay_begin: Some(BEGIN),
            seats: vec![
                SeatAddress {
                    transport_key: [0; 32],
                    mqtt: None,
                    http: None
                };
                4
            ],
            devices: vec![device("badge"), radar, device("scale")],
        }
    }

    /// Everything a device has said, from its outbox.
    fn said(config: &EdgeConfig, kind: &str) -> Vec<Reading> {
        let device = config
            .devices
            .iter()
            .find(|device| device.kind == kind)
            .expect("configured");
        let outbox = Outbox::open(&config.outbox_of(device)).expect("opened");
        let envelopes = outbox.waiting_for(0, None, usize::MAX >> 1).expect("read");
        let readings = envelopes.iter().flat_map(|(_, text)| {
            let parts = jws::split(text.as_bytes()).expect("a JWS");
            let kid = DeviceKey::read(&device.key, None).expect("a key").kid();
            decode(&parts.payload, kid).expect("a pack")
        });
        readings.collect()
    }

    /// Plays up to each of these instants in turn; before each, the process has died if `die` says so.
    fn play_week(config: &EdgeConfig, replay: &Replay, looks: &[u64], die: impl Fn(usize) -> bool) {
        let open = || -> Vec<Station> {
            config
                .devices
                .iter()
                .map(|device| Station::open(config, device, BEGIN, None).expect("opened"))
                .collect()
        };
        let mut stations = open();
        for (turn, now) in looks.iter().enumerate() {
            if die(turn) {
                stations = open();
            }
            for station in &mut stations {
                play_until(station, replay, BEGIN, *now).expect("played");
            }
        }
    }

    fn six_hourly() -> Vec<u64> {
        (0..=29).map(|turn| BEGIN - 300 + turn * 21_600).collect()
    }

    #[test]
    fn a_replayed_week_says_what_the_script_holds() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (config, week) = (config(folder.path()), week());
        let truth = week.script.truth.clone();
        let happenings = week.script.happenings.clone();
        play_week(&config, &Replay::of(week), &six_hourly(), |_| false);

        let counts: Vec<u32> = said(&config, "radar")
            .iter()
            .filter_map(|reading| match reading.value {
                Value::Pieces(count) => Some(count),
                _ => None,
            })
            .collect();
        assert_eq!(counts.len() as u32, truth.steps + 1);
        assert_eq!(
            (counts[0], counts[counts.len() - 1]),
            (truth.opening.pieces, truth.closing.pieces)
        );
        let taken: u32 =
            truth.members.values().map(|wood| wood.pieces).sum::<u32>() + truth.unattributed.pieces;
        let net: i64 = counts
            .windows(2)
            .map(|pair| i64::from(pair[0]) - i64::from(pair[1]))
            .sum();
        assert_eq!(net, i64::from(taken) - i64::from(truth.added.pieces));

        let taps = said(&config, "badge")
            .iter()
            .filter(|reading| matches!(reading.value, Value::Tap(_)))
            .count();
        assert_eq!(
            taps,
            happenings
                .iter()
                .filter(|happening| matches!(happening.seen, Seen::Tap(_)))
                .count()
        );
        let last = said(&config, "scale")
            .iter()
            .filter_map(|reading| match reading.value {
                Value::Mass(milligrams) => Some(milligrams / 1_000),
                _ => None,
            })
            .next_back();
        assert!(last.expect("a mass").abs_diff(truth.closing.grams.into()) < 100);
    }

    /// What a seat's estimator makes of everything the edge said in the week that begins at [`BEGIN`].
    fn estimated(config: &EdgeConfig) -> Estimate {
        const CALENDAR: Calendar = Calendar { tz: 0, ignition: 0 };
        let mut window = Window::default();
        let mut devices = Vec::new();
        for device in &config.devices {
            let key = DeviceKey::read(&device.key, None).expect("a key");
            let enrolled = chain::Device {
                key: key.public(),
                kind: device.kind.clone(),
                interval: device.interval_seconds,
                calibrated_until: 0,
                from: 0,
                until: u64::MAX,
            };
            devices.push(enrolled);
            let outbox = Outbox::open(&config.outbox_of(device)).expect("opened");
            for (counter, text) in outbox.waiting_for(0, None, 10_000).expect("read") {
                let header = jws::split(text.as_bytes()).expect("a JWS").header;
                let header: Header = serde_json::from_slice(&header).expect("a header");
                let held = Held {
                    stream: StreamId(1),
                    kid: header.kid,
                    counter,
                    time: header.t,
                    leaf: leaf_of(text.as_bytes()),
                };
                window.put(Verified::reopen(text.into(), &held).expect("the same bytes"));
            }
        }
        let parameters = wood::Parameters {
            tau: 8_000,
            noise: 200,
            drift: 2_000,
            spread: 2_500,
            provider: MemberId(1),
        };
        let badges = (1..6).map(|member| chain::Badge {
            hash: B256::with_last_byte(member as u8),
            member: MemberId(member),
            from: 0,
        });
        let terms = Terms {
            subcontract: SubcontractId(1),
            epochs: EpochKind::Week,
            estimator: "wood".into(),
            parameters: parameters.encode(),
            model: MODEL.hash(),
            devices,
            badges: badges.collect(),
        };
        let case = Case {
            terms: &terms,
            calendar: CALENDAR,
            epoch: CALENDAR.epoch_at(EpochKind::Week, BEGIN),
            observed_from: BEGIN,
            opening: &Opening::default(),
            window: &window,
            cut: None,
            faults: Faults::default(),
        };
        wood::Wood.estimate(&case).expect("an estimate")
    }

    #[test]
    fn test_r7_8_and_r8_a_seat_reads_from_the_edge_what_truly_happened() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (config, week) = (config(folder.path()), week());
        let truth = week.script.truth.clone();
        play_week(&config, &Replay::of(week), &six_hourly(), |turn| turn == 7);

        let estimate = estimated(&config);
        assert_eq!(estimate.verdict, Verdict::Ok);
        assert_eq!(estimate.coverage, 10_000);
        let Finding::Lines(lines) = estimate.finding else {
            panic!("an OK report has lines")
        };
        let close = |line: Line, wood: Wood| {
            assert_eq!(line.pieces, wood.pieces);
            let visits = u32::from(truth.steps as u16);
            assert!(
                line.grams.abs_diff(wood.grams) <= 45 * visits,
                "{line:?} against {wood:?}"
            );
        };
        let taken: Vec<_> = truth.members.iter().filter(|(_, wood)| wood.pieces > 0).collect();
        assert_eq!(lines.members.len(), taken.len());
        for (member, wood) in taken {
            close(lines.members[&MemberId(*member)], *wood);
        }
        assert!(truth.unattributed.pieces > 0);
        close(lines.unattributed, truth.unattributed);
    }

    #[test]
    fn test_r7_5_every_device_beats_at_its_interval() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = config(folder.path());
        play_week(&config, &Replay::of(week()), &six_hourly(), |_| false);
        for kind in ["badge", "radar", "scale"] {
            let beats: Vec<u64> = said(&config, kind)
                .iter()
                .filter(|reading| reading.value == Value::Beat)
                .map(|reading| reading.time)
                .collect();
            assert!(
                beats.windows(2).all(|pair| pair[1] - pair[0] == INTERVAL),
                "{kind}"
            );
            assert!(beats.len() as i64 >= WEEK / INTERVAL as i64, "{kind}");
        }
    }

    #[test]
    fn an_edge_that_dies_again_and_again_says_the_same_week() {
        let through = |die: fn(usize) -> bool| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let config = config(folder.path());
            play_week(&config, &Replay::of(week()), &six_hourly(), die);
            ["badge", "radar", "scale"].map(|kind| {
                let said = said(&config, kind);
                // A radar or load cell that has just started says its state again.
                let mut kept: Vec<Reading> = Vec::new();
                let mut state = None;
                for reading in said {
                    if matches!(reading.value, Value::Pieces(_)) {
                        if state == Some(reading.value) {
                            continue;
                        }
                        state = Some(reading.value);
                    }
                    if !matches!(
                        reading.value,
                        Value::Confidence(_) | Value::Model(_) | Value::Mass(_)
                    ) {
                        kept.push(reading);
                    }
                }
                kept
            })
        };
        assert_eq!(through(|_| false), through(|turn| turn % 3 == 1));
    }

    #[test]
    fn d0_no_label_and_no_frame_reaches_a_driver_as_knowledge_or_an_envelope_at_all() {
        let replay = Replay::of(week());
        assert!(replay.frames.iter().all(|line| line.split(',').count() == FRAME));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = config(folder.path());
        play_week(&config, &replay, &six_hourly(), |_| false);
        let first: Vec<&str> = replay.frames[0].split(',').take(3).collect();
        let outbox = Outbox::open(&config.outbox_of(&config.devices[1])).expect("opened");
        for (_, text) in outbox.waiting_for(0, None, 10_000).expect("read") {
            let payload = jws::split(text.as_bytes()).expect("a JWS").payload;
            let payload = String::from_utf8(payload).expect("text");
            assert!(first.iter().all(|number| !payload.contains(number)));
        }
    }

    #[tokio::test]
    async fn a_live_source_is_heard_line_by_line_as_it_grows() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = config(folder.path());
        let source = folder.path().join("reader");
        let badge = |number: u8| B256::with_last_byte(number);
        std::fs::write(&source, format!("{}\nnot a badge\n", badge(1))).expect("written");

        let station = Station::open(&config, &config.devices[0], 0, None).expect("opened");
        let outbox = Arc::clone(&station.outbox);
        let listening = tokio::spawn(listen(station, source.clone(), Arc::new(EdgeClock::Wall)));
        let taps = || -> Vec<B256> {
            let envelopes = outbox.waiting_for(0, None, 100).expect("read");
            let readings = envelopes.iter().flat_map(|(_, text)| {
                let payload = jws::split(text.as_bytes()).expect("a JWS").payload;
                decode(&payload, DeviceKey::from_secret([1; 32]).kid()).expect("a pack")
            });
            readings
                .filter_map(|reading| match reading.value {
                    Value::Tap(badge) => Some(badge),
                    _ => None,
                })
                .collect()
        };
        let until = async |wanted: &[B256]| {
            let heard = async {
                while taps() != wanted {
                    sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), heard)
                .await
                .expect("heard in time");
        };
        until(&[badge(1)]).await;
        let mut more = std::fs::OpenOptions::new()
            .append(true)
            .open(&source)
            .expect("opened");
        std::io::Write::write_all(&mut more, format!("{}\n", badge(2)).as_bytes()).expect("written");
        until(&[badge(1), badge(2)]).await;
        listening.abort();
    }

    #[test]
    fn recordings_without_a_script_play_state_after_state() {
        let recordings = synthetic(3, 1, 5, 3);
        let week = Week::of_recordings(&recordings);
        assert_eq!(week.script.happenings.len(), 4);
        assert_eq!(week.frames.len(), 4 * STATE_FRAMES);
        assert!(
            week.frames
                .chunks(STATE_FRAMES)
                .all(|state| state.iter().all(|f| f.label == state[0].label))
        );
        assert_eq!(week.frames[0].label, Label::Count(3));
    }

    #[test]
    fn the_radar_follows_the_replayed_pile() {
        let mut radar = PileRadar::new(MODEL.clone(), CUT_OFF_BPS);
        let replay = Replay::of(week());
        let lines = replay.lines("radar", BEGIN, BEGIN - 1, BEGIN + WEEK as u64 + 60);
        let said: usize = lines
            .iter()
            .map(|(at, line)| radar.hear(line, *at).expect("a frame").len())
            .sum();
        assert_eq!(said, 3 * (replay.script.truth.steps as usize + 1));
    }
}
