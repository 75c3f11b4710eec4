//! Itemised lists: one leaf per member under the payload's root, opened to that member alone (R20).

use std::collections::BTreeMap;

use alloy_primitives::{B256, Keccak256, U256, keccak256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Serialize};

use crate::estimators::Item;
use crate::merkle;
use crate::types::{Epoch, MemberId, Network, StreamId};

/// A member's own list with what proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Whose it is.
    pub member: MemberId,
    /// The canonical JSON that was hashed.
    pub list: String,
    /// The member's salt.
    pub salt: B256,
    /// Siblings up to the itemised root.
    pub proof: Vec<B256>,
}

impl Opened {
    /// True where the report with this payload commits to the list: its first 32 bytes are the root.
    #[must_use]
    pub fn is_under(&self, payload: &[u8]) -> bool {
        let leaf = leaf(self.member, self.salt, &self.list);
        payload
            .first_chunk::<32>()
            .is_some_and(|root| merkle::proves(&self.proof, root.into(), leaf))
    }
}

/// What a member signs (EIP-191) to be shown their list, good until a unix second.
#[must_use]
pub fn request(network: Network, stream: StreamId, epoch: Epoch, member: MemberId, until: u64) -> String {
    format!(
        "Hearth {network}: show me my own list of stream {stream}, epoch {epoch}, as member {member}. \
         Good until {until}."
    )
}

/// A member's salt, drawn from the proposal's random seed; one salt says nothing of another.
#[must_use]
pub fn salt(seed: B256, member: MemberId) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(seed);
    hasher.update(member.0.to_be_bytes());
    hasher.finalize()
}

/// The canonical JSON of a list: no spaces, keys in the order of [`Item`]'s fields, items in order of time.
///
/// # Panics
/// Never: items are made of numbers and names, which JSON can hold.
#[must_use]
pub fn canonical(list: &[Item]) -> String {
    serde_json::to_string(list).expect("items of numbers and names are JSON")
}

/// The leaf `keccak256(keccak256(abi.encode(uint16 member, bytes32 salt, bytes32 listHash)))`.
#[must_use]
pub fn leaf(member: MemberId, salt: B256, list: &str) -> B256 {
    let body = (U256::from(member.0), salt, keccak256(list)).abi_encode();
    keccak256(keccak256(body))
}

/// The root over all members' lists; zero where nobody has one.
#[must_use]
pub fn root(seed: B256, lists: &BTreeMap<MemberId, Vec<Item>>) -> B256 {
    merkle::root(leaves(seed, lists))
}

/// Opens one member's list; `None` where the member has none.
#[must_use]
pub fn open(seed: B256, lists: &BTreeMap<MemberId, Vec<Item>>, member: MemberId) -> Option<Opened> {
    let list = canonical(lists.get(&member)?);
    let salt = salt(seed, member);
    let proof = merkle::proof(leaves(seed, lists), leaf(member, salt, &list))?;
    Some(Opened {
        member,
        list,
        salt,
        proof,
    })
}

fn leaves(seed: B256, lists: &BTreeMap<MemberId, Vec<Item>>) -> impl Iterator<Item = B256> {
    lists
        .iter()
        .map(move |(member, list)| leaf(*member, salt(seed, *member), &canonical(list)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::Deed;

    #[test]
    fn r20_each_member_opens_their_own_list_and_no_other() {
        let seed = B256::repeat_byte(7);
        let item = |time| Item {
            time,
            deed: Deed::Taken,
            pieces: 2,
            grams: 1_400,
        };
        let lists: BTreeMap<MemberId, Vec<Item>> =
            (1..=5).map(|m| (MemberId(m), vec![item(u64::from(m))])).collect();
        let root = root(seed, &lists);
        for member in lists.keys() {
            let opened = open(seed, &lists, *member).unwrap();
            assert!(merkle::proves(
                &opened.proof,
                root,
                leaf(*member, opened.salt, &opened.list)
            ));
            assert!(opened.is_under(&[&root[..], &[0; 8]].concat()));
            assert!(!opened.is_under(&[0; 40]) && !opened.is_under(&root[..31]));
            let other = leaf(MemberId(member.0 + 1), opened.salt, &opened.list);
            assert!(!merkle::proves(&opened.proof, root, other));
        }
        assert_eq!(open(seed, &lists, MemberId(6)), None);
        assert_eq!(
            canonical(&[item(9)]),
            r#"[{"time":9,"deed":"taken","pieces":2,"grams":1400}]"#
        );
    }
}
