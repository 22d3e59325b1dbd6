//! An IP address of either family in 16 octets.

use core::{
    cmp::Ordering,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// An IPv6 address, or an IPv4 address mapped into one (RFC 4291, section 2.5.5.2). Network byte order.
///
/// Two words and not sixteen octets: LLVM would carry each octet in a register of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "user", derive(serde::Serialize, serde::Deserialize))]
#[repr(transparent)]
pub struct Address([u64; 2]);

impl Address {
    /// Octets of an address.
    pub const LEN: usize = 16;

    /// No address (RFC 4291, section 2.5.2).
    pub const UNSPECIFIED: Self = Self([0; 2]);

    /// Takes the octets of an IPv6 address, or of a mapped one.
    #[inline(always)]
    #[must_use]
    pub const fn from_octets(octets: [u8; Self::LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
        Self([
            u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
        ])
    }

    /// Maps the four octets of an IPv4 address.
    #[inline(always)]
    #[must_use]
    pub const fn from_ipv4(octets: [u8; 4]) -> Self {
        let [a, b, c, d] = octets;
        Self([0, u64::from_ne_bytes([0, 0, 0xff, 0xff, a, b, c, d])])
    }

    /// Its octets.
    #[inline(always)]
    #[must_use]
    pub const fn octets(self) -> [u8; Self::LEN] {
        let [first, last] = self.0;
        let [a, b, c, d, e, f, g, h] = first.to_ne_bytes();
        let [i, j, k, l, m, n, o, p] = last.to_ne_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }

    /// The two halves as integers of the machine's own byte order, for hashing.
    #[inline(always)]
    #[must_use]
    pub const fn halves(self) -> [u64; 2] {
        self.0
    }
}

/// By their octets.
impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.map(u64::to_be).cmp(&other.0.map(u64::to_be))
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::from_ipv4(v4.octets()),
            IpAddr::V6(v6) => Self::from_octets(v6.octets()),
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self::from_ipv4(address.octets())
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        Ipv6Addr::from(address.octets()).to_canonical()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn addresses_are_ordered_by_their_octets(a: [u8; 16], b: [u8; 16]) {
            prop_assert_eq!(Address::from_octets(a).cmp(&Address::from_octets(b)), a.cmp(&b));
        }

        #[test]
        fn an_address_has_the_octets_that_it_was_made_of(octets: [u8; 16], v4: [u8; 4]) {
            prop_assert_eq!(Address::from_octets(octets).octets(), octets);
            let mapped = Ipv4Addr::from(v4).to_ipv6_mapped();
            prop_assert_eq!(Address::from_ipv4(v4).octets(), mapped.octets());
        }
    }
}
