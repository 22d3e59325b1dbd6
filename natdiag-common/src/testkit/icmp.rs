//! `ICMP` and `ICMPv6` messages: which of them depends on the packet that they are put into.

use super::{Addresses, Payload, field::checksum};
use crate::wire::icmp::{PROTOCOL_V4, PROTOCOL_V6};

/// An `ICMP` or `ICMPv6` message to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpMessage {
    /// Type and code for IPv4, then for IPv6.
    types: [[u8; 2]; 2],
    rest: u32,
    body: Vec<u8>,
}

/// A message of any type and code, the same for both families.
#[must_use]
pub fn icmp(icmp_type: u8, code: u8) -> IcmpMessage {
    of_types([icmp_type, code], [icmp_type, code])
}

/// "Destination unreachable" about `quoted`, an IP packet: the port for both families.
#[must_use]
pub fn unreachable(quoted: &[u8]) -> IcmpMessage {
    of_types([3, 3], [1, 4]).quoting(quoted)
}

/// "Fragmentation needed" about `quoted`, an IPv4 packet (RFC 1191).
#[must_use]
pub fn fragmentation_needed(mtu_octets: u16, quoted: &[u8]) -> IcmpMessage {
    icmp(3, 4).rest(mtu_octets.into()).quoting(quoted)
}

/// "Packet too big" about `quoted`, an IPv6 packet (RFC 4443, section 3.2).
#[must_use]
pub fn packet_too_big(mtu_octets: u32, quoted: &[u8]) -> IcmpMessage {
    icmp(2, 0).rest(mtu_octets).quoting(quoted)
}

/// "Time exceeded in transit" about `quoted`, an IP packet.
#[must_use]
pub fn time_exceeded(quoted: &[u8]) -> IcmpMessage {
    of_types([11, 0], [3, 0]).quoting(quoted)
}

/// An echo request with this many octets of data.
#[must_use]
pub fn echo_request(identifier: u16, sequence: u16, data_octets: usize) -> IcmpMessage {
    let data: Vec<u8> = (0..=u8::MAX).cycle().take(data_octets).collect();
    of_types([8, 0], [128, 0])
        .rest(u32::from(identifier) << 16 | u32::from(sequence))
        .quoting(&data)
}

fn of_types(v4: [u8; 2], v6: [u8; 2]) -> IcmpMessage {
    IcmpMessage {
        types: [v4, v6],
        rest: 0,
        body: Vec::new(),
    }
}

impl IcmpMessage {
    /// Sets the second word.
    #[must_use]
    pub fn rest(mut self, rest: u32) -> Self {
        self.rest = rest;
        self
    }

    /// Sets what stands behind the first eight octets: in an error the packet that caused it.
    #[must_use]
    pub fn quoting(mut self, octets: &[u8]) -> Self {
        self.body = octets.to_vec();
        self
    }

    fn octets(&self, types: [u8; 2], checksum: u16) -> Vec<u8> {
        let mut octets = types.to_vec();
        octets.extend(checksum.to_be_bytes());
        octets.extend(self.rest.to_be_bytes());
        octets.extend(&self.body);
        octets
    }
}

impl Payload for IcmpMessage {
    fn encode(&self, addresses: Addresses) -> (u8, Vec<u8>) {
        let [v4, v6] = self.types;
        match addresses {
            Addresses::V4(..) => {
                let sum = checksum(&self.octets(v4, 0));
                (PROTOCOL_V4, self.octets(v4, sum))
            }
            // Unlike ICMP, ICMPv6 has a pseudo-header (RFC 4443, section 2.3).
            Addresses::V6(..) => {
                let sum = addresses.checksum(PROTOCOL_V6, &self.octets(v6, 0));
                (PROTOCOL_V6, self.octets(v6, sum))
            }
        }
    }
}
