//! The seam for signatures: real keys, or a keyed hash where a million seeds must be played.
//!
//! *Never*: a key store. Secrets are passed in by whoever holds them.

use alloy_primitives::{Address, B256, keccak256};
use ed25519_dalek::Signer as _;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};

/// A secp256k1 signature in EIP-2098 form: `r`, then `s` with the recovery bit on top.
pub type Compact = [u8; 64];

/// Signing and checking, for devices and transport (Ed25519) and for reports (secp256k1).
pub trait Crypto: Send + Sync {
    /// The public key of a device or transport secret.
    fn public(&self, secret: &[u8; 32]) -> [u8; 32];

    /// Signs with a device or transport key.
    fn sign(&self, secret: &[u8; 32], message: &[u8]) -> [u8; 64];

    /// Whether the signature holds, by the strict rule: every seat must decide alike on malformed input.
    fn verify(&self, public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool;

    /// The address of a report key; `None` where the secret is no key.
    fn address(&self, secret: &[u8; 32]) -> Option<Address>;

    /// Signs a report's digest; `None` where the secret is no key.
    fn attest(&self, secret: &[u8; 32], digest: &B256) -> Option<Compact>;

    /// Who signed the digest; `None` for anything the contract would refuse.
    fn recover(&self, digest: &B256, signature: &Compact) -> Option<Address>;
}

/// Real keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealKeys;

impl Crypto for RealKeys {
    fn public(&self, secret: &[u8; 32]) -> [u8; 32] {
        ed25519_dalek::SigningKey::from_bytes(secret)
            .verifying_key()
            .to_bytes()
    }

    fn sign(&self, secret: &[u8; 32], message: &[u8]) -> [u8; 64] {
        ed25519_dalek::SigningKey::from_bytes(secret)
            .sign(message)
            .to_bytes()
    }

    fn verify(&self, public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(public) else {
            return false;
        };
        key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
            .is_ok()
    }

    fn address(&self, secret: &[u8; 32]) -> Option<Address> {
        let secret = secp256k1::SecretKey::from_secret_bytes(*secret).ok()?;
        Some(address_of(&secp256k1::PublicKey::from_secret_key(&secret)))
    }

    fn attest(&self, secret: &[u8; 32], digest: &B256) -> Option<Compact> {
        let secret = secp256k1::SecretKey::from_secret_bytes(*secret).ok()?;
        let message = secp256k1::Message::from_digest(digest.0);
        let (recovery, mut compact) =
            RecoverableSignature::sign_ecdsa_recoverable(message, &secret).serialize_compact();
        // libsecp256k1 gives low s, so the top bit is free for the parity (EIP-2098).
        compact[32] |= recovery.to_u8() << 7;
        Some(compact)
    }

    fn recover(&self, digest: &B256, signature: &Compact) -> Option<Address> {
        let mut plain = *signature;
        let parity = plain[32] >> 7;
        plain[32] &= 0x7f;
        let recovery = RecoveryId::try_from(i32::from(parity)).ok()?;
        let signature = RecoverableSignature::from_compact(&plain, recovery).ok()?;
        // The contract refuses high s, since one signature must have one form.
        let mut low = signature.to_standard();
        low.normalize_s();
        if low != signature.to_standard() {
            return None;
        }
        let key = signature
            .recover_ecdsa(secp256k1::Message::from_digest(digest.0))
            .ok()?;
        Some(address_of(&key))
    }
}

fn address_of(key: &secp256k1::PublicKey) -> Address {
    Address::from_raw_public_key(&key.serialize_uncompressed()[1..])
}

/// A keyed hash in place of signatures, for the simulator's mass. Anyone who knows a public name can forge it, so the
/// simulator's liars must be written not to.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyedHash;

fn tag(name: &[u8], message: &[u8]) -> B256 {
    let mut hasher = alloy_primitives::Keccak256::new();
    hasher.update(name);
    hasher.update(message);
    hasher.finalize()
}

impl Crypto for KeyedHash {
    fn public(&self, secret: &[u8; 32]) -> [u8; 32] {
        keccak256(secret).0
    }

    fn sign(&self, secret: &[u8; 32], message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(tag(&self.public(secret), message).as_slice());
        signature
    }

    fn verify(&self, public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        signature[..32] == tag(public, message).0 && signature[32..] == [0; 32]
    }

    fn address(&self, secret: &[u8; 32]) -> Option<Address> {
        Some(Address::from_slice(&keccak256(secret)[12..]))
    }

    fn attest(&self, secret: &[u8; 32], digest: &B256) -> Option<Compact> {
        let address = self.address(secret)?;
        let mut signature = [0; 64];
        signature[..20].copy_from_slice(address.as_slice());
        signature[32..].copy_from_slice(tag(address.as_slice(), digest.as_slice()).as_slice());
        Some(signature)
    }

    fn recover(&self, digest: &B256, signature: &Compact) -> Option<Address> {
        let address = Address::from_slice(&signature[..20]);
        (signature[32..] == tag(address.as_slice(), digest.as_slice()).0 && signature[20..32] == [0; 12])
            .then_some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs_and_refuses(crypto: &dyn Crypto) {
        let (secret, other) = ([7; 32], [8; 32]);
        let digest = keccak256(b"digest");

        let signature = crypto.sign(&secret, b"message");
        assert!(crypto.verify(&crypto.public(&secret), b"message", &signature));
        assert!(!crypto.verify(&crypto.public(&other), b"message", &signature));
        assert!(!crypto.verify(&crypto.public(&secret), b"massage", &signature));

        let compact = crypto.attest(&secret, &digest).unwrap();
        assert_eq!(crypto.recover(&digest, &compact), crypto.address(&secret));
        assert_ne!(
            crypto.recover(&keccak256(b"other"), &compact),
            crypto.address(&secret)
        );
    }

    #[test]
    fn both_kinds_sign_and_refuse() {
        signs_and_refuses(&RealKeys);
        signs_and_refuses(&KeyedHash);
    }

    #[test]
    fn a_high_s_is_refused() {
        let digest = keccak256(b"digest");
        let compact = RealKeys.attest(&[7; 32], &digest).unwrap();
        let mut high = compact;
        let order = alloy_primitives::U256::from_str_radix(
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
            16,
        )
        .unwrap();
        high[32] &= 0x7f;
        let s = order - alloy_primitives::U256::from_be_slice(&high[32..]);
        high[32..].copy_from_slice(&s.to_be_bytes::<32>());
        // A high s leaves no room for the parity bit: whoever is read there, it is not the signer.
        assert_ne!(RealKeys.recover(&digest, &high), RealKeys.address(&[7; 32]));
    }
}
