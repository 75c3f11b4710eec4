//! Stage 6: an estimate is made a report, and a report has one digest (R7.3).
//!
//! The same definition stands in `contracts/types/Report.sol`; both sides are checked against `vectors/report.json`.

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Serialize};

use crate::chain::Domain;
use crate::types::{Attempt, Epoch, StreamId, SubcontractId, Verdict};

/// A report as it is signed and submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Whose terms it settles.
    pub subcontract: SubcontractId,
    /// The stream it reports on.
    pub stream: StreamId,
    /// The epoch, 24 bits.
    pub epoch: Epoch,
    /// The turn in which it was proposed.
    pub attempt: Attempt,
    /// The committee version whose seats seal it, 24 bits.
    pub version: u32,
    /// The parent's cut, or the epoch's start; unix seconds, 40 bits.
    pub observed_from: u64,
    /// The cut; unix seconds, 40 bits.
    pub observed_to: u64,
    /// Its worth.
    pub verdict: Verdict,
    /// Confidence in bps (R7.6).
    pub confidence: u16,
    /// Coverage in bps (R7.5).
    pub coverage: u16,
    /// Digest of the last accepted report of this subcontract and stream, its low 64 bits zero; 0 for the first.
    pub parent: B256,
    /// Root of the envelopes between the cuts.
    pub envelopes: B256,
    /// The payload, whole; empty unless the verdict is OK.
    pub payload: Bytes,
}

/// Where each field of the packed head stands, in the order of [`Report`]: its lowest bit, and its width.
const LAYOUT: [(usize, u32); 10] = [
    (240, 16),
    (224, 16),
    (200, 24),
    (184, 16),
    (160, 24),
    (120, 40),
    (80, 40),
    (72, 8),
    (56, 16),
    (40, 16),
];

/// A head whose verdict this release does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "verdict {given} is unknown: 0 is OK, 1 STALE, 2 CONTESTED; run the release the charter was founded with"
)]
pub struct UnknownVerdict {
    /// What the head says.
    pub given: u64,
}

/// A digest as a child names it: truncated to its first 24 bytes, zero padded right (R7.4: 192 bits are kept).
#[must_use]
pub fn as_parent(digest: B256) -> B256 {
    let mut kept = B256::ZERO;
    kept[..24].copy_from_slice(&digest[..24]);
    kept
}

impl Report {
    /// The packed head of `contracts/types/Report.sol`, its signers' bits zero.
    #[must_use]
    pub fn header(&self) -> U256 {
        let fields: [u64; 10] = [
            self.subcontract.0.into(),
            self.stream.0.into(),
            self.epoch.0.into(),
            self.attempt.0.into(),
            self.version.into(),
            self.observed_from,
            self.observed_to,
            self.verdict as u64,
            self.confidence.into(),
            self.coverage.into(),
        ];
        let placed = fields.iter().zip(LAYOUT);
        placed.fold(U256::ZERO, |header, (field, (lowest, width))| {
            header | (U256::from(field & mask(width)) << lowest)
        })
    }

    /// The report that a packed head and what came with it speak of; its signers are passed over. The parent is not
    /// told with them: it is zero here, for the caller to fill in from the report before.
    ///
    /// # Errors
    /// The verdict is none of those known.
    pub fn read(header: U256, envelopes: B256, payload: Bytes) -> Result<Self, UnknownVerdict> {
        let fields = LAYOUT.map(|(lowest, width)| (header >> lowest).as_limbs()[0] & mask(width));
        let [
            subcontract,
            stream,
            epoch,
            attempt,
            version,
            from,
            to,
            verdict,
            confidence,
            coverage,
        ] = fields;
        // Every field is narrower than the type it is read into.
        #[expect(clippy::cast_possible_truncation, reason = "masked to its width above")]
        Ok(Self {
            subcontract: SubcontractId(subcontract as u16),
            stream: StreamId(stream as u16),
            epoch: Epoch(epoch as u32),
            attempt: Attempt(attempt as u16),
            version: version as u32,
            observed_from: from,
            observed_to: to,
            verdict: match verdict {
                0 => Verdict::Ok,
                1 => Verdict::Stale,
                2 => Verdict::Contested,
                given => return Err(UnknownVerdict { given }),
            },
            confidence: confidence as u16,
            coverage: coverage as u16,
            parent: B256::ZERO,
            envelopes,
            payload,
        })
    }

    /// The EIP-712 digest that seats sign.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        let type_hash = keccak256("Report(uint256 header,bytes32 parent,bytes32 envelopes,bytes32 payload)");
        let body = (
            type_hash,
            self.header(),
            self.parent,
            self.envelopes,
            keccak256(&self.payload),
        )
            .abi_encode();
        let mut signed = [0; 66];
        signed[..2].copy_from_slice(&[0x19, 0x01]);
        signed[2..34].copy_from_slice(domain.separator().as_slice());
        signed[34..].copy_from_slice(keccak256(body).as_slice());
        keccak256(signed)
    }
}

const fn mask(width: u32) -> u64 {
    u64::MAX >> (u64::BITS - width)
}

impl Domain {
    /// The domain separator of OpenZeppelin's `EIP712("Hearth", "1")` at the docket.
    #[must_use]
    pub fn separator(&self) -> B256 {
        let type_hash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        let fields = (
            type_hash,
            keccak256("Hearth"),
            keccak256("1"),
            U256::from(self.chain_id),
            self.docket,
        );
        keccak256(fields.abi_encode())
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        reports: Vec<Vector>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Vector {
        name: String,
        chain_id: u64,
        docket: Address,
        subcontract: u16,
        stream: u16,
        epoch: u32,
        attempt: u16,
        version: u32,
        observed_from: u64,
        observed_to: u64,
        verdict: usize,
        confidence: u16,
        coverage: u16,
        parent: B256,
        envelopes: B256,
        payload: Bytes,
        header: B256,
        separator: B256,
        digest: B256,
    }

    #[test]
    fn r7_3_one_digest_in_every_language() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../vectors/report.json")).expect("vectors are JSON");
        assert!(vectors.reports.len() >= 6);
        for vector in vectors.reports {
            let domain = Domain {
                chain_id: vector.chain_id,
                docket: vector.docket,
            };
            let report = Report {
                subcontract: SubcontractId(vector.subcontract),
                stream: StreamId(vector.stream),
                epoch: Epoch(vector.epoch),
                attempt: Attempt(vector.attempt),
                version: vector.version,
                observed_from: vector.observed_from,
                observed_to: vector.observed_to,
                verdict: [Verdict::Ok, Verdict::Stale, Verdict::Contested][vector.verdict],
                confidence: vector.confidence,
                coverage: vector.coverage,
                parent: vector.parent,
                envelopes: vector.envelopes,
                payload: vector.payload,
            };

            assert_eq!(
                report.header(),
                U256::from_be_bytes(vector.header.0),
                "{}: header",
                vector.name
            );
            assert_eq!(domain.separator(), vector.separator, "{}: domain", vector.name);
            assert_eq!(report.digest(&domain), vector.digest, "{}: digest", vector.name);

            // The signers' bits, which a head on chain carries, change nothing of what is read.
            let signed = report.header() | U256::from(u32::MAX);
            let mut read = Report::read(signed, report.envelopes, report.payload.clone()).unwrap();
            read.parent = report.parent;
            assert_eq!(read, report, "{}: read back", vector.name);
        }
    }

    #[test]
    fn an_unknown_verdict_is_refused_by_its_number() {
        let header = U256::from(3) << 72;

        assert_eq!(
            Report::read(header, B256::ZERO, Bytes::new()),
            Err(UnknownVerdict { given: 3 })
        );
    }

    #[test]
    fn r7_4_a_parent_keeps_192_bits() {
        let digest = B256::repeat_byte(0xab);

        let parent = as_parent(digest);

        assert_eq!(parent[..24], digest[..24]);
        assert_eq!(parent[24..], [0; 8]);
    }
}
