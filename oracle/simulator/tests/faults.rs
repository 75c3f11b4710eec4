//! Each planted fault is found within 1,000 seeds (`docs/faults.md`).
#![cfg(feature = "planted-faults")]

use hearth_oracle_core::faults::{Fault, Faults};
use hearth_simulator::{Tally, simulate_with};

/// Seeds played at most, in chunks, until the fault shows.
fn hunt(fault: Fault) -> Option<(u64, Tally)> {
    (0..100).find_map(|chunk| {
        let tally = simulate_with(chunk * 10..(chunk + 1) * 10, Faults::plant(fault), |_| {});
        tally
            .failures
            .first()
            .map(|failure| failure.seed)
            .map(|seed| (seed, tally))
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
