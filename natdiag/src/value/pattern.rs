//! Which interfaces are meant: by name, by glob, or by the network of an address of theirs.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::value::network::{Network, NetworkError};
use glob::Pattern;
use thiserror::Error;

/// Longest name of an interface in octets (`IFNAMSIZ`, include/uapi/linux/if.h, less the final zero).
const MAX_NAME_LEN: usize = 15;

/// Says which interfaces are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfacePattern {
    /// That of this name.
    Name(String),
    /// Those whose name matches.
    Glob(Pattern),
    /// Those with an address of this network.
    Network(Network),
}

/// Why a text says of no interface that it is meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// There is nothing.
    #[error("an empty name means no interface; write such as `eth0`, `wan*` or `203.0.113.0/24`")]
    Empty,
    /// No interface can have this name.
    #[error("no interface can be named `{0}`: a name has at most 15 characters and no blank")]
    Name(String),
    /// It is no glob.
    #[error("`{text}` is no glob ({why}); write such as `wan*` or `eth[01]`")]
    Glob {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl InterfacePattern {
    /// Whether an interface is meant. A glob never means the loopback interface: who wants that names it.
    #[must_use]
    pub fn matches(&self, name: &str, addresses: &[IpAddr]) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Glob(glob) => name != "lo" && glob.matches(name),
            Self::Network(network) => addresses.iter().any(|address| network.contains(*address)),
        }
    }
}

impl FromStr for InterfacePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            Err(PatternError::Empty)
        } else if text.contains('/') || text.parse::<IpAddr>().is_ok() {
            Ok(Self::Network(text.parse()?))
        } else if text.contains(['*', '?', '[']) {
            Pattern::new(text)
                .map(Self::Glob)
                .map_err(|error| PatternError::Glob {
                    text: text.to_owned(),
                    why: error.msg,
                })
        } else if text.len() > MAX_NAME_LEN || text.contains(char::is_whitespace) {
            Err(PatternError::Name(text.to_owned()))
        } else {
            Ok(Self::Name(text.to_owned()))
        }
    }
}

impl fmt::Display for InterfacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Glob(glob) => f.write_str(glob.as_str()),
            Self::Network(network) => network.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_meant_by_name_glob_or_network() {
        for (pattern, name, addresses, want) in [
            ("eth0", "eth0", &[][..], true),
            ("eth0", "eth01", &[], false),
            ("lo", "lo", &["127.0.0.1"], true),
            ("*", "lo", &["127.0.0.1"], false),
            ("*", "wan7", &[], true),
            ("eth[01]", "eth1", &[], true),
            ("eth[01]", "eth2", &[], false),
            ("203.0.113.0/24", "x", &["10.0.0.1", "203.0.113.9"], true),
            ("203.0.113.0/24", "203.0.113.0/24", &["10.0.0.1"], false),
            ("203.0.113.9", "x", &["203.0.113.9"], true),
            ("2001:db8::/32", "x", &["2001:db8::7"], true),
            ("0.0.0.0/0", "x", &[], false),
        ] {
            let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
            let read: InterfacePattern = pattern.parse().unwrap();
            assert_eq!(read.matches(name, &addresses), want, "{pattern} {name}");
            // A single address is a network of one.
            assert!(read.to_string().starts_with(pattern), "{read}");
        }
    }

    #[test]
    fn what_means_no_interface_is_refused() {
        for (text, want) in [
            ("", "an empty name means no interface"),
            ("an-interface-name-too-long", "no interface can be named"),
            ("eth 0", "no interface can be named"),
            ("eth[0", "`eth[0` is no glob"),
            ("10.0.0.0/99", "the prefix length 99 is above 32"),
            ("eth0/24", "`eth0` is no IP address"),
        ] {
            let error = text.parse::<InterfacePattern>().unwrap_err().to_string();
            assert!(error.starts_with(want), "{text}: {error}");
        }
    }
}
