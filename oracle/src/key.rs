//! The keys of a seat or device: each lies in a keystore under a password read from a file.
//!
//! *In*: a keystore and a password. *Out*: a [`Secret`], which shows itself to nobody. *Refuses*: a keystore others may
//! read, though it is encrypted: an operator's files are nobody else's.

use std::fmt;
use std::path::Path;

use alloy::primitives::{Address, B256};
use alloy::signers::local::PrivateKeySigner;
use hearth_oracle_core::crypto::{Crypto, RealKeys};

pub use hearth_keystore::{KeyError, Password, must_be_private, write_private};

/// 32 secret bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// The bytes, for the one who signs.
    #[must_use]
    pub const fn reveal(&self) -> &[u8; 32] {
        &self.0
    }

    /// From bytes made elsewhere, for tests and devices that bring their own.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secp256k1 address it signs for.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        RealKeys.address(&self.0)
    }

    /// The Ed25519 public key it signs for.
    #[must_use]
    pub fn public(&self) -> B256 {
        RealKeys.public(&self.0).into()
    }
}

impl From<PrivateKeySigner> for Secret {
    fn from(key: PrivateKeySigner) -> Self {
        Self(key.to_bytes().0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Opens a keystore.
///
/// # Errors
/// It is missing, open to others, no keystore, or under another password.
pub fn open(path: &Path, password: &Password) -> Result<Secret, KeyError> {
    must_be_private(path)?;
    hearth_keystore::open(path, password).map(Secret::from)
}

/// Makes a new key and keeps it in a keystore.
///
/// # Errors
/// The file is already there, or cannot be written.
pub fn make(path: &Path, password: &Password) -> Result<Secret, KeyError> {
    hearth_keystore::make(path, password).map(Secret::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_key_comes_back_and_is_never_left_open() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let password = Password::read_or_make(&folder.path().join("password")).unwrap();
        let path = folder.path().join("keys/report.json");
        let made = make(&path, &password).unwrap();
        assert_eq!(open(&path, &password).unwrap(), made);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            open(&path, &password).unwrap_err(),
            KeyError::Mode { mode: 0o644, .. }
        ));
    }

    #[test]
    fn no_secret_shows_itself() {
        let shown = format!("{:?}", Secret::new([0xab; 32]));
        assert!(!shown.contains("ab") && !shown.contains("171"));
    }
}
