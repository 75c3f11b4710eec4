//! Each planted fault is found within 1,000 seeds (`docs/faults.md`).
#![cfg(feature = "planted-faults")]

use hearth_oracle_core::faults::{Fault, Faults};
use hearth_simulator::{Tally, simulate_with};

/// Plays at most a thousand seeds, until the fault shows.
fn hunt(fault: Fault) -> Option<(u64, Tally)> {
    (0..1_000).find_map(|seed| {
        let tally = simulate_with(seed..seed + 1, Faults::plant(fault), |_| {});
        (!tally.is_clean()).then_some((seed, tally))
    })
}

#[test]
fn every_planted_fault_is_found_within_a_thousand_seeds() {
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        match hunt(fault) {
            Some((seed, tally)) => eprintln!("{fault:?}: seed {seed}: {}", tally.failures[0].words),
            None => missed.push(fault),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
