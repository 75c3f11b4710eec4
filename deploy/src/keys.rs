//! Keys from keystore files (web3 secret storage v3); a password comes from a file or a prompt, never from a flag.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use alloy::signers::k256::elliptic_curve::rand_core::OsRng;
use alloy::signers::local::{LocalSignerError, PrivateKeySigner};
use thiserror::Error;

/// Why a key could not be opened or made.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The keystore could not be opened.
    #[error("the keystore {path} could not be opened; is the path right, and the password?")]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: Box<LocalSignerError>,
    },
    /// The keystore could not be made.
    #[error("the keystore {path} could not be made")]
    Make {
        /// Which file.
        path: PathBuf,
        /// What the writer said.
        #[source]
        source: Box<LocalSignerError>,
    },
    /// The keystore's address could not be written into it.
    #[error("the address could not be written into the keystore {path}")]
    Show {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The keystore shows no address.
    #[error("{path} shows no address; is it a keystore?")]
    NoAddress {
        /// Which file.
        path: PathBuf,
    },
    /// There is a file already.
    #[error("{path} exists already; a keystore is never overwritten")]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// The password could not be read.
    #[error("the password could not be read; give --password-file, or answer the prompt at a terminal")]
    Password(#[source] std::io::Error),
}

/// The first line of a password file, or the answer to a prompt.
///
/// # Errors
/// Where the file cannot be read or there is no terminal to ask at.
pub fn password(file: Option<&Path>, prompt: &str) -> Result<String, KeyError> {
    let Some(file) = file else {
        return rpassword::prompt_password(prompt).map_err(KeyError::Password);
    };
    let text = std::fs::read_to_string(file).map_err(KeyError::Password)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Opens a keystore.
///
/// # Errors
/// Where the file is no keystore or the password is wrong.
pub fn open(path: &Path, password: &str) -> Result<PrivateKeySigner, KeyError> {
    PrivateKeySigner::decrypt_keystore(path, password).map_err(|source| KeyError::Open {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

/// The address a keystore shows without being opened.
///
/// # Errors
/// Where the file cannot be read or shows none.
pub fn address(path: &Path) -> Result<Address, KeyError> {
    let shown = || -> Option<Address> {
        let keystore: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
        keystore["address"]
            .as_str()?
            .trim_start_matches("0x")
            .parse()
            .ok()
    };
    shown().ok_or_else(|| KeyError::NoAddress {
        path: path.to_owned(),
    })
}

/// Makes a new key in a new keystore, which shows its address.
///
/// # Errors
/// Where the file exists or cannot be written.
pub fn make(path: &Path, password: &str) -> Result<PrivateKeySigner, KeyError> {
    if path.exists() {
        return Err(KeyError::Exists {
            path: path.to_owned(),
        });
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("key");
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let key = PrivateKeySigner::random_with(&mut OsRng);
    PrivateKeySigner::encrypt_keystore(folder, &mut OsRng, key.to_bytes(), password, Some(name)).map_err(
        |source| KeyError::Make {
            path: path.to_owned(),
            source: Box::new(source),
        },
    )?;
    show(path, key.address()).map_err(|source| KeyError::Show {
        path: path.to_owned(),
        source,
    })?;
    Ok(key)
}

/// Writes the address beside what is encrypted, so that questions about its owner need no password.
fn show(path: &Path, address: Address) -> std::io::Result<()> {
    let mut keystore: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    keystore["address"] = hex::encode(address).into();
    std::fs::write(path, keystore.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keystore_made_here_opens_and_shows_its_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.key");

        let made = make(&path, "a word").unwrap();

        assert_eq!(address(&path).unwrap(), made.address());
        assert_eq!(open(&path, "a word").unwrap(), made);
        assert!(matches!(open(&path, "another"), Err(KeyError::Open { .. })));
        assert!(matches!(make(&path, "a word"), Err(KeyError::Exists { .. })));
    }
}
