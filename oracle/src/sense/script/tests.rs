use super::*;
use crate::sense::frames::parse;

fn villager(member: u16) -> Villager {
    Villager {
        member,
        badge: B256::with_last_byte(member as u8),
    }
}

fn village(seed: u64) -> Village {
    Village {
        members: (2..8).map(villager).collect(),
        provider: villager(1),
        capacity: 52,
        reference_grams: 1_000,
        visits: 6,
        untapped: 2,
        ambiguous: 1,
        interval: 1_800,
        noise: Noise::default(),
        seed,
    }
}

fn frames() -> Frames {
    Frames::of(Source::Synthetic, &synthetic(52, 1, 10, 7))
}

#[test]
fn the_same_seed_gives_the_same_week_and_another_does_not() {
    let frames = frames();
    let week = |seed| village(seed).week(&frames).expect("a week").script;
    assert_eq!(week(3), week(3));
    assert_ne!(week(3), week(4));
}

#[test]
fn wood_is_conserved_and_steps_match_the_truth() {
    let frames = frames();
    for seed in 0..20 {
        let Week { script, frames } = village(seed).week(&frames).expect("a week");
        let Truth {
            members,
            unattributed,
            added,
            opening,
            closing,
            steps,
        } = &script.truth;
        let mut taken = *unattributed;
        members.values().for_each(|wood| taken.add(*wood));
        assert_eq!(
            opening.pieces + added.pieces,
            closing.pieces + taken.pieces,
            "seed {seed}"
        );
        assert_eq!(
            opening.grams + added.grams,
            closing.grams + taken.grams,
            "seed {seed}"
        );
        assert!(added.pieces > 0, "seed {seed}: nobody stocked");

        let shown: Vec<&Label> = script
            .happenings
            .iter()
            .filter_map(|happening| match happening.seen {
                Seen::Frames(from, to) => {
                    assert!(to - from >= STATE_FRAMES);
                    assert!(
                        frames[from..to]
                            .iter()
                            .all(|sample| sample.label == frames[from].label)
                    );
                    Some(&frames[from].label)
                }
                _ => None,
            })
            .collect();
        assert_eq!(shown.len() as u32, steps + 1);
        assert!(
            shown.windows(2).all(|pair| pair[0] != pair[1]),
            "seed {seed}: a step that changes nothing"
        );
        let last = Label::Count(closing.pieces as u16);
        assert_eq!(*shown.last().expect("states"), &last);
    }
}

#[test]
fn happenings_are_in_order_and_taps_lie_within_a_minute_of_one_step() {
    let frames = frames();
    for seed in 0..20 {
        let script = village(seed).week(&frames).expect("a week").script;
        let of = |wanted: fn(&Seen) -> bool| {
            script
                .happenings
                .iter()
                .filter(move |h| wanted(&h.seen))
                .map(|h| h.at)
                .collect::<Vec<_>>()
        };
        assert!(script.happenings.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(
            script
                .happenings
                .iter()
                .all(|happening| (0..=WEEK).contains(&happening.at))
        );
        let steps = of(|seen| matches!(seen, Seen::Frames(..)));
        for tap in of(|seen| matches!(seen, Seen::Tap(_))) {
            let near = steps.iter().filter(|step| (*step - tap).abs() <= 120).count();
            assert_eq!(near, 1, "seed {seed}: tap at {tap}");
            assert!(
                steps.iter().any(|step| (0..=50).contains(&(step - tap))),
                "seed {seed}: tap at {tap}"
            );
        }
        let grams = of(|seen| matches!(seen, Seen::Grams(_)));
        assert!(
            grams.windows(2).all(|pair| pair[1] - pair[0] <= 2 * 1_800),
            "seed {seed}"
        );
    }
}

#[test]
fn frames_survive_their_own_text() {
    let recordings = synthetic(3, 1, 2, 5);
    let text = text_of(&recordings[0].samples);
    assert_eq!(
        parse("f", text.as_bytes()).expect("parsed").samples,
        recordings[0].samples
    );
}

#[test]
fn a_week_survives_its_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let week = village(1).week(&frames()).expect("a week");
    week.write(folder.path()).expect("written");
    assert_eq!(Script::read(folder.path()).expect("read"), week.script);
}

#[test]
fn what_cannot_be_played_is_refused() {
    let few = Frames::of(Source::Synthetic, &synthetic(8, 1, 10, 7));
    assert!(matches!(
        village(1).week(&few),
        Err(ScriptError::Frames { given: 9, .. })
    ));
    let thin = Frames::of(Source::Synthetic, &synthetic(52, 1, 4, 7));
    assert!(matches!(
        village(1).week(&thin),
        Err(ScriptError::Frames { given: 0, .. })
    ));
    let crowded = Village {
        visits: 200,
        ..village(1)
    };
    assert!(matches!(
        crowded.week(&frames()),
        Err(ScriptError::Crowded { .. })
    ));
}

#[test]
fn the_script_in_the_documentation_is_one() {
    let page = include_str!("../../../../docs/sensing.md");
    let (_, after) = page.split_once("```json\n").expect("an example");
    let (example, _) = after.split_once("```").expect("its end");
    let script: Script = serde_json::from_str(example).expect("a script");
    assert_eq!(script.happenings.len(), 4);
    assert!(script.happenings.is_sorted_by_key(|happening| happening.at));
}
