//! Keys from keystore files (web3 secret storage v3); a password comes from a file or a prompt, never from a flag.
//!
//! *Refuses*: a password file that others can read, to write over a key. A keystore is made for its owner's eyes only.

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
    /// The keystore could not be written.
    #[error("the keystore {path} could not be written; is the folder there, and yours?")]
    Write {
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
    /// Others can read the password file.
    #[error(
        "the password file {path} has mode {mode:o}, wanted 600 so that nobody else can read it; mend it with `chmod 600 {path}`"
    )]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The password could not be read.
    #[error("the password could not be read; give --password-file, or answer the prompt at a terminal")]
    Password(#[source] std::io::Error),
}

/// The first line of a password file, or the answer to a prompt.
///
/// # Errors
/// Where the file cannot be read, others can read it, or there is no terminal to ask at.
pub fn password(file: Option<&Path>, prompt: &str) -> Result<String, KeyError> {
    let Some(file) = file else {
        return rpassword::prompt_password(prompt).map_err(KeyError::Password);
    };
    private(file)?;
    let text = std::fs::read_to_string(file).map_err(KeyError::Password)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Refuses a password file that others can read.
fn private(path: &Path) -> Result<(), KeyError> {
    let found = std::fs::metadata(path).map_err(KeyError::Password)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // A pipe, as a shell makes for `<(…)`, is nobody else's whatever its mode.
        let mode = found.permissions().mode() & 0o777;
        if found.is_file() && mode & 0o077 != 0 {
            return Err(KeyError::Mode {
                path: path.to_owned(),
                mode,
            });
        }
    }
    let _ = found;
    Ok(())
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

/// Makes a new key in a new keystore, which shows its address and which nobody else can read.
///
/// # Errors
/// Where the file exists or cannot be written.
pub fn make(path: &Path, password: &str) -> Result<PrivateKeySigner, KeyError> {
    if path.exists() {
        return Err(KeyError::Exists {
            path: path.to_owned(),
        });
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let key = PrivateKeySigner::random_with(&mut OsRng);
    // The library writes the file itself, with the modes of any file, so it writes into a folder of its own.
    let workshop = folder.join(format!(".making-{}", key.address()));
    let wrong = |source| KeyError::Write {
        path: path.to_owned(),
        source,
    };
    workshop_for(&workshop).map_err(wrong)?;
    let made =
        PrivateKeySigner::encrypt_keystore(&workshop, &mut OsRng, key.to_bytes(), password, Some("key"))
            .map_err(|source| KeyError::Make {
                path: path.to_owned(),
                source: Box::new(source),
            })
            .and_then(|_| write(path, &workshop.join("key"), key.address()).map_err(wrong));
    let _ = std::fs::remove_dir_all(&workshop);
    made.map(|()| key)
}

/// A folder that nobody else can enter.
fn workshop_for(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Writes a keystore with the address beside what is encrypted, so that questions about its owner need no password.
fn write(path: &Path, made: &Path, address: Address) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut keystore: serde_json::Value = serde_json::from_slice(&std::fs::read(made)?)?;
    keystore["address"] = hex::encode(address).into();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(keystore.to_string().as_bytes())?;
    file.sync_all()
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
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_password_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "a word\n").unwrap();

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = password(Some(&path), "").unwrap_err().to_string();
        assert!(
            refused.contains("mode 644") && refused.contains("`chmod 600 "),
            "{refused}"
        );

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(password(Some(&path), "").unwrap(), "a word");
    }
}
