//! The headers of one notable packet, as they are laid down in memory between finding them and using them.

use natdiag_common::packet::{Fragment, PacketMeta, Transport};
use natdiag_ebpf::frame::OFFSET_MASK;

/// A [`PacketMeta`] in integers.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Headers {
    ip_offset: u16,
    payload_offset: u16,
    payload_len: u32,
    total_len: u32,
    identification: u32,
    data_octets: u32,
    offset_octets: u16,
    flags: u8,
    tcp_flags: u8,
    version: u8,
    ttl: u8,
    protocol: u8,
    transport: u8,
}

/// Bits of `flags`.
const FRAGMENT: u8 = 1;
const MORE_FRAGMENTS: u8 = 2;
const DONT_FRAGMENT: u8 = 4;

/// Values of `transport`.
const ABSENT: u8 = 0;
const TCP: u8 = 1;
const UDP: u8 = 2;
const PACKET_TOO_BIG: u8 = 3;
const ICMP_ERROR: u8 = 4;
const OTHER: u8 = 5;

impl Headers {
    /// Those of a packet.
    #[inline(always)]
    pub(crate) fn of(packet: &PacketMeta) -> Self {
        let (transport, tcp_flags) = match packet.transport {
            Transport::Tcp { flags } => (TCP, flags),
            Transport::Udp => (UDP, 0),
            Transport::PacketTooBig => (PACKET_TOO_BIG, 0),
            Transport::IcmpError => (ICMP_ERROR, 0),
            Transport::Other => (OTHER, 0),
            Transport::Absent => (ABSENT, 0),
        };
        let (data_octets, offset_octets, fragment_flags) = match packet.fragment {
            Some(fragment) => (
                fragment.data_octets,
                fragment.offset_octets,
                FRAGMENT | flag(fragment.more, MORE_FRAGMENTS),
            ),
            None => (0, 0, 0),
        };
        Self {
            ip_offset: packet.ip_offset as u16,
            payload_offset: packet.payload_offset as u16,
            payload_len: packet.payload_len,
            total_len: packet.total_len,
            identification: packet.identification,
            data_octets,
            offset_octets,
            flags: fragment_flags | flag(packet.dont_fragment, DONT_FRAGMENT),
            tcp_flags,
            version: packet.version,
            ttl: packet.ttl,
            protocol: packet.protocol,
            transport,
        }
    }

    /// The packet that has them.
    #[inline(always)]
    pub(crate) fn packet(&self) -> PacketMeta {
        let has = |bit: u8| self.flags & bit != 0;
        PacketMeta {
            ip_offset: usize::from(self.ip_offset) & OFFSET_MASK,
            payload_offset: usize::from(self.payload_offset) & OFFSET_MASK,
            payload_len: self.payload_len,
            total_len: self.total_len,
            version: self.version,
            ttl: self.ttl,
            protocol: self.protocol,
            dont_fragment: has(DONT_FRAGMENT),
            identification: self.identification,
            fragment: has(FRAGMENT).then_some(Fragment {
                offset_octets: self.offset_octets,
                more: has(MORE_FRAGMENTS),
                data_octets: self.data_octets,
            }),
            transport: match self.transport {
                TCP => Transport::Tcp {
                    flags: self.tcp_flags,
                },
                UDP => Transport::Udp,
                PACKET_TOO_BIG => Transport::PacketTooBig,
                ICMP_ERROR => Transport::IcmpError,
                OTHER => Transport::Other,
                _ => Transport::Absent,
            },
        }
    }
}

#[inline(always)]
const fn flag(is: bool, bit: u8) -> u8 {
    if is { bit } else { 0 }
}
