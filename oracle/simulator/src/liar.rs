//! What a bad seat does: it runs the same core and bends what goes in and what comes out.

use alloy_primitives::B256;
use hearth_oracle_core::answer::Outcome;
use hearth_oracle_core::effect::Effect;
use hearth_oracle_core::message::{Message, Proposal};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The seed of an equivocator's second truth.
pub(crate) const OTHER_SEED: B256 = B256::repeat_byte(0x5e);

/// How a seat is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// Says nothing at all.
    Silent,
    /// Answers *kept* without keeping, forges payloads, signs whatever it is shown, misremembers closings.
    Liar,
    /// Leaves envelopes out of its proposals, and keeps from others what it holds.
    Omitter,
    /// Proposes different things to different seats, and slips envelopes to single seats late.
    Equivocator,
}

impl Bad {
    pub(crate) const ALL: [Self; 4] = [Self::Silent, Self::Liar, Self::Omitter, Self::Equivocator];

    /// Whether it pretends to keep an envelope.
    pub(crate) fn pretends(self, rng: &mut ChaCha8Rng) -> bool {
        matches!(self, Self::Liar | Self::Omitter) && rng.random_bool(0.6)
    }

    /// Bends one effect; `None` drops it.
    pub(crate) fn bend(self, effect: Effect, rng: &mut ChaCha8Rng) -> Option<Effect> {
        match (self, effect) {
            (_, kept @ (Effect::Persist(_) | Effect::Sign(_) | Effect::Forget { .. } | Effect::Note(_))) => {
                Some(kept)
            }
            (Self::Omitter, Effect::Evaluate(mut task)) => {
                let unlucky = rng.random_range(0..4_u8);
                task.retain(|held| held.leaf[31] % 4 != unlucky);
                Some(Effect::Evaluate(task))
            }
            (_, task @ Effect::Evaluate(_)) => Some(task),
            (Self::Silent, _) => None,
            (Self::Liar, Effect::Answer { kid, counter, .. }) => Some(Effect::Answer {
                kid,
                counter,
                outcome: Outcome::Kept,
            }),
            (
                Self::Liar,
                Effect::Send {
                    to,
                    message: Message::Proposal(proposal),
                },
            ) => Some(Effect::Send {
                to,
                message: Message::Proposal(Box::new(forged(*proposal, rng))),
            }),
            (
                Self::Liar,
                Effect::Send {
                    to,
                    message:
                        Message::Closing {
                            stream,
                            digest,
                            mut opening,
                        },
                },
            ) => {
                for state in opening.devices.values_mut() {
                    state.level = state.level.map(|level| level + 7);
                }
                Some(Effect::Send {
                    to,
                    message: Message::Closing {
                        stream,
                        digest,
                        opening,
                    },
                })
            }
            (Self::Liar | Self::Omitter, Effect::HandOver { .. }) if rng.random_bool(0.7) => None,
            (
                Self::Liar | Self::Omitter,
                Effect::Send {
                    message: Message::Inventory { .. },
                    ..
                },
            ) => None,
            (
                Self::Equivocator,
                Effect::Send {
                    to,
                    message: Message::Proposal(proposal),
                },
            ) if to.0 % 2 == 1 => {
                let mut other = *proposal;
                // Other salts are another digest of the same truth, where there are lists to salt.
                other.seed = OTHER_SEED;
                Some(Effect::Send {
                    to,
                    message: Message::Proposal(Box::new(other)),
                })
            }
            (_, other) => Some(other),
        }
    }
}

fn forged(mut proposal: Proposal, rng: &mut ChaCha8Rng) -> Proposal {
    let mut payload = proposal.report.payload.to_vec();
    match payload.last_mut() {
        Some(last) => *last ^= 1 << rng.random_range(0..8_u8),
        None => payload.extend([0; 32]),
    }
    proposal.report.payload = payload.into();
    proposal
}
