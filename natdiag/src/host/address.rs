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

/// Whether what leaves an interface with these addresses must be translated to reach the Internet: it has addresses
/// for private use, and none that is routed there.
#[must_use]
pub fn are_behind_nat(addresses: &[IpAddr]) -> bool {
    let of_use = || addresses.iter().filter(|address| !is_link_scoped(address));
    of_use().next().is_some() && of_use().all(|address| is_private(*address))
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

    #[test]
    fn private_addresses_alone_are_behind_a_nat() {
        for (addresses, expected) in [
            (&["10.0.0.5", "fe80::1"][..], true),
            (&["172.31.255.1"], true),
            (&["172.32.0.1"], false),
            (&["100.64.0.1"], true),
            (&["100.127.255.1"], true),
            (&["100.128.0.1"], false),
            (&["192.168.1.2", "fd00::2"], true),
            (&["192.168.1.2", "2001:db8::2"], false),
            (&["192.168.1.2", "203.0.113.1"], false),
            (&["127.0.0.1", "::1"], false),
            (&["fe80::1"], false),
            (&[], false),
        ] {
            let parsed: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(are_behind_nat(&parsed), expected, "{addresses:?}");
        }
    }
}
