//! One observed packet as the analysis sees it: live traffic and captures give the same.

use std::net::IpAddr;

use natdiag_common::{
    Direction,
    record::{Record, flag},
    wire::{
        icmp, ipv4, ipv6,
        seq::SeqNumber,
        tcp,
        tcp_options::{self, TcpOptions},
    },
};
use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Nanoseconds from `earlier` to here; 0 where that lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time `ns` nanoseconds later.
    #[must_use]
    pub const fn plus(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }
}

/// A packet that opens, closes or breaks something: a TCP segment with SYN, FIN or RST, a fragment received, or an
/// `ICMP` error received.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When it was seen.
    pub time: Timestamp,
    /// Which way it went.
    pub direction: Direction,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Protocol number: of the Fragment header where there is one, else of the payload.
    pub protocol: u8,
    /// Don't Fragment (IPv4).
    pub dont_fragment: bool,
    /// Identification of IPv4 or of the Fragment header.
    pub identification: u32,
    /// Length of the whole IP packet in octets.
    pub total_len: u32,
    /// What kind of fragment it is, if one. An atomic fragment is a whole packet (RFC 6946), and none here.
    pub fragment: Option<FragmentPart>,
    /// The payload's header.
    pub content: Content,
}

/// A fragment's place in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentPart {
    /// Offset in octets.
    pub offset_octets: u16,
    /// More Fragments.
    pub more: bool,
    /// Octets of the datagram that it carries.
    pub data_octets: u32,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A TCP segment; in a first fragment perhaps only its beginning.
    Segment(Segment),
    /// An `ICMP` or `ICMPv6` error.
    IcmpError(IcmpError),
    /// Anything else, or nothing that can be read.
    Other,
}

/// A TCP segment with SYN, FIN or RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number.
    pub seq: SeqNumber,
    /// Acknowledgment number; means something only with ACK.
    pub ack: SeqNumber,
    /// The eight flags: `natdiag_common::wire::tcp::{SYN, ACK, FIN, RST}`.
    pub flags: u8,
    /// Window as on the wire.
    pub window: u16,
    /// Octets of data; in a first fragment of the fragment, not of the segment.
    pub payload_len: u32,
    /// Options.
    pub options: TcpOptions,
}

impl Segment {
    /// Whether all of these flags are set.
    #[must_use]
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// An `ICMP` or `ICMPv6` error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Type.
    pub icmp_type: u8,
    /// Code.
    pub code: u8,
    /// MTU of the next hop in octets, of "fragmentation needed" and "packet too big".
    pub mtu: Option<u32>,
    /// The packet it quotes, as far as it can be read.
    pub quoted: Option<QuotedPacket>,
}

/// The beginning of a packet that an `ICMP` error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotedPacket {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Protocol number of the payload.
    pub protocol: u8,
    /// Source port, destination port and sequence number, where a TCP header follows.
    pub tcp: Option<(u16, u16, SeqNumber)>,
}

impl Event {
    /// Makes an event of a record; `epoch_ns` is what `CLOCK_MONOTONIC` 0 is since 1970, and 0 for records whose time
    /// is that already.
    #[must_use]
    pub fn from_record(record: &Record, epoch_ns: u64) -> Option<Self> {
        let has = |bits: u8| record.flags & bits != 0;
        let (offset_octets, more) = (record.fragment_offset_octets, has(flag::MORE_FRAGMENTS));
        let is_part = has(flag::FRAGMENT) && (offset_octets != 0 || more);
        let fragment = is_part.then_some(FragmentPart {
            offset_octets,
            more,
            data_octets: record.data_len,
        });
        let content = if has(flag::TCP) {
            Content::Segment(Segment {
                source_port: record.source_port,
                destination_port: record.destination_port,
                seq: SeqNumber(record.seq),
                ack: SeqNumber(record.ack),
                flags: record.tcp_flags,
                window: record.window,
                payload_len: record.data_len,
                options: tcp_options::parse(record.excerpt()),
            })
        } else if has(flag::ICMP_ERROR) {
            Content::IcmpError(icmp_error(record)?)
        } else {
            Content::Other
        };
        Some(Self {
            time: Timestamp(record.time_ns.wrapping_add(epoch_ns)),
            direction: Direction::from_octet(record.direction)?,
            source: record.source.into(),
            destination: record.destination.into(),
            ttl: record.ttl,
            protocol: record.protocol,
            dont_fragment: has(flag::DONT_FRAGMENT),
            identification: record.identification,
            total_len: record.total_len,
            fragment,
            content,
        })
    }

    /// The far side, as seen from the watched interface. For an `ICMP` error that is its sender.
    #[must_use]
    pub const fn remote(&self) -> IpAddr {
        match self.direction {
            Direction::Ingress => self.source,
            Direction::Egress => self.destination,
        }
    }

    /// The near side, as seen from the watched interface.
    #[must_use]
    pub const fn local(&self) -> IpAddr {
        match self.direction {
            Direction::Ingress => self.destination,
            Direction::Egress => self.source,
        }
    }
}

fn icmp_error(record: &Record) -> Option<IcmpError> {
    let message = record.excerpt();
    let header = icmp::parse(message, 0).ok()?;
    let mtu = if !header.is_packet_too_big(record.protocol) {
        None
    } else if record.protocol == icmp::PROTOCOL_V4 {
        // RFC 1191, section 4: the upper half is unused.
        Some(header.rest & 0xffff)
    } else {
        Some(header.rest)
    };
    let quoted = message
        .get(icmp::HEADER_LEN..)
        .and_then(|quoted| match record.version {
            4 => quoted_ipv4(quoted),
            _ => quoted_ipv6(quoted),
        });
    Some(IcmpError {
        icmp_type: header.icmp_type,
        code: header.code,
        mtu,
        quoted,
    })
}

fn quoted_ipv4(quoted: &[u8]) -> Option<QuotedPacket> {
    let header = ipv4::parse(quoted, 0).ok()?;
    let address =
        |offset: usize| -> Option<[u8; 4]> { quoted.get(offset..)?.first_chunk().copied() };
    let first = header.fragment_offset_octets == 0;
    Some(QuotedPacket {
        source: address(ipv4::SOURCE_OFFSET)?.into(),
        destination: address(ipv4::DESTINATION_OFFSET)?.into(),
        protocol: header.protocol,
        tcp: if first {
            quoted_tcp(
                header.protocol,
                quoted.get(header.header_len_octets as usize..),
            )
        } else {
            None
        },
    })
}

fn quoted_ipv6(quoted: &[u8]) -> Option<QuotedPacket> {
    let header = ipv6::parse(quoted, 0).ok()?;
    let address =
        |offset: usize| -> Option<[u8; 16]> { quoted.get(offset..)?.first_chunk().copied() };
    Some(QuotedPacket {
        source: IpAddr::from(address(ipv6::SOURCE_OFFSET)?),
        destination: IpAddr::from(address(ipv6::DESTINATION_OFFSET)?),
        protocol: header.next_header,
        tcp: quoted_tcp(header.next_header, quoted.get(ipv6::HEADER_LEN..)),
    })
}

/// Ports and sequence number: the eight octets that every error quotes (RFC 792).
fn quoted_tcp(protocol: u8, payload: Option<&[u8]>) -> Option<(u16, u16, SeqNumber)> {
    let octets: [u8; 8] = *payload?.first_chunk()?;
    let [s0, s1, d0, d1, seq @ ..] = octets;
    (protocol == tcp::PROTOCOL).then_some((
        u16::from_be_bytes([s0, s1]),
        u16::from_be_bytes([d0, d1]),
        SeqNumber(u32::from_be_bytes(seq)),
    ))
}
