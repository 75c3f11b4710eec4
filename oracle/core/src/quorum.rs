//! Stage 8: attestations reach the quorum.
//!
//! *In*: signatures of seats over one digest. *Out*: [`Sealed`], with exactly `q` of them in ascending order of seats.
//! *Refuses*: a signature that is not the named seat's.

use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes, FixedBytes, U256};

use crate::chain::Committee;
use crate::crypto::Crypto;
use crate::report::Report;
use crate::types::SeatId;

/// A report under a quorum's seal, as `Docket.submit` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    report: Report,
    digest: B256,
    signers: BTreeMap<SeatId, FixedBytes<64>>,
}

impl Sealed {
    /// The report.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Its digest.
    #[must_use]
    pub const fn digest(&self) -> B256 {
        self.digest
    }

    /// The seats that signed.
    pub fn signers(&self) -> impl Iterator<Item = SeatId> + '_ {
        self.signers.keys().copied()
    }

    /// The head with its signers in the low 32 bits.
    #[must_use]
    pub fn header(&self) -> U256 {
        self.signers.keys().fold(self.report.header(), |header, seat| {
            header | (U256::from(1) << seat.0)
        })
    }

    /// The compact signatures (r, vs) one after another, in ascending order of seats.
    #[must_use]
    pub fn seal(&self) -> Bytes {
        self.signers
            .values()
            .flat_map(|signature| signature.0)
            .collect::<Vec<u8>>()
            .into()
    }
}

/// The attestations gathered for one digest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    signatures: BTreeMap<SeatId, FixedBytes<64>>,
}

impl Tally {
    /// Adds a seat's signature; `false` where it is not that seat's.
    pub(crate) fn add(
        &mut self,
        seat: SeatId,
        digest: &B256,
        signature: FixedBytes<64>,
        committee: &Committee,
        crypto: &dyn Crypto,
    ) -> bool {
        let Some(keys) = committee.seats.get(usize::from(seat.0)) else {
            return false;
        };
        let genuine = !keys.report.is_zero() && crypto.recover(digest, &signature.0) == Some(keys.report);
        if genuine {
            self.signatures.insert(seat, signature);
        }
        genuine
    }

    pub(crate) fn has(&self, seat: SeatId) -> bool {
        self.signatures.contains_key(&seat)
    }

    /// The seal, once there are enough: the `q` lowest seats, so that exactly `q` are paid for.
    pub(crate) fn seal(&self, report: &Report, digest: B256, committee: &Committee) -> Option<Sealed> {
        let quorum = committee.arithmetic().quorum();
        if self.signatures.len() < quorum {
            return None;
        }
        let signers = self
            .signatures
            .iter()
            .take(quorum)
            .map(|(seat, s)| (*seat, *s))
            .collect();
        Some(Sealed {
            report: report.clone(),
            digest,
            signers,
        })
    }
}
