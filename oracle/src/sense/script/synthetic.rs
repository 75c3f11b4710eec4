//! Frames for machines without recordings.

use crate::sense::{
    features::sine,
    frames::{CHANNELS, FRAME, Frame, Label, Recording, SAMPLES, Sample},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Labelled frames made by arithmetic, for machines without recordings: `sessions` recordings that sweep from the highest
/// count to none, `sweeps` times each. Every count turns the phase of two waves per channel a little further, each session
/// has its own gain, and every sample some noise. They are far easier than real ones and prove nothing about a radar.
pub fn synthetic(most: u16, sessions: usize, sweeps: usize, seed: u64) -> Vec<Recording> {
    let mut draw = ChaCha8Rng::seed_from_u64(seed);
    let mut recordings = Vec::new();
    for session in 0..sessions {
        let gain = draw.random_range(95..=105);
        let mut samples = Vec::new();
        for _ in 0..sweeps {
            for count in (0..=most).rev() {
                let mut numbers = [0; FRAME];
                for (place, number) in numbers.iter_mut().enumerate() {
                    let (channel, sample) = (place / SAMPLES, place % SAMPLES);
                    let near = sine(3 * sample + usize::from(count) * (channel + 1));
                    let far = sine(7 * sample + usize::from(count) * (CHANNELS - channel));
                    let noise = draw.random_range(-4_000..=4_000);
                    *number = (near * 2 + far) * gain / 100 + noise;
                }
                let frame = Frame::new(numbers).expect("three waves of 2^14 stay far below the limit");
                samples.push(Sample {
                    frame,
                    label: Label::Count(count),
                });
            }
        }
        recordings.push(Recording {
            name: format!("synthetic-session{}", session + 1),
            samples,
        });
    }
    recordings
}
