//! Which addresses are seen across the Internet, and which only behind a NAT.

use std::net::{IpAddr, Ipv4Addr};

/// Whether a connection between these two must pass a NAT that we do not see: our end is private and the other is not.
#[must_use]
pub fn is_behind_nat(local: IpAddr, remote: IpAddr) -> bool {
    is_private(local) && !is_private(remote)
}

/// Whether an address means nothing outside its own network: RFC 1918, RFC 6598 (shared), RFC 3927 (link-local),
/// RFC 4193 (unique local), loopback.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || is_shared(v4)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

/// RFC 6598: 100.64.0.0/10, for carrier-grade NAT.
fn is_shared(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 100 && b & 0xc0 == 0x40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_address_reaches_a_public_one_through_a_nat_only() {
        for (local, remote, want) in [
            ("10.60.1.2", "203.0.113.80", true),
            ("100.64.0.1", "203.0.113.80", true),
            ("100.128.0.1", "203.0.113.80", false),
            ("fd00::1", "2001:db8::1", true),
            ("203.0.113.1", "203.0.113.80", false),
            ("10.60.1.2", "10.9.9.9", false),
            ("203.0.113.1", "10.9.9.9", false),
        ] {
            let behind = is_behind_nat(local.parse().unwrap(), remote.parse().unwrap());
            assert_eq!(behind, want, "{local} to {remote}");
        }
    }
}
