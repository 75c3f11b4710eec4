//! The network name: one charter on one chain, in sixteen hex digits (wire formats, "Network name").

use alloy::primitives::{Address, U256, hex, keccak256};
use alloy::sol_types::SolValue;

/// First 8 bytes of `keccak256(abi.encode(chain id, charter))`, lower-case hex.
#[must_use]
pub fn network_name(chain_id: u64, charter: Address) -> String {
    let hash = keccak256((U256::from(chain_id), charter).abi_encode());
    hex::encode(&hash[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_bound_to_chain_and_charter() {
        let charter = Address::repeat_byte(0x11);
        let name = network_name(31_337, charter);
        assert_eq!(name.len(), 16);
        assert_ne!(name, network_name(1, charter));
        assert_ne!(name, network_name(31_337, Address::repeat_byte(0x12)));
        let mut encoded = [0u8; 64];
        encoded[30..32].copy_from_slice(&31_337u16.to_be_bytes());
        encoded[44..].copy_from_slice(charter.as_slice());
        assert_eq!(name, hex::encode(&keccak256(encoded)[..8]));
    }
}
