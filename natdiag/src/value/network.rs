//! Networks in CIDR notation.

use std::{fmt, net::IpAddr, num::ParseIntError, str::FromStr};

/// An IP network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its first address.
    pub address: IpAddr,
    /// Length of the prefix in bits.
    pub prefix_len: u8,
}

/// Why something is not a network in CIDR notation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// What stands before the slash is no IP address.
    #[error("`{0}` is no IP address; write a network as 10.0.0.0/8 or 2001:db8::/32")]
    Address(String),
    /// What stands behind the slash is no number.
    #[error("`{text}` is no prefix length; write a network as 10.0.0.0/8 or 2001:db8::/32")]
    Prefix {
        /// What was given.
        text: String,
        /// Why it is none.
        source: ParseIntError,
    },
    /// The prefix is longer than the address.
    #[error("the prefix length {prefix_len} is above {max}, the length of `{address}`")]
    PrefixTooLong {
        /// The address.
        address: IpAddr,
        /// The prefix length given.
        prefix_len: u8,
        /// The longest possible one.
        max: u8,
    },
}

impl Network {
    /// Whether an address is of this network. Addresses of the other family never are.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        first_address(address, self.prefix_len).is_some_and(|first| first == self.address)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads CIDR notation. Without a prefix length it is the network of one address; bits behind the prefix are
    /// taken off.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix_len) = match text.split_once('/') {
            Some((address, prefix_len)) => (address, Some(prefix_len)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| NetworkError::Address(address.to_owned()))?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len = match prefix_len {
            None => max,
            Some(text) => text.parse().map_err(|source| NetworkError::Prefix {
                text: text.to_owned(),
                source,
            })?,
        };
        let address = first_address(address, prefix_len).ok_or(NetworkError::PrefixTooLong {
            address,
            prefix_len,
            max,
        })?;
        Ok(Self {
            address,
            prefix_len,
        })
    }
}

/// The first address of the network with this prefix length that an address is of. `None` if there is none.
fn first_address(address: IpAddr, prefix_len: u8) -> Option<IpAddr> {
    let prefix_len = u32::from(prefix_len);
    match address {
        IpAddr::V4(address) => {
            let host_len = u32::BITS.checked_sub(prefix_len)?;
            let mask = u32::MAX.checked_shl(host_len).unwrap_or(0);
            Some(IpAddr::V4((address.to_bits() & mask).into()))
        }
        IpAddr::V6(address) => {
            let host_len = u128::BITS.checked_sub(prefix_len)?;
            let mask = u128::MAX.checked_shl(host_len).unwrap_or(0);
            Some(IpAddr::V6((address.to_bits() & mask).into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        let network: Network = network.parse().unwrap();
        network.contains(address.parse().unwrap())
    }

    #[test]
    fn network_holds_the_addresses_of_its_prefix() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.77/24", "192.0.2.1", "192.0.3.1"),
            ("192.0.2.77", "192.0.2.77", "192.0.2.76"),
            ("192.0.2.77/31", "192.0.2.76", "192.0.2.78"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("0.0.0.0/0", "203.0.113.1", "::1"),
            ("::/0", "2001:db8::1", "0.0.0.0"),
        ] {
            assert!(contains(network, inside), "{inside} is in {network}");
            assert!(!contains(network, outside), "{outside} is not in {network}");
        }
    }

    #[test]
    fn network_that_is_none_is_refused_with_what_is_wrong() {
        for (text, want) in [
            ("example.org/8", "`example.org` is no IP address"),
            ("", "`` is no IP address"),
            ("10.0.0.0/", "`` is no prefix length"),
            ("10.0.0.0/x", "`x` is no prefix length"),
            ("10.0.0.0/33", "the prefix length 33 is above 32"),
            ("::/129", "the prefix length 129 is above 128"),
        ] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.starts_with(want), "{text}: {error}");
        }
    }
}
