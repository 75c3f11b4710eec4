use super::*;
use crate::sense::{
    config::SeatAddress,
    drivers::{Settings, radar::PileRadar},
    evaluate::CUT_OFF_BPS,
    frames::{Label, Recording, read_file},
    model::{Model, STATE_FRAMES},
    script::{Frames, Noise, Source, Village, Villager, WEEK, Wood, synthetic},
    train::train_on,
};
use crate::sense::{
    frames::FRAME,
    replay::play_until,
    script::{Seen, Week},
};
use alloy::primitives::B256;
use hearth_oracle_core::senml::Value;
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
use std::path::Path;
use std::sync::LazyLock;
use tokio::time::sleep;

/// Monday, 2026-01-05, 00:00 UTC.
const BEGIN: u64 = 1_767_571_200;
const INTERVAL: u64 = 1_800;

static RECORDINGS: LazyLock<Vec<Recording>> = LazyLock::new(|| synthetic(16, 3, 6, 11));
static MODEL: LazyLock<Model> =
    LazyLock::new(|| train_on(&RECORDINGS[..2], 1, &mut |_| ()).expect("a model of synthetic frames"));

fn week() -> Week {
    week_of(5)
}

fn week_of(seed: u64) -> Week {
    village(16, seed)
        .week(&Frames::of(Source::Synthetic, &RECORDINGS[2..]))
        .expect("a week")
}

fn village(capacity: u16, seed: u64) -> Village {
    let villager = |member| Villager {
        member,
        badge: B256::with_last_byte(member as u8),
    };
    Village {
        members: (2..6).map(villager).collect(),
        provider: villager(1),
        capacity,
        reference_grams: 1_000,
        visits: 4,
        untapped: 1,
        ambiguous: 1,
        interval: INTERVAL as u32,
        noise: Noise::default(),
        seed,
    }
}

fn config(folder: &Path) -> EdgeConfig {
    config_with(folder, &MODEL)
}

fn config_with(folder: &Path, model: &Model) -> EdgeConfig {
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
    model.save(&folder.join("meter.json")).expect("saved");
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
    let taken: u32 = truth.members.values().map(|wood| wood.pieces).sum::<u32>() + truth.unattributed.pieces;
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
fn estimated(config: &EdgeConfig, model: &Model) -> Estimate {
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
        model: model.hash(),
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
    // Each visit is weighed twice within 15 g, and an hour's drift stays below 10 g.
    const OFF_PER_VISIT: u32 = 40;
    for seed in 0..6 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (config, week) = (config(folder.path()), week_of(seed));
        let truth = week.script.truth.clone();
        play_week(&config, &Replay::of(week), &six_hourly(), |turn| turn == 7);

        let estimate = estimated(&config, &MODEL);
        assert_eq!(estimate.verdict, Verdict::Ok, "seed {seed}");
        assert_eq!(estimate.coverage, 10_000, "seed {seed}");
        let Finding::Lines(lines) = estimate.finding else {
            panic!("an OK report has lines")
        };
        let close = |line: Line, wood: Wood, visits: u32| {
            assert_eq!(line.pieces, wood.pieces, "seed {seed}");
            let off = line.grams.abs_diff(wood.grams);
            assert!(
                off <= OFF_PER_VISIT * visits,
                "seed {seed}: {line:?} against {wood:?}"
            );
        };
        let taken: Vec<_> = truth.members.iter().filter(|(_, wood)| wood.pieces > 0).collect();
        assert_eq!(lines.members.len(), taken.len(), "seed {seed}");
        for (member, wood) in taken {
            close(lines.members[&MemberId(*member)], *wood, 4);
        }
        assert!(truth.unattributed.pieces > 0, "seed {seed}");
        close(lines.unattributed, truth.unattributed, 2);
    }
}

/// What seats charged over replayed weeks, next to what truly happened. All are counts.
#[derive(Debug, Default)]
struct Charged {
    /// Weeks played, and of them those whose verdict charges nobody anything.
    weeks: u32,
    idle: u32,
    /// Pieces that members took and kept, and pieces charged to a member beyond what that member took.
    pieces: u32,
    wrong: u32,
    /// Pieces that members took and nobody is charged for, since a state was not said or a week is idle.
    missed: u32,
    /// States shown, and of them those the radar did not say.
    states: u32,
    unsaid: u32,
    /// Lines of persons in the same weeks without a single tap.
    untapped: usize,
}

/// Plays weeks through the edge to a seat's estimator, each once as it was and once with nobody tapping.
fn charged(model: &Model, frames: &Frames, capacity: u16, seeds: std::ops::Range<u64>) -> Charged {
    let lines_of = |config: &EdgeConfig| match estimated(config, model).finding {
        Finding::Lines(lines) => Some(lines),
        _ => None,
    };
    let mut found = Charged::default();
    for seed in seeds {
        let week = village(capacity, seed).week(frames).expect("a week");
        let truth = week.script.truth.clone();
        let mut nobody = week.clone();
        nobody
            .script
            .happenings
            .retain(|happening| !matches!(happening.seen, Seen::Tap(_)));

        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = config_with(folder.path(), model);
        play_week(&config, &Replay::of(week), &six_hourly(), |_| false);
        let states = said(&config, "radar");
        let states = states
            .iter()
            .filter(|reading| matches!(reading.value, Value::Pieces(_)));
        let lines = lines_of(&config);
        found.weeks += 1;
        found.idle += u32::from(lines.is_none());
        found.states += truth.steps + 1;
        found.unsaid += (truth.steps + 1).saturating_sub(states.count() as u32);
        for member in 1..6 {
            let took = truth.members.get(&member).map_or(0, |wood| wood.pieces);
            let line = lines
                .as_ref()
                .and_then(|lines| lines.members.get(&MemberId(member)));
            let charged = line.map_or(0, |line| line.pieces);
            found.pieces += took;
            found.wrong += charged.saturating_sub(took);
            found.missed += took.saturating_sub(charged);
        }

        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = config_with(folder.path(), model);
        play_week(&config, &Replay::of(nobody), &six_hourly(), |_| false);
        found.untapped += lines_of(&config).map_or(0, |lines| lines.members.len());
    }
    found
}

#[test]
fn test_r7_6_and_r7_8_at_the_cut_off_few_pieces_are_charged_wrongly_and_none_without_a_tap() {
    const WEEKS: u64 = 12;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let data = std::env::var_os("HEARTH_DATA").map_or_else(|| root.into(), PathBuf::from);
    let recording = |name: &str| read_file(&data.join("radar").join(name)).ok();
    let sessions: Option<Vec<Recording>> = (1..=4)
        .map(|session| recording(&format!("cards-session{session}.csv")))
        .collect();
    let mut played = vec![(
        "synthetic frames",
        charged(
            &MODEL,
            &Frames::of(Source::Synthetic, &RECORDINGS[2..]),
            16,
            0..WEEKS,
        ),
    )];
    if let Some(sessions) = sessions {
        let model = train_on(&sessions[..3], 1, &mut |_| ()).expect("a model");
        let frames = Frames::of(Source::Recorded, &sessions[3..]);
        played.push((
            "cards of a session not learned",
            charged(&model, &frames, 52, 0..WEEKS),
        ));
    } else {
        println!(
            "skipped: no recordings at {}; name their folder in HEARTH_DATA",
            data.display()
        );
    }
    for (what, found) in played {
        println!("{what}: {found:?}");
        assert!(found.pieces > 100, "{what}");
        assert!(
            found.wrong * 200 <= found.pieces,
            "{what}: more than 0.5% of pieces"
        );
        assert!(
            found.unsaid * 10 <= found.states,
            "{what}: more than 10% abstained"
        );
        assert_eq!(found.untapped, 0, "{what}: a person without a tap");
    }
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
fn test_r20_no_label_reaches_a_driver_and_no_frame_an_envelope() {
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
