//! Octets on the command line: text, in which `\r`, `\n`, `\t`, `\\` and `\xNN` stand for octets.

use std::str::FromStr;

use thiserror::Error;

/// What is sent to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload(pub Vec<u8>);

/// Why a text is no payload.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(r"`\{0}` is no octet; write `\r`, `\n`, `\t`, `\\` or such as `\x0d`")]
pub struct PayloadError(String);

impl FromStr for Payload {
    type Err = PayloadError;

    fn from_str(text: &str) -> Result<Self, PayloadError> {
        let mut octets = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('\\') {
            octets.extend_from_slice(before.as_bytes());
            let len = if behind.starts_with('x') { 3 } else { 1 };
            let (escape, after) = behind
                .split_at_checked(len)
                .ok_or_else(|| PayloadError(behind.to_owned()))?;
            octets.push(octet(escape).ok_or_else(|| PayloadError(escape.to_owned()))?);
            rest = after;
        }
        octets.extend_from_slice(rest.as_bytes());
        Ok(Self(octets))
    }
}

fn octet(escape: &str) -> Option<u8> {
    match escape {
        "r" => Some(b'\r'),
        "n" => Some(b'\n'),
        "t" => Some(b'\t'),
        "\\" => Some(b'\\'),
        _ => u8::from_str_radix(escape.strip_prefix('x')?, 16).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_octets() {
        for (text, want) in [
            ("QUIT\\r\\n", &b"QUIT\r\n"[..]),
            ("\\x00\\xfF", &[0, 255]),
            ("a\\\\b", b"a\\b"),
            ("", b""),
        ] {
            assert_eq!(text.parse::<Payload>().unwrap().0, want, "{text}");
        }
    }

    #[test]
    fn other_escapes_are_refused() {
        for text in ["\\", "\\q", "\\x1", "\\xgg", "\\é"] {
            assert!(text.parse::<Payload>().is_err(), "{text}");
        }
    }
}
