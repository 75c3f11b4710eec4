//! Stage 7, the key: signs what the guard has permitted, and nothing else.
//!
//! *In*: a [`Permit`], which only the core's guard can make, after its record is durable. *Out*: an [`Attestation`].
//! *Never*: a digest from anywhere else.

use alloy::primitives::Address;
use hearth_oracle_core::crypto::{Crypto, RealKeys};
use hearth_oracle_core::guard::Permit;
use hearth_oracle_core::message::Attestation;

use crate::key::Secret;

/// The seat's report key.
#[derive(Debug)]
pub struct ReportKey {
    secret: Secret,
    address: Address,
}

impl ReportKey {
    /// Takes the key in charge; `None` where the secret is no secp256k1 key.
    #[must_use]
    pub fn new(secret: Secret) -> Option<Self> {
        let address = secret.address()?;
        Some(Self { secret, address })
    }

    /// The address the committee knows it by.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Signs the permitted digest; `None` where the secret is no key, which [`ReportKey::new`] has ruled out.
    #[must_use]
    pub fn attest(&self, permit: &Permit) -> Option<Attestation> {
        let signature = RealKeys.attest(self.secret.reveal(), &permit.digest())?;
        Some(Attestation {
            key: permit.key(),
            digest: permit.digest(),
            signature: signature.into(),
        })
    }
}
