//! `tell SEED` tells one life; `tell FROM TO` plays many and names those that broke a law.

use hearth_oracle_core::faults::Faults;
use hearth_simulator::{replay, simulate};

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers.as_slice() {
        [seed] => replay(*seed, Faults::default())
            .iter()
            .for_each(|line| println!("{line}")),
        [from, to] => {
            let tally = simulate(*from..*to, |_| {});
            for failure in &tally.failures {
                println!("seed {}: {}", failure.seed, failure.words);
            }
            println!("{tally:?}");
        }
        _ => eprintln!("usage: tell SEED | tell FROM TO"),
    }
}
