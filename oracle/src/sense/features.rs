//! What a frame is judged by: its samples, and each channel's spectrum, in integers.
//!
//! *In*: a [`Frame`]. *Out*: a vector of `i32`, the same bits on any build. *Never*: a float. The spectrum's sines come from
//! one table of integers, magnitudes from an integer square root.

use super::frames::{CHANNELS, FRAME, Frame, SAMPLES};
use serde::{Deserialize, Serialize};

/// Frequencies kept: 0 to 15 waves a run. What lies above is mostly noise.
pub const BINS: usize = SAMPLES / 4;
/// Spectra taken: of each channel, and of each difference of two.
pub const SPECTRA: usize = CHANNELS + CHANNELS * (CHANNELS - 1) / 2;

/// Which numbers a model looks at. Chosen at training and stored with the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureSet {
    /// The 512 samples.
    Raw,
    /// The samples, and the root of the magnitude, at each of [`BINS`] frequencies, of the steps from sample to sample of
    /// each channel and of each difference of two channels, in [`SPECTRA`]. Magnitudes do not turn with the phase, so they
    /// hold when a pile moves by less than a wavelength; a difference of channels still tells where their phases part;
    /// steps instead of samples keep a slow swell from drowning the rest; roots are spread more evenly.
    RawAndSpectrum,
}

impl FeatureSet {
    /// Every set, in the order training tries them.
    pub const ALL: [Self; 2] = [Self::Raw, Self::RawAndSpectrum];

    /// Numbers in a vector of this set.
    pub const fn width(self) -> usize {
        match self {
            Self::Raw => FRAME,
            Self::RawAndSpectrum => FRAME + SPECTRA * BINS,
        }
    }

    /// How many numbers of each kind a vector holds, in order: those of one kind share their unit, those of two do not.
    pub const fn kinds(self) -> &'static [usize] {
        match self {
            Self::Raw => &[FRAME],
            Self::RawAndSpectrum => &[FRAME, SPECTRA * BINS],
        }
    }

    /// The features of one frame: samples in thousandths of a radar unit; the root of magnitudes in thousandths divided
    /// by 8 (the root of [`SAMPLES`]), times 64. Each lies within ±2^24.
    pub fn of(self, frame: &Frame) -> Vec<i32> {
        let mut features = Vec::with_capacity(self.width());
        features.extend_from_slice(frame.samples());
        if self == Self::RawAndSpectrum {
            let waves: Vec<_> = frame.channels().map(waves).collect();
            for channel in &waves {
                features.extend(channel.iter().copied().map(root));
            }
            for (place, one) in waves.iter().enumerate() {
                for other in &waves[place + 1..] {
                    features.extend(one.iter().zip(other).map(|(a, b)| root((a.0 - b.0, a.1 - b.1))));
                }
            }
        }
        features
    }
}

/// `sin(2π k / 64)` for `k = 0..16`, times 2^14, rounded: a quarter wave, the rest follows by symmetry.
const QUARTER_SINE: [i32; 17] = [
    0, 1606, 3196, 4756, 6270, 7723, 9102, 10394, 11585, 12665, 13623, 14449, 15137, 15679, 16069, 16305,
    16384,
];

/// `sin(2π k / 64)` times 2^14.
pub(in crate::sense) const fn sine(k: usize) -> i32 {
    match k % SAMPLES {
        k @ 0..=16 => QUARTER_SINE[k],
        k @ 17..=32 => QUARTER_SINE[32 - k],
        k @ 33..=48 => -QUARTER_SINE[k - 32],
        k => -QUARTER_SINE[64 - k],
    }
}

const SINES: [i32; SAMPLES] = {
    let mut table = [0; SAMPLES];
    let mut k = 0;
    while k < SAMPLES {
        table[k] = sine(k);
        k += 1;
    }
    table
};

/// The real and the imaginary part of a wave, times 2^14.
type Wave = (i64, i64);

/// The first [`BINS`] waves of one channel's steps (63 of them, and a zero).
///
/// The plain sum over 64 samples is written as two sums over 32 by folding the run in the middle: sample `s` and `s + 32`
/// meet waves of equal (even bins) or opposite (odd bins) sign.
fn waves(channel: &[i32]) -> [Wave; BINS] {
    const HALF: usize = SAMPLES / 2;
    let step = |sample: usize| match channel.get(sample + 1) {
        Some(next) => i64::from(*next) - i64::from(channel[sample]),
        None => 0,
    };
    let mut folded = [[0i64; HALF]; 2];
    let [even, odd] = &mut folded;
    for (sample, (sum, difference)) in even.iter_mut().zip(odd).enumerate() {
        let (early, late) = (step(sample), step(sample + HALF));
        *sum = early + late;
        *difference = early - late;
    }
    std::array::from_fn(|bin| {
        let (mut real, mut imaginary) = (0i64, 0i64);
        for (sample, value) in folded[bin % 2].iter().enumerate() {
            let angle = bin * sample;
            real += value * i64::from(SINES[(angle + SAMPLES / 4) % SAMPLES]);
            imaginary += value * i64::from(SINES[angle % SAMPLES]);
        }
        (real, imaginary)
    })
}

/// The root of a wave's magnitude, in the unit of [`FeatureSet::of`].
fn root((real, imaginary): Wave) -> i32 {
    // Steps below 2^25, 64 of them, waves of 2^14: sums stay below 2^45 and differences of two below 2^46, and back below
    // 2^29 after these 17 bits (14 of the table, 3 for the root of 64), so the squares fit in 64 bits.
    let (real, imaginary) = (real >> 17, imaginary >> 17);
    let square = (real * real + imaginary * imaginary).unsigned_abs();
    i32::try_from((square.isqrt() << 12).isqrt()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sense::frames::SAMPLE_MAX;
    use proptest::prelude::*;

    fn frame(samples: impl Fn(usize) -> i32) -> Frame {
        Frame::new(std::array::from_fn(samples)).expect("within range")
    }

    #[test]
    fn the_table_is_a_sine() {
        for (k, value) in SINES.iter().enumerate() {
            let exact = (std::f64::consts::TAU * k as f64 / 64.0).sin() * 16_384.0;
            assert!((f64::from(*value) - exact).abs() <= 0.5, "k = {k}");
        }
    }

    #[test]
    fn a_pure_wave_fills_one_bin() {
        let wave = frame(|i| SINES[(3 * (i % SAMPLES)) % SAMPLES]);
        let features = FeatureSet::RawAndSpectrum.of(&wave);
        let bins = &features[FRAME..FRAME + BINS];
        let loudest = bins
            .iter()
            .enumerate()
            .max_by_key(|(_, magnitude)| **magnitude)
            .expect("bins");
        assert_eq!(loudest.0, 3);
        assert!(
            bins.iter()
                .enumerate()
                .all(|(bin, root)| bin == 3 || *root < *loudest.1 / 3)
        );
    }

    #[test]
    fn the_loudest_frame_stays_in_range() {
        let loud = frame(|i| if i % 2 == 0 { SAMPLE_MAX } else { -SAMPLE_MAX });
        let features = FeatureSet::RawAndSpectrum.of(&loud);
        assert_eq!(features.len(), FeatureSet::RawAndSpectrum.width());
        assert!(features.iter().all(|feature| feature.abs() < 1 << 24));
    }

    proptest! {
        #[test]
        fn magnitudes_match_the_definition(seed in any::<u64>()) {
            let random = |i: usize| {
                let mixed = (seed ^ i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
                (mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as i32 - (1 << 23)
            };
            let frame = frame(random);
            let features = FeatureSet::RawAndSpectrum.of(&frame);
            let mut runs: Vec<Vec<i32>> = frame.channels().map(<[i32]>::to_vec).collect();
            for one in 0..CHANNELS {
                for other in one + 1..CHANNELS {
                    runs.push(runs[one].iter().zip(&runs[other]).map(|(a, b)| a - b).collect());
                }
            }
            prop_assert_eq!(runs.len(), SPECTRA);
            for (c, run) in runs.iter().enumerate() {
                for bin in 0..BINS {
                    let (mut real, mut imaginary) = (0.0, 0.0);
                    for (s, pair) in run.windows(2).enumerate() {
                        let angle = std::f64::consts::TAU * (bin * s) as f64 / 64.0;
                        real += f64::from(pair[1] - pair[0]) * angle.cos();
                        imaginary += f64::from(pair[1] - pair[0]) * angle.sin();
                    }
                    let exact = real.hypot(imaginary) / 8.0;
                    let got = (f64::from(features[FRAME + c * BINS + bin]) / 64.0).powi(2);
                    prop_assert!((got - exact).abs() < 4_000.0, "bin {bin}: {got} against {exact}");
                }
            }
        }
    }
}
