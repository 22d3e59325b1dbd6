//! The addresses of an interface, and whether somebody else's address stands for them on the Internet.

use std::{collections::BTreeMap, io, net::IpAddr};

use nix::{ifaddrs::getifaddrs, sys::socket::SockaddrStorage};

use crate::analysis::scope::is_private;

/// The addresses of an interface.
///
/// # Errors
/// The kernel does not answer.
pub fn of_interface(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok(getifaddrs()?
        .filter(|entry| entry.interface_name == name)
        .filter_map(|entry| ip_address(&entry.address?))
        .collect())
}

/// The addresses of every interface that has any, by its name.
///
/// # Errors
/// The kernel does not answer.
pub fn by_interface() -> io::Result<BTreeMap<String, Vec<IpAddr>>> {
    let mut addresses: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in getifaddrs()? {
        if let Some(address) = entry.address.as_ref().and_then(ip_address) {
            addresses
                .entry(entry.interface_name)
                .or_default()
                .push(address);
        }
    }
    Ok(addresses)
}

fn ip_address(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

/// What a NAT gateway stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BehindNat {
    /// All that leaves for the Internet.
    All,
    /// IPv4 alone: addresses of IPv6 are routed there.
    Ipv4,
}

impl BehindNat {
    /// What is behind a NAT of an interface with these addresses: what must be translated to reach the Internet, as its
    /// addresses are for private use, and none of the family is routed there.
    #[must_use]
    pub fn of(addresses: &[IpAddr]) -> Option<Self> {
        let private_only = |is_family: fn(&IpAddr) -> bool| {
            let mut of_use = addresses
                .iter()
                .filter(|address| is_family(address) && !is_link_scoped(address))
                .peekable();
            of_use
                .peek()
                .is_some()
                .then(|| of_use.all(|address| is_private(*address)))
        };
        match (private_only(IpAddr::is_ipv4), private_only(IpAddr::is_ipv6)) {
            (Some(true), Some(true) | None) | (None, Some(true)) => Some(Self::All),
            (Some(true), Some(false)) => Some(Self::Ipv4),
            // Addresses for local use stand beside routed ones in many networks.
            (Some(false) | None, _) => None,
        }
    }

    /// What was dropped before it gets here.
    #[must_use]
    pub const fn dropped(self) -> &'static str {
        match self {
            Self::All => "fragments that a NAT gateway dropped before this host",
            Self::Ipv4 => "fragments of IPv4 that a NAT gateway dropped before this host",
        }
    }
}

/// Whether a NAT gateway stands before what leaves an interface with these addresses for a remote host.
#[must_use]
pub fn is_behind_nat(addresses: &[IpAddr], remote: IpAddr) -> bool {
    let of_family = addresses
        .iter()
        .filter(|address| address.is_ipv4() == remote.is_ipv4());
    BehindNat::of(&of_family.copied().collect::<Vec<_>>()).is_some()
}

/// Whether an address means anything on its own link or host only.
fn is_link_scoped(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(addresses: &[&str]) -> Vec<IpAddr> {
        addresses.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn private_addresses_alone_are_behind_a_nat() {
        use BehindNat::{All, Ipv4};
        for (addresses, expected) in [
            (&["10.0.0.5", "fe80::1"][..], Some(All)),
            (&["172.31.255.1"], Some(All)),
            (&["172.32.0.1"], None),
            (&["100.64.0.1"], Some(All)),
            (&["100.127.255.1"], Some(All)),
            (&["100.128.0.1"], None),
            (&["192.168.1.2", "fd00::2"], Some(All)),
            (&["fd00::2"], Some(All)),
            (&["192.168.1.2", "2001:db8::2"], Some(Ipv4)),
            (&["192.168.1.2", "fd00::2", "2001:db8::2"], Some(Ipv4)),
            (&["192.168.1.2", "203.0.113.1"], None),
            (&["203.0.113.1", "fd00::2"], None),
            (&["127.0.0.1", "::1"], None),
            (&["fe80::1"], None),
            (&[], None),
        ] {
            assert_eq!(BehindNat::of(&parsed(addresses)), expected, "{addresses:?}");
        }
    }

    #[test]
    fn a_test_of_one_host_is_behind_a_nat_by_the_family_of_that_host() {
        let addresses = parsed(&["192.168.1.2", "2001:db8::2"]);
        for (remote, want) in [("198.51.100.80", true), ("2001:db8:1::80", false)] {
            let remote = remote.parse().unwrap();
            assert_eq!(is_behind_nat(&addresses, remote), want, "{remote}");
        }
    }
}
