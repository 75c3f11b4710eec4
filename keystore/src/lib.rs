//! Key files: every key lies in a keystore (web3 secret storage v3) that nobody else can read, under a password.
//!
//! *In*: a keystore and a [`Password`]. *Out*: the key. *Refuses*: a password file others may read, an empty password, to
//! write over a key. *Never*: a secret in an argument, an environment variable, a log or an error.
//!
//! A keystore that others may read is opened all the same: it is encrypted, and wallets of members leave it so.
//!
//! Ed25519 seeds are kept in the same form: a keystore encrypts 32 bytes whatever they are for. The `address` that each
//! keystore shows, so that questions about its owner need no password, names such a seed's file and nothing else.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use alloy::signers::k256::elliptic_curve::rand_core::OsRng;
use alloy::signers::local::PrivateKeySigner;

/// What a keystore is locked with; it shows itself to nobody.
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
        source: Error,
    },
    /// A file could not be written.
    #[error("{path} could not be written; is the folder there, and yours?")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Error,
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
    /// There is nothing in a password file.
    #[error("{path} holds no password in its first line")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A new keystore would be locked with nothing.
    #[error("given no password for {path}, wanted one: without it, who copies the file has the key")]
    NoPassword {
        /// Which.
        path: PathBuf,
    },
    /// Not a keystore, or another password.
    #[error("{path} does not open: wanted a web3 keystore under the password given")]
    Closed {
        /// Which.
        path: PathBuf,
    },
    /// The keystore shows no address.
    #[error("{path} shows no address; is it a keystore?")]
    NoAddress {
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
    /// A password that somebody gave.
    #[must_use]
    pub fn new(given: impl Into<String>) -> Self {
        Self(given.into())
    }

    /// Reads the first line of a file that nobody else can read.
    ///
    /// # Errors
    /// The file is missing, open to others, or empty.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        must_be_private(path)?;
        let text = std::fs::read_to_string(path).map_err(unread(path))?;
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

fn unread(path: &Path) -> impl Fn(Error) -> KeyError {
    move |source| KeyError::Read {
        path: path.into(),
        source,
    }
}

/// Refuses a file that others may read.
///
/// # Errors
/// It cannot be read, or its mode is open.
pub fn must_be_private(path: &Path) -> Result<(), KeyError> {
    let found = std::fs::metadata(path).map_err(unread(path))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // A pipe, as a shell makes for `<(…)`, is nobody else's whatever its mode.
        let mode = found.permissions().mode() & 0o777;
        if found.is_file() && mode & 0o077 != 0 {
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
    let wrong = |source| KeyError::Write {
        path: path.into(),
        source,
    };
    let folder = folder(path);
    std::fs::create_dir_all(folder).map_err(wrong)?;
    // It is nobody else's from its making, and gone again unless it gets the name.
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(wrong)?;
    beside
        .write_all(content)
        .and_then(|()| beside.as_file().sync_all())
        .map_err(wrong)?;
    match beside.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => {
            Err(KeyError::There { path: path.into() })
        }
        Err(refused) => Err(wrong(refused.error)),
    }
}

/// Where a file lies.
fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Opens a keystore.
///
/// # Errors
/// It cannot be read, is no keystore, or is under another password.
pub fn open(path: &Path, password: &Password) -> Result<PrivateKeySigner, KeyError> {
    let text = std::fs::read(path).map_err(unread(path))?;
    if !serde_json::from_slice(&text).is_ok_and(|keystore| opens_safely(&keystore)) {
        return Err(KeyError::Closed { path: path.into() });
    }
    // What went wrong inside is not told further: the library's errors may quote the file.
    PrivateKeySigner::decrypt_keystore(path, &password.0).map_err(|_| KeyError::Closed { path: path.into() })
}

/// True where the library does not panic at a keystore's lengths, and takes no more memory and time than a wallet asks for.
fn opens_safely(keystore: &serde_json::Value) -> bool {
    let crypto = &keystore["crypto"];
    let kdf = &crypto["kdfparams"];
    let bytes = |hex: &serde_json::Value| hex.as_str().map(|hex| hex.len() / 2);
    let at_most = |name: &str, most: u64| kdf[name].as_u64().is_none_or(|given| (1..=most).contains(&given));
    // Scrypt takes 128 * n * r bytes, p times: a GiB at most, and a quarter of it by wallets' usual numbers.
    let work = [("n", 1 << 20), ("r", 8), ("p", 16), ("c", 10_000_000)];
    kdf["dklen"] == 32
        && bytes(&crypto["cipherparams"]["iv"]) == Some(16)
        && bytes(&crypto["ciphertext"]) == Some(32)
        && kdf["n"].as_u64().is_none_or(u64::is_power_of_two)
        && work.into_iter().all(|(name, most)| at_most(name, most))
}

/// The address a keystore shows without being opened.
///
/// # Errors
/// The file cannot be read, or shows none.
pub fn address(path: &Path) -> Result<Address, KeyError> {
    let text = std::fs::read(path).map_err(unread(path))?;
    let shown = serde_json::from_slice(&text)
        .ok()
        .and_then(|keystore: serde_json::Value| {
            let shown = keystore["address"].as_str()?;
            shown.trim_start_matches("0x").parse().ok()
        });
    shown.ok_or_else(|| KeyError::NoAddress { path: path.into() })
}

/// Makes a new key and keeps it in a new keystore, which shows its address.
///
/// # Errors
/// The file is already there, or cannot be written; the password is empty.
pub fn make(path: &Path, password: &Password) -> Result<PrivateKeySigner, KeyError> {
    if password.0.is_empty() {
        return Err(KeyError::NoPassword { path: path.into() });
    }
    if path.exists() {
        return Err(KeyError::There { path: path.into() });
    }
    let wrong = |source| KeyError::Write {
        path: path.into(),
        source,
    };
    let key = PrivateKeySigner::random();
    let folder = folder(path);
    std::fs::create_dir_all(folder).map_err(wrong)?;
    // The library writes the file itself, with the modes of any file, so it writes into a folder nobody else can enter.
    let workshop = folder.join(format!(".making-{}", key.address()));
    own_folder(&workshop).map_err(wrong)?;
    let made = (|| {
        PrivateKeySigner::encrypt_keystore(&workshop, &mut OsRng, key.to_bytes(), &password.0, Some("key"))
            .map_err(|_| wrong(Error::other("the keystore could not be made")))?;
        let made = std::fs::read(workshop.join("key")).map_err(wrong)?;
        let mut keystore: serde_json::Value =
            serde_json::from_slice(&made).map_err(|error| wrong(error.into()))?;
        keystore["address"] = hex::encode(key.address()).into();
        write_private(path, keystore.to_string().as_bytes())
    })();
    let _ = std::fs::remove_dir_all(&workshop);
    made.map(|()| key)
}

/// A folder that nobody else can enter.
fn own_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_and_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let password = Password::new("a word");
        let path = folder.path().join("keys/ada.key");

        let made = make(&path, &password).unwrap();

        assert_eq!(address(&path).unwrap(), made.address());
        assert_eq!(open(&path, &password).unwrap(), made);
        let other = Password::new("another");
        assert!(matches!(open(&path, &other), Err(KeyError::Closed { .. })));
        assert!(matches!(make(&path, &password), Err(KeyError::There { .. })));
        assert!(matches!(
            write_private(&path, b"gone"),
            Err(KeyError::There { .. })
        ));
        assert_eq!(std::fs::read_dir(folder.path().join("keys")).unwrap().count(), 1);
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
        let refused = Password::read(&path).unwrap_err().to_string();
        assert!(
            refused.contains("mode 644") && refused.contains("`chmod 600 "),
            "{refused}"
        );

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Password::read(&path).unwrap().0, "a word");
        std::fs::write(&path, "\na word\n").unwrap();
        assert!(matches!(Password::read(&path), Err(KeyError::Empty { .. })));
    }

    #[test]
    fn no_key_is_kept_under_an_empty_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.key");

        let refused = make(&path, &Password::new("")).unwrap_err();

        assert!(refused.to_string().contains("wanted one"), "{refused}");
        assert!(!path.exists());
    }

    #[test]
    fn no_password_shows_itself() {
        let shown = format!("{:?}", Password::new("canary"));
        assert!(!shown.contains("canary"));
    }

    #[test]
    fn keystores_of_lengths_nobody_writes_are_refused_without_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let password = Password::new("a word");
        let path = folder.path().join("key");
        make(&path, &password).unwrap();
        let whole: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();

        for (place, given) in [
            ("/crypto/kdfparams/dklen", serde_json::json!(16)),
            ("/crypto/kdfparams/dklen", serde_json::json!(0)),
            ("/crypto/kdfparams/n", serde_json::json!(0)),
            ("/crypto/kdfparams/n", serde_json::json!(8_191)),
            ("/crypto/kdfparams/n", serde_json::json!(1_u32 << 31)),
            ("/crypto/kdfparams/r", serde_json::json!(0)),
            ("/crypto/kdfparams/p", serde_json::json!(1_u32 << 30)),
            ("/crypto/cipherparams/iv", serde_json::json!("00")),
            ("/crypto/ciphertext", serde_json::json!("00")),
        ] {
            let mut strange = whole.clone();
            *strange.pointer_mut(place).unwrap() = given;
            std::fs::write(&path, strange.to_string()).unwrap();
            assert!(
                matches!(open(&path, &password), Err(KeyError::Closed { .. })),
                "{place}"
            );
        }
        std::fs::write(&path, whole.to_string()).unwrap();
        open(&path, &password).unwrap();
    }

    #[test]
    fn truncated_and_foreign_keystores_are_refused_without_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let password = Password::read_or_make(&folder.path().join("password")).unwrap();
        let path = folder.path().join("key");
        assert!(matches!(open(&path, &password), Err(KeyError::Read { .. })));
        make(&path, &password).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for content in [&whole[..whole.len() / 2], b"{}", b"\xff\xfe", b""] {
            let broken = folder.path().join("broken");
            let _ = std::fs::remove_file(&broken);
            write_private(&broken, content).unwrap();
            assert!(matches!(open(&broken, &password), Err(KeyError::Closed { .. })));
            assert!(matches!(address(&broken), Err(KeyError::NoAddress { .. })));
        }
    }
}
