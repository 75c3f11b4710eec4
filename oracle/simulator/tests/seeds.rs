//! Many lives of a committee, and what one of them says.

use hearth_oracle_core::faults::Faults;
use hearth_simulator::{replay, simulate};

/// A thousand as shipped; unoptimised, fewer, since `cargo xtask test` plays the thousand besides.
const SEEDS: u64 = if cfg!(debug_assertions) { 64 } else { 1_000 };

#[test]
fn no_life_loses_doubles_or_forges_anything() {
    let tally = simulate(0..SEEDS, |_| {});
    eprintln!("{}", serde_json::to_string(&tally).unwrap());
    for failure in &tally.failures {
        eprintln!("seed {}: {}", failure.seed, failure.words);
    }
    assert!(tally.is_clean());
    // A run in which nothing happens would be clean too.
    assert!(
        tally.crashes > SEEDS && tally.reorgs > SEEDS && tally.settled > SEEDS,
        "{tally:?}"
    );
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [0, 1, 7] {
        let once = replay(seed, Faults::default());
        assert!(once.len() > 100);
        assert_eq!(once, replay(seed, Faults::default()));
    }
}
