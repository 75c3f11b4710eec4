//! JWS in compact form (RFC 7515), Ed25519 only: the clothing of envelopes, answers and peer messages.
//!
//! *In*: bytes. *Out*: header, payload and what was signed. *Refuses*: padding, non-canonical base64, extra parts.
//! *Never*: an algorithm chosen by the message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::Crypto;

/// Why bytes are no JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not text.
    #[error("the bytes are not ASCII text")]
    NotText,
    /// Not `header.payload.signature`.
    #[error("found {given} parts, wanted three separated by dots")]
    Parts {
        /// How many there were.
        given: usize,
    },
    /// Base64url is padded, has stray bits, or holds foreign characters.
    #[error("the {part} is not canonical unpadded base64url")]
    Base64 {
        /// Which part.
        part: &'static str,
    },
    /// Not 64 bytes.
    #[error("the signature has {given} bytes, wanted 64")]
    SignatureLength {
        /// How many.
        given: usize,
    },
}

/// A JWS taken apart; nothing is verified yet.
#[derive(Debug)]
pub struct Parts<'a> {
    /// `header.payload` as it was signed.
    pub signed: &'a [u8],
    /// The header's bytes.
    pub header: Vec<u8>,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: [u8; 64],
}

/// Takes a JWS apart.
///
/// # Errors
/// Whatever is not the one canonical spelling of a compact JWS.
pub fn split(raw: &[u8]) -> Result<Parts<'_>, JwsError> {
    if !raw.is_ascii() {
        return Err(JwsError::NotText);
    }
    let mut dots = raw
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'.')
        .map(|(at, _)| at);
    let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
        return Err(JwsError::Parts {
            given: raw.iter().filter(|b| **b == b'.').count() + 1,
        });
    };
    let header = decode(&raw[..first], "header")?;
    let payload = decode(&raw[first + 1..second], "payload")?;
    let signature = decode(&raw[second + 1..], "signature")?;
    let signature = signature
        .as_slice()
        .try_into()
        .map_err(|_| JwsError::SignatureLength {
            given: signature.len(),
        })?;
    Ok(Parts {
        signed: &raw[..second],
        header,
        payload,
        signature,
    })
}

fn decode(part: &[u8], name: &'static str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwsError::Base64 { part: name })
}

/// The header's bytes of a JWS that was verified when it was kept.
#[must_use]
pub(crate) fn header(raw: &str) -> Option<Vec<u8>> {
    decode(raw.split('.').next()?.as_bytes(), "header").ok()
}

/// The payload's bytes of a JWS that was verified when it was kept.
#[must_use]
pub(crate) fn payload(raw: &str) -> Option<Vec<u8>> {
    decode(raw.split('.').nth(1)?.as_bytes(), "payload").ok()
}

/// Makes a JWS of a header and a payload.
#[must_use]
pub fn seal(header: &[u8], payload: &[u8], secret: &[u8; 32], crypto: &dyn Crypto) -> String {
    let mut text = String::with_capacity((header.len() + payload.len()) * 4 / 3 + 96);
    URL_SAFE_NO_PAD.encode_string(header, &mut text);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    let signature = crypto.sign(secret, text.as_bytes());
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::RealKeys;

    #[test]
    fn what_is_sealed_comes_apart_again() {
        let text = seal(b"{}", b"[1]", &[3; 32], &RealKeys);
        let parts = split(text.as_bytes()).unwrap();
        assert_eq!(
            (parts.header.as_slice(), parts.payload.as_slice()),
            (&b"{}"[..], &b"[1]"[..])
        );
        assert!(RealKeys.verify(&RealKeys.public(&[3; 32]), parts.signed, &parts.signature));
    }

    #[test]
    fn only_one_spelling_is_read() {
        let text = seal(b"{}", b"[1]", &[3; 32], &RealKeys);
        assert_eq!(split(b"e30.WzFd").unwrap_err(), JwsError::Parts { given: 2 });
        assert_eq!(
            split(format!("{text}.").as_bytes()).unwrap_err(),
            JwsError::Parts { given: 4 }
        );
        assert_eq!(split("é..".as_bytes()).unwrap_err(), JwsError::NotText);
        assert_eq!(
            split(b"e30=.WzFd.AA").unwrap_err(),
            JwsError::Base64 { part: "header" }
        );
        // "e31" has stray low bits: another spelling of "{}" would be another envelope with the same meaning.
        assert_eq!(
            split(b"e31.WzFd.AA").unwrap_err(),
            JwsError::Base64 { part: "header" }
        );
        assert_eq!(
            split(b"e30.WzFd.AA").unwrap_err(),
            JwsError::SignatureLength { given: 1 }
        );
    }
}
