//! Merkle roots and proofs as OpenZeppelin's `MerkleProof` checks them: leaves sorted, pairs sorted before hashing.

use alloy_primitives::{B256, Keccak256};

/// The root over a set of leaves; a single leaf is its own root, and no leaf at all is zero.
#[must_use]
pub fn root(leaves: impl IntoIterator<Item = B256>) -> B256 {
    let mut level = sorted(leaves);
    while level.len() > 1 {
        level = above(&level);
    }
    level.first().copied().unwrap_or(B256::ZERO)
}

/// The proof that `leaf` lies under the root over `leaves`; `None` where it does not.
#[must_use]
pub fn proof(leaves: impl IntoIterator<Item = B256>, leaf: B256) -> Option<Vec<B256>> {
    let mut level = sorted(leaves);
    let mut at = level.binary_search(&leaf).ok()?;
    let mut path = Vec::new();
    while level.len() > 1 {
        if let Some(sibling) = level.get(at ^ 1) {
            path.push(*sibling);
        }
        level = above(&level);
        at /= 2;
    }
    Some(path)
}

/// Whether a proof leads from `leaf` to `root`.
#[must_use]
pub fn proves(proof: &[B256], root: B256, leaf: B256) -> bool {
    proof.iter().fold(leaf, |below, sibling| pair(below, *sibling)) == root
}

fn sorted(leaves: impl IntoIterator<Item = B256>) -> Vec<B256> {
    let mut level: Vec<B256> = leaves.into_iter().collect();
    level.sort_unstable();
    level
}

fn above(level: &[B256]) -> Vec<B256> {
    level
        .chunks(2)
        .map(|chunk| {
            if let [a, b] = chunk {
                pair(*a, *b)
            } else {
                chunk[0]
            }
        })
        .collect()
}

fn pair(a: B256, b: B256) -> B256 {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    let mut hasher = Keccak256::new();
    hasher.update(low);
    hasher.update(high);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r7_3_small_sets() {
        assert_eq!(root([]), B256::ZERO);
        let one = B256::repeat_byte(1);
        assert_eq!(root([one]), one);
        let two = B256::repeat_byte(2);
        assert_eq!(root([two, one]), root([one, two]));
    }

    proptest! {
        #[test]
        fn every_leaf_has_a_proof_and_no_other_has(
            leaves in proptest::collection::btree_set(any::<[u8; 32]>(), 1..40), other in any::<[u8; 32]>()
        ) {
            let leaves: Vec<B256> = leaves.into_iter().map(B256::from).collect();
            let root = root(leaves.iter().copied());
            for leaf in &leaves {
                let path = proof(leaves.iter().copied(), *leaf).unwrap();
                prop_assert!(proves(&path, root, *leaf));
            }
            let other = B256::from(other);
            prop_assume!(!leaves.contains(&other));
            prop_assert!(proof(leaves.iter().copied(), other).is_none());
        }
    }
}
