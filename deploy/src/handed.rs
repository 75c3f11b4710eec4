//! Files that people hand to each other, so read with a bound: kits, cards, models.
//!
//! *Refuses*: what is larger than such a file is, and what is no file, such as a device without an end.

use std::io::{self, Error, ErrorKind, Read as _};
use std::path::Path;

/// Bytes of a kit or a card, at most.
const LARGEST: u64 = 1 << 20;

/// Reads a kit or a card.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let bytes = bytes(path, LARGEST)?;
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it is no valid UTF-8 text"))
}

/// Reads a file of at most `most` bytes.
pub(crate) fn bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    if file.take(most + 1).read_to_end(&mut bytes)? as u64 > most {
        let says = format!("it is larger than {most} bytes, which no such file is");
        return Err(Error::new(ErrorKind::FileTooLarge, says));
    }
    Ok(bytes)
}
