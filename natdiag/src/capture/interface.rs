//! Which interface a packet of a capture was seen at, where the capture tells.

use std::fmt;

/// Octets of the name of an interface on Darwin.
pub(super) const NAME_LEN: usize = 24;

/// An interface, by what tells it from others of the same capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Interface {
    /// Its number on the machine that captured.
    Index(u32),
    /// Its name, padded with 0.
    Name([u8; NAME_LEN]),
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "interface {index}"),
            Self::Name(name) => {
                let len = name
                    .iter()
                    .position(|octet| *octet == 0)
                    .unwrap_or(NAME_LEN);
                let name = name.get(..len).unwrap_or_default();
                write!(f, "{}", name.escape_ascii())
            }
        }
    }
}
