//! A seeded world in which the witness core meets crashes, reorganisations and liars.
//!
//! The seats are the shipped core; disk, network, chain, devices and keys are played. One seed is one life of a
//! committee over a few epochs: faults for most of it, then quiet, in which everything must settle. A seed replays
//! exactly.
//!
//! # Layout
//! - [`simulate`] plays many seeds, [`replay`] tells one of them line by line.
//! - `world` is the clock, with a room each for its plan, blocks, edge, wires and seats; `node` one seat and its disk; `chain` the contract's rules and its
//!   reorganisations; `device` what sensors send; `liar` what a bad seat does; `law` what is checked at every step.

use std::ops::Range;

use hearth_oracle_core::faults::Faults;
use serde::{Deserialize, Serialize};

mod chain;
mod device;
mod law;
mod liar;
mod node;
mod world;

/// What many seeds came to. All but the first four must be zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Seeds played.
    pub seeds: u64,
    /// Crashes of seats.
    pub crashes: u64,
    /// Reorganisations of the chain.
    pub reorgs: u64,
    /// Epochs that were settled, or spent by their verdict.
    pub settled: u64,
    /// Envelopes that a device was told to let go and that no report counted.
    pub lost: u64,
    /// Envelopes that counted twice, and epochs settled twice.
    pub doubled: u64,
    /// Digests an honest seat should not have signed: forged, or a second one for a key.
    pub forged: u64,
    /// Lives that did not settle after their faults had stopped.
    pub stuck: u64,
    /// The seeds that broke a law, with its words; at most 100.
    #[serde(skip)]
    pub failures: Vec<Failure>,
}

/// A seed that broke a law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed: [`replay`] tells it again.
    pub seed: u64,
    /// What was broken, first of all.
    pub words: String,
}

impl Tally {
    /// Whether every law held.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.forged == 0 && self.stuck == 0
    }

    fn add(&mut self, seed: u64, life: &world::Life) {
        self.seeds += 1;
        self.crashes += life.crashes;
        self.reorgs += life.reorgs;
        self.settled += life.settled;
        self.lost += life.breaches.lost;
        self.doubled += life.breaches.doubled;
        self.forged += life.breaches.forged;
        self.stuck += life.breaches.stuck;
        if let Some(words) = life.breaches.first.as_ref().filter(|_| self.failures.len() < 100) {
            self.failures.push(Failure {
                seed,
                words: words.clone(),
            });
        }
    }
}

/// Plays these seeds; `progress` is called after each.
pub fn simulate(seeds: Range<u64>, progress: impl FnMut(&Tally)) -> Tally {
    simulate_with(seeds, Faults::default(), progress)
}

/// Plays these seeds with a planted fault, which needs the feature `planted-faults` to be more than none.
pub fn simulate_with(seeds: Range<u64>, faults: Faults, mut progress: impl FnMut(&Tally)) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        tally.add(seed, &world::live(seed, faults, false).0);
        progress(&tally);
    }
    tally
}

/// Tells one seed line by line: the same life, with its trace.
#[must_use]
pub fn replay(seed: u64, faults: Faults) -> Vec<String> {
    world::live(seed, faults, true).1
}
