//! Packets for tests, built header by header. Checksums and lengths are right unless a test sets them wrong.
//!
//! ```
//! use natdiag_common::testkit::{CLIENT, Payload as _, SERVER, tcp};
//!
//! let frame = tcp().syn().timestamps(7, 0).mss(1460).in_ipv4(CLIENT, SERVER).vlan(5).frame();
//! assert_eq!(frame.len(), 14 + 4 + 20 + 36);
//! ```

mod field;
pub mod fixture;
mod icmp;
pub mod invariant;
mod ipv4;
mod ipv6;
mod packet;
mod payload;
pub mod pcap;
mod random;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::net::{Ipv4Addr, Ipv6Addr};

pub use self::{
    icmp::{
        IcmpMessage, echo_request, fragmentation_needed, icmp, packet_too_big, time_exceeded,
        unreachable,
    },
    ipv4::Ipv4,
    ipv6::Ipv6,
    packet::{Packet, ethernet},
    payload::{Addresses, Payload, Raw, raw},
    random::Random,
    tcp::{Segment, tcp},
    udp::{Datagram, udp},
};

/// Address of the near side in examples (RFC 5737).
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
/// Address of the far side in examples (RFC 5737).
pub const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 80);
/// IPv6 address of the near side in examples (RFC 3849).
pub const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0x10);
/// IPv6 address of the far side in examples (RFC 3849).
pub const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 0x80);
