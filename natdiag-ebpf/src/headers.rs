//! The headers of one notable packet, laid down in memory between finding them and using them.
//!
//! The verifier follows what a register may hold along every way through the parser, and would go through all that
//! comes after it once per way. Of a map it knows nothing, so that all ways meet here.

use core::hint::black_box;

use natdiag_common::packet::{Fragment, PacketMeta, Transport};

use crate::{frame::OFFSET_MASK, maps};

/// The same as [`PacketMeta`], in integers.
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

/// The packet as it is, of which the verifier knows nothing. There always is room for it; the verifier does not know
/// that either.
#[inline(always)]
pub(crate) fn laid_down(packet: &PacketMeta) -> Option<PacketMeta> {
    let room = maps::headers()?;
    // SAFETY: the map returned the pointer, and nothing else runs on this CPU that uses the entry.
    unsafe { room.write(Headers::of(packet)) };
    // LLVM shall not know where this points to: it would see through the map.
    let headers: *const Headers = black_box(room);
    // SAFETY: they have been written above.
    Some(unsafe { headers.read() }.packet())
}

impl Headers {
    #[inline(always)]
    fn of(packet: &PacketMeta) -> Self {
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

    #[inline(always)]
    fn packet(&self) -> PacketMeta {
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
