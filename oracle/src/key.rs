//! Key files: every key of a seat or device lies in a web3 keystore under a password read from a file.
//!
//! *In*: a keystore and a password file. *Out*: a [`Secret`], which shows itself to nobody. *Refuses*: a password file
//! others may read, an empty password, to write over a key. *Never*: a secret in an argument, an environment variable,
//! a log or an error.
//!
//! Ed25519 seeds are kept in the same form: a keystore encrypts 32 bytes whatever they are for. The `address` in such a
//! file only names the file's content.

use std::fmt;
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use alloy::signers::k256::elliptic_curve::rand_core::OsRng;
use alloy::signers::local::PrivateKeySigner;
use hearth_oracle_core::crypto::{Crypto, RealKeys};

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

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The password of a seat's keystores.
#[derive(Clone)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why a key cannot be used or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read.
    #[error("{path} could not be read; is the path right?")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("{path} could not be written; is the folder there, and yours?")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Others may read the file.
    #[error(
        "{path} has mode {mode:o}, wanted 600 so that nobody else can read it; mend it with `chmod 600 {path}`"
    )]
    Mode {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There is nothing in it.
    #[error("{path} holds no password in its first line")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Not a keystore, or another password.
    #[error("{path} does not open: wanted a web3 keystore under the password of the password file")]
    Closed {
        /// Which.
        path: PathBuf,
    },
    /// The file is already there.
    #[error("{path} is already there and is not written over; take another name, or move it away")]
    There {
        /// Which.
        path: PathBuf,
    },
}

impl Password {
    /// Reads the first line of a file that nobody else can read.
    ///
    /// # Errors
    /// The file is missing, open to others, or empty.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        private(path)?;
        let text = std::fs::read_to_string(path).map_err(|source| KeyError::Read {
            path: path.into(),
            source,
        })?;
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Self(line.to_owned())),
            _ => Err(KeyError::Empty { path: path.into() }),
        }
    }

    /// Reads a password file, or makes one with 32 random bytes in it.
    ///
    /// # Errors
    /// As [`Password::read`], or the file cannot be written.
    pub fn read_or_make(path: &Path) -> Result<Self, KeyError> {
        if !path.exists() {
            let word = hex::encode(PrivateKeySigner::random().to_bytes());
            write_private(path, format!("{word}\n").as_bytes())?;
        }
        Self::read(path)
    }
}

/// Refuses a file that others may read.
///
/// # Errors
/// It cannot be read, or its mode is open.
pub fn private(path: &Path) -> Result<(), KeyError> {
    let found = std::fs::metadata(path).map_err(|source| KeyError::Read {
        path: path.into(),
        source,
    })?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Mode {
                path: path.into(),
                mode,
            });
        }
    }
    let _ = found;
    Ok(())
}

/// Writes a new file that nobody else can read, whole or not at all.
///
/// # Errors
/// It is already there, or cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    use std::io::Write as _;
    let wrong = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => KeyError::There { path: path.into() },
        _ => KeyError::Write {
            path: path.into(),
            source,
        },
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(wrong)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(wrong)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(wrong)
}

/// Opens a keystore.
///
/// # Errors
/// It is missing, open to others, no keystore, or under another password.
pub fn open(path: &Path, password: &Password) -> Result<Secret, KeyError> {
    private(path)?;
    // What went wrong inside is not told further: the library's errors may quote the file.
    let signer = PrivateKeySigner::decrypt_keystore(path, &password.0)
        .map_err(|_| KeyError::Closed { path: path.into() })?;
    Ok(Secret(signer.to_bytes().0))
}

/// Makes a new key and keeps it in a keystore.
///
/// # Errors
/// The file is already there, or cannot be written.
pub fn make(path: &Path, password: &Password) -> Result<Secret, KeyError> {
    let secret = Secret(PrivateKeySigner::random().to_bytes().0);
    keep(path, &secret, password)?;
    Ok(secret)
}

/// Keeps a secret in a new keystore.
///
/// # Errors
/// The file is already there, or cannot be written.
pub fn keep(path: &Path, secret: &Secret, password: &Password) -> Result<(), KeyError> {
    if path.exists() {
        return Err(KeyError::There { path: path.into() });
    }
    // The library writes the file itself, so it writes into a folder nobody else can enter, and the file is moved.
    let wrong = |source| KeyError::Write {
        path: path.into(),
        source,
    };
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(wrong)?;
    let workshop = folder.join(format!(".making-{}", PrivateKeySigner::random().address()));
    std::fs::create_dir(&workshop).map_err(wrong)?;
    let made = (|| {
        PrivateKeySigner::encrypt_keystore(&workshop, &mut OsRng, secret.0, &password.0, Some("key"))
            .map_err(|_| wrong(std::io::Error::other("the keystore could not be made")))?;
        let content = std::fs::read(workshop.join("key")).map_err(wrong)?;
        write_private(path, &content)
    })();
    let _ = std::fs::remove_dir_all(&workshop);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_and_is_never_written_over_or_left_open() {
        let folder = tempfile::tempdir().unwrap();
        let password = Password::read_or_make(&folder.path().join("password")).unwrap();
        let path = folder.path().join("keys/report.json");
        let made = make(&path, &password).unwrap();
        assert_eq!(open(&path, &password).unwrap(), made);
        assert!(matches!(
            make(&path, &password).unwrap_err(),
            KeyError::There { .. }
        ));
        assert!(matches!(
            open(&path, &Password("other".into())).unwrap_err(),
            KeyError::Closed { .. }
        ));
        assert_eq!(std::fs::read_dir(folder.path().join("keys")).unwrap().count(), 1);

        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(matches!(
                open(&path, &password).unwrap_err(),
                KeyError::Mode { mode: 0o644, .. }
            ));
        }
    }

    #[test]
    fn no_secret_shows_itself() {
        let secret = Secret::new([0xab; 32]);
        let shown = format!("{secret:?} {:?}", Password("canary".into()));
        assert!(!shown.contains("ab") && !shown.contains("171") && !shown.contains("canary"));
    }

    #[test]
    fn truncated_and_foreign_keystores_are_refused_without_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let password = Password::read_or_make(&folder.path().join("password")).unwrap();
        let path = folder.path().join("key");
        make(&path, &password).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for content in [&whole[..whole.len() / 2], b"{}", b"\xff\xfe", b""] {
            let broken = folder.path().join("broken");
            let _ = std::fs::remove_file(&broken);
            write_private(&broken, content).unwrap();
            assert!(matches!(
                open(&broken, &password).unwrap_err(),
                KeyError::Closed { .. }
            ));
        }
    }
}
