use std::fmt::Write as _;

use alloy_primitives::{B256, keccak256};

use super::*;
use crate::chain::{Badge, Device};
use crate::crypto::{Crypto, KeyedHash};
use crate::estimators::Opening;
use crate::gather::Window;
use crate::types::{Calendar, Counter, Epoch, EpochKind, Kid, StreamId, SubcontractId};
use crate::verify::{Held, Verified, envelope, leaf_of};

const CALENDAR: Calendar = Calendar { tz: 0, ignition: 0 };
const EPOCH: Epoch = Epoch(20_000);
const PROVIDER: MemberId = MemberId(1);
const ANN: MemberId = MemberId(2);
const BOB: MemberId = MemberId(3);

fn begin() -> u64 {
    CALENDAR.begin(EpochKind::Day, EPOCH)
}

fn end() -> u64 {
    CALENDAR.end(EpochKind::Day, EPOCH)
}

fn badge(member: MemberId) -> B256 {
    keccak256(member.0.to_be_bytes())
}

fn secret(kind: &str) -> [u8; 32] {
    keccak256(kind).0
}

fn kid(kind: &str) -> Kid {
    Kid::of(&KeyedHash.public(&secret(kind)))
}

/// A day at the pile, told as a story; times are seconds after the day's start.
struct Story {
    packs: Vec<(&'static str, u64, String)>,
    opening: Opening,
    terms: Terms,
}

impl Story {
    /// 50 pieces of 1 kg, beats all day.
    fn new() -> Self {
        let parameters = Parameters {
            tau: 8_000,
            noise: 200,
            drift: 2_000,
            spread: 2_500,
            provider: PROVIDER,
        };
        let device = |kind: &str| Device {
            key: KeyedHash.public(&secret(kind)),
            kind: kind.into(),
            interval: 600,
            calibrated_until: 0,
            from: 0,
            until: u64::MAX,
        };
        let terms = Terms {
            subcontract: SubcontractId(1),
            epochs: EpochKind::Day,
            estimator: "wood".into(),
            parameters: parameters.encode(),
            model: B256::repeat_byte(0xaa),
            devices: ["radar", "scale", "badge"].map(device).to_vec(),
            badges: [PROVIDER, ANN, BOB]
                .map(|m| Badge {
                    hash: badge(m),
                    member: m,
                    from: 0,
                })
                .to_vec(),
        };
        let mut story = Self {
            packs: Vec::new(),
            opening: Opening::default(),
            terms,
        };
        for kind in ["radar", "scale", "badge"] {
            for beat in 0..144 {
                story = story.say(kind, beat * 600, r#"{"n":"beat","vb":true,"t":T}"#);
            }
        }
        story.pile(5, 50, 50_000)
    }

    fn say(mut self, kind: &'static str, time: u64, records: &str) -> Self {
        let time = begin() + time;
        self.packs
            .push((kind, time, records.replace('T', &time.to_string())));
        self
    }

    fn state(self, time: u64, pieces: u32, confidence: &str) -> Self {
        self.say(
            "radar",
            time,
            &format!(
                r#"{{"n":"wood/pieces","u":"count","v":{pieces},"t":T}},{{"n":"wood/confidence","u":"/","v":{confidence},"t":T}},{{"n":"wood/model","vs":"aaaaaaaaaaaaaaaa","t":T}}"#
            ),
        )
    }

    fn mass(self, time: u64, grams: i64) -> Self {
        self.say(
            "scale",
            time,
            &format!(r#"{{"n":"wood/mass","u":"g","v":{grams},"t":T}}"#),
        )
    }

    /// Radar at once, the load cell three seconds later.
    fn pile(self, time: u64, pieces: u32, grams: i64) -> Self {
        self.state(time, pieces, "0.99").mass(time + 3, grams)
    }

    fn tap(self, time: u64, member: MemberId) -> Self {
        self.tap_hash(time, badge(member))
    }

    fn tap_hash(self, time: u64, hash: B256) -> Self {
        self.say("badge", time, &format!(r#"{{"n":"tap","vs":"{hash:x}","t":T}}"#))
    }

    fn window(&self) -> Window {
        let mut window = Window::default();
        let mut packs = self.packs.clone();
        packs.sort_by_key(|(_, time, _)| *time);
        for (seq, (kind, time, records)) in packs.into_iter().enumerate() {
            let counter = Counter::new(1, seq as u32);
            let raw = envelope(
                &secret(kind),
                Default::default(),
                counter,
                time,
                format!("[{records}]").as_bytes(),
                &KeyedHash,
            );
            let held = Held {
                stream: StreamId(1),
                kid: kid(kind),
                counter,
                time,
                leaf: leaf_of(raw.as_bytes()),
            };
            window.put(Verified::reopen(raw.into(), &held).unwrap());
        }
        window
    }

    fn estimate(&self) -> Estimate {
        let window = self.window();
        Wood.estimate(&Case {
            terms: &self.terms,
            calendar: CALENDAR,
            epoch: EPOCH,
            observed_from: begin(),
            opening: &self.opening,
            window: &window,
            cut: None,
            faults: Default::default(),
        })
        .unwrap()
    }

    /// Told as `verdict cut | member:pieces/grams … | ?unattributed`, the cut in seconds before the day's end.
    fn check(self, wanted: &str) -> Estimate {
        let estimate = self.estimate();
        let mut told = format!("{:?} {}", estimate.verdict, end() - estimate.observed_to);
        if let Finding::Lines(lines) = &estimate.finding {
            for (member, line) in &lines.members {
                write!(told, " {member}:{}/{}", line.pieces, line.grams).unwrap();
            }
            write!(
                told,
                " ?{}/{}",
                lines.unattributed.pieces, lines.unattributed.grams
            )
            .unwrap();
        }
        assert_eq!(told, wanted);
        estimate
    }
}

#[test]
fn r7_8_a_step_down_with_a_tap_is_a_removal() {
    let estimate = Story::new()
        .tap(995, ANN)
        .pile(1_000, 47, 47_100)
        .check("Ok 0 2:3/2900 ?0/0");
    assert_eq!((estimate.confidence, estimate.coverage), (9_900, 10_000));
    let item = Item {
        time: begin() + 1_000,
        deed: Deed::Taken,
        pieces: 3,
        grams: 2_900,
    };
    assert_eq!(estimate.itemised(), BTreeMap::from([(ANN, vec![item])]));
    assert_eq!(estimate.closing.devices[&kid("radar")].level, Some(47));
    assert_eq!(estimate.closing.devices[&kid("scale")].level, Some(47_100_000));
}

#[test]
fn r7_8_without_a_who_it_is_unattributed_and_never_guessed() {
    Story::new().pile(1_000, 47, 47_000).check("Ok 0 ?3/3000");
    // A tap 61 seconds away is nobody's.
    Story::new()
        .tap(939, ANN)
        .pile(1_000, 47, 47_000)
        .check("Ok 0 ?3/3000");
    // So is one with a badge that nobody enrolled.
    Story::new()
        .tap_hash(999, B256::repeat_byte(9))
        .pile(1_000, 47, 47_000)
        .check("Ok 0 ?3/3000");
}

#[test]
fn r7_8_two_people_who_could_both_claim_it_make_it_ambiguous() {
    let both = || Story::new().tap(995, ANN).tap(1_020, BOB).pile(1_000, 47, 47_000);
    both().check("Ok 0 ?3/3000");
    // Nor does either tap serve for what comes within a minute of it.
    both().pile(1_070, 46, 46_000).check("Ok 0 ?4/4000");
    // An unknown badge among them is somebody too.
    Story::new()
        .tap(995, ANN)
        .tap_hash(996, B256::repeat_byte(9))
        .pile(1_000, 47, 47_000)
        .check("Ok 0 ?3/3000");
    // The same person twice is one.
    Story::new()
        .tap(995, ANN)
        .tap(999, ANN)
        .pile(1_000, 47, 47_000)
        .check("Ok 0 2:3/3000 ?0/0");
}

#[test]
fn r7_8_each_tap_is_used_once() {
    // 61 seconds apart the steps are two movements, and the one tap serves the first.
    Story::new()
        .tap(1_002, ANN)
        .pile(1_000, 48, 48_000)
        .pile(1_061, 47, 47_000)
        .check("Ok 0 2:2/2000 ?1/1000");
    // Within a minute they are one movement.
    Story::new()
        .tap(1_002, ANN)
        .pile(1_000, 48, 48_000)
        .pile(1_050, 47, 47_000)
        .check("Ok 0 2:3/3000 ?0/0");
}

#[test]
fn r8_returns_lower_the_line_but_not_below_zero() {
    let taken = || Story::new().tap(1_000, ANN).pile(1_000, 45, 45_000);
    taken()
        .tap(5_000, ANN)
        .pile(5_000, 47, 47_000)
        .check("Ok 0 2:3/3000 ?0/0");
    Story::new()
        .tap(5_000, ANN)
        .pile(5_000, 53, 53_000)
        .check("Ok 0 ?0/0");
    // A step up with the provider's tap, or with none, is stock added.
    taken()
        .tap(5_000, PROVIDER)
        .pile(5_000, 52, 52_000)
        .check("Ok 0 2:5/5000 ?0/0");
    taken().pile(5_000, 52, 52_000).check("Ok 0 2:5/5000 ?0/0");
    // The provider's own use is a line like any other; its multiple is 0.
    Story::new()
        .tap(999, PROVIDER)
        .pile(1_000, 49, 49_000)
        .check("Ok 0 1:1/1000 ?0/0");
}

#[test]
fn r7_6_a_state_below_tau_or_of_another_model_is_no_state() {
    Story::new()
        .tap(1_000, ANN)
        .state(1_000, 10, "0.7999")
        .check("Ok 0 ?0/0");
    let estimate = Story::new()
        .tap(1_000, ANN)
        .state(1_000, 49, "0.8")
        .mass(1_001, 49_000)
        .check("Ok 0 2:1/1000 ?0/0");
    assert_eq!(estimate.confidence, 8_000);
    let foreign = r#"{"n":"wood/pieces","u":"count","v":9,"t":T},{"n":"wood/confidence","u":"/","v":1,"t":T},{"n":"wood/model","vs":"bbbbbbbbbbbbbbbb","t":T}"#;
    Story::new()
        .tap(1_000, ANN)
        .say("radar", 1_000, foreign)
        .check("Ok 0 ?0/0");
    let unnamed =
        r#"{"n":"wood/pieces","u":"count","v":9,"t":T},{"n":"wood/confidence","u":"/","v":1,"t":T}"#;
    Story::new()
        .tap(1_000, ANN)
        .say("radar", 1_000, unnamed)
        .check("Ok 0 ?0/0");
}

#[test]
fn r7_9_only_steps_above_the_noise_count_and_drift_is_discarded() {
    // 150 g at a time is drift; 1.5 kg of it over the day is allowed.
    let mut story = Story::new();
    for k in 1..=10 {
        story = story.mass(1_000 + k * 100, 50_000 - k as i64 * 150);
    }
    story.check("Ok 0 ?0/0");
    // 5% of 50 kg is 2.5 kg: beyond that the stock does not add up.
    let mut story = Story::new();
    for k in 1..=17 {
        story = story.mass(1_000 + k * 100, 50_000 - k as i64 * 150);
    }
    story.check("Contested 0");
}

#[test]
fn r7_5_a_silent_device_makes_it_stale() {
    let silence = |from: u64, to: u64| {
        let mut story = Story::new();
        story
            .packs
            .retain(|(kind, time, _)| *kind != "badge" || !(from..to).contains(&(time - begin())));
        story
    };
    // Of 1,440 minutes, 144 may be lost. The silence runs from the last beat before to the first after.
    let estimate = silence(6_600, 14_400).check("Ok 0 ?0/0");
    assert_eq!(estimate.coverage, 9_027);
    silence(6_600, 15_000).check("Stale 0");
    // A silence of exactly two intervals is none.
    assert_eq!(silence(6_600, 7_200).check("Ok 0 ?0/0").coverage, 10_000);
}

#[test]
fn r7_5_redundant_devices_that_disagree_make_it_contested() {
    let mut story = Story::new().tap(1_000, ANN).pile(1_000, 46, 46_000);
    let mut second = story.terms.devices[0].clone();
    second.key = KeyedHash.public(&secret("radar2"));
    story.terms.devices.push(second);
    for beat in 0..144 {
        story = story.say("radar2", beat * 600, r#"{"n":"beat","vb":true,"t":T}"#);
    }
    let state = |pieces| {
        format!(
            r#"{{"n":"wood/pieces","u":"count","v":{pieces},"t":T}},{{"n":"wood/confidence","u":"/","v":1,"t":T}},{{"n":"wood/model","vs":"aaaaaaaaaaaaaaaa","t":T}}"#
        )
    };
    story = story
        .say("radar2", 10, &state(50))
        .say("radar2", 1_001, &state(47));
    story.check("Ok 0 2:4/4000 ?0/0");
    let mut story = Story::new().tap(1_000, ANN).pile(1_000, 46, 46_000);
    let mut second = story.terms.devices[0].clone();
    second.key = KeyedHash.public(&secret("radar2"));
    story.terms.devices.push(second);
    for beat in 0..144 {
        story = story.say("radar2", beat * 600, r#"{"n":"beat","vb":true,"t":T}"#);
    }
    story
        .say("radar2", 10, &state(50))
        .say("radar2", 1_001, &state(48))
        .check("Contested 0");
}

#[test]
fn r7_3_the_cut_is_the_latest_decided_instant() {
    let day = 86_400;
    // A tap 30 s before the end waits for its step: the cut lies before it.
    Story::new().tap(day - 30, ANN).check("Ok 31 ?0/0");
    // A tap a minute before the end has had its time.
    Story::new().tap(day - 60, ANN).check("Ok 0 ?0/0");
    // Tap and step belong to the next epoch together.
    Story::new()
        .tap(day - 40, ANN)
        .pile(day - 35, 49, 49_000)
        .check("Ok 41 ?0/0");
    // So does a chain of them.
    Story::new()
        .tap(day - 90, ANN)
        .pile(day - 85, 49, 49_000)
        .pile(day - 30, 48, 48_000)
        .check("Ok 91 ?0/0");
}

#[test]
fn r7_3_without_a_decided_instant_the_end_is_the_cut_and_the_undecided_is_nobodys() {
    let mut story = Story::new();
    // Taps every 50 seconds through the last ten minutes and beyond.
    for k in 0..13 {
        story = story.tap(86_400 - 20 - k * 50, ANN);
    }
    story.pile(86_400 - 10, 49, 49_000).check("Ok 0 ?1/1000");
}

#[test]
fn r7_3_a_reading_before_the_cut_in_an_envelope_after_it_is_undecided() {
    let mut story = Story::new();
    let time = begin() + 86_400 - 200;
    let state = |t: u64| {
        format!(
            r#"{{"n":"wood/pieces","u":"count","v":49,"t":{t}}},{{"n":"wood/confidence","u":"/","v":1,"t":{t}}},{{"n":"wood/model","vs":"aaaaaaaaaaaaaaaa","t":{t}}}"#
        )
    };
    // The step lies 200 s before the end, its envelope 5 s before it.
    let records = format!(r#"{},{{"n":"beat","vb":true,"t":{}}}"#, state(time), time + 195);
    story.packs.push(("radar", time + 195, records));
    // From the step until its envelope it is undecided; the five seconds after that are free.
    story.check("Ok 0 ?1/0");
}

#[test]
fn r7_2_a_reused_counter_silences_the_device() {
    let story = Story::new().tap(1_000, ANN).pile(1_000, 47, 47_000);
    let mut window = story.window();
    // A second content under the counter of the badge's tap.
    let (counter, time) = {
        let (counting, _) = window.counting(kid("badge"), &story.opening, end(), false);
        let tap = counting
            .iter()
            .find(|e| e.held().time == begin() + 1_000)
            .unwrap()
            .held();
        (tap.counter, tap.time)
    };
    let pack = format!(r#"[{{"n":"tap","vs":"{:x}","t":{time}}}]"#, badge(BOB));
    let raw = envelope(
        &secret("badge"),
        Default::default(),
        counter,
        time,
        pack.as_bytes(),
        &KeyedHash,
    );
    let held = Held {
        stream: StreamId(1),
        kid: kid("badge"),
        counter,
        time,
        leaf: leaf_of(raw.as_bytes()),
    };
    window.put(Verified::reopen(raw.into(), &held).unwrap());
    let (counting, unheard) = window.counting(kid("badge"), &story.opening, end(), false);
    assert!(unheard);
    assert!(counting.iter().all(|envelope| envelope.held().counter < counter));

    let case = Case {
        terms: &story.terms,
        calendar: CALENDAR,
        epoch: EPOCH,
        observed_from: begin(),
        opening: &story.opening,
        window: &window,
        cut: None,
        faults: Default::default(),
    };
    let estimate = Wood.estimate(&case).unwrap();
    assert_eq!(estimate.verdict, Verdict::Stale);
    assert!(estimate.closing.devices[&kid("badge")].unheard);
    // And so it stays in the next epoch.
    assert!(
        Window::default()
            .counting(kid("badge"), &estimate.closing, end(), false)
            .1
    );
}

#[test]
fn r7_3_the_opening_carries_over() {
    let first = Story::new().tap(1_000, ANN).pile(1_000, 45, 45_000).estimate();
    let mut story = Story::new();
    story.opening = first.closing;
    for state in story.opening.devices.values_mut() {
        // The next story's counters start anew, below the last day's.
        state.counter = Counter(0);
    }
    // The first state of the day shows two pieces fewer than the last of the day before.
    story.packs.retain(|(_, time, records)| {
        *time != begin() + 5 && *time != begin() + 8 || records.contains("beat")
    });
    story.tap(5, BOB).pile(6, 43, 43_000).check("Ok 0 3:2/2000 ?0/0");
}

#[test]
fn parameters_are_fourteen_bytes() {
    let parameters = Parameters {
        tau: 8_000,
        noise: 200,
        drift: 2_000,
        spread: 2_500,
        provider: PROVIDER,
    };
    assert_eq!(Parameters::decode(&parameters.encode()), Ok(parameters));
    assert_eq!(
        Parameters::decode(&[0; 13]),
        Err(Unusable::Parameters {
            estimator: "wood",
            given: 13,
            wanted: 14
        })
    );
}
