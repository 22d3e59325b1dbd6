//! Reads the headers of one packet: link, IP, fragment, transport. Composes [`crate::wire`].

mod glance;

pub use glance::{Glance, glance};

use crate::{
    Address, FrameBytes, LinkType, ParseError,
    wire::{ethernet, icmp, ipv4, ipv6, tcp, udp},
};

/// The headers of one IP packet: what decides about it, and where to read the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketMeta {
    /// Where the IP header begins in the frame.
    pub ip_offset: usize,
    /// Where the payload begins, behind IPv4 options and IPv6 extension headers.
    pub payload_offset: usize,
    /// Octets from there to the end of the IP packet.
    pub payload_len: u32,
    /// Length of the whole IP packet in octets.
    pub total_len: u32,
    /// 4 or 6.
    pub version: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Protocol number: of the Fragment header where there is one, else of the payload.
    pub protocol: u8,
    /// Don't Fragment; always false for IPv6, where no router may fragment anyway.
    pub dont_fragment: bool,
    /// Identification; for IPv6 that of the Fragment header, else 0.
    pub identification: u32,
    /// What kind of fragment this is, if one.
    pub fragment: Option<Fragment>,
    /// The payload's header.
    pub transport: Transport,
}

/// What makes a packet a fragment. An IPv4 packet is one when it has an offset or more to come; an IPv6 packet is
/// one when it has a Fragment header, also an atomic one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Offset in octets.
    pub offset_octets: u16,
    /// More Fragments.
    pub more: bool,
    /// Octets of the datagram that this fragment carries.
    pub data_octets: u32,
}

impl Fragment {
    /// Whether the fragment is the whole datagram (RFC 6946).
    #[inline(always)]
    #[must_use]
    pub const fn is_atomic(&self) -> bool {
        self.offset_octets == 0 && !self.more
    }
}

/// What the payload of an IP packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP segment with these flags. [`tcp::parse`] at `payload_offset` reads the rest.
    Tcp {
        /// The eight flags.
        flags: u8,
    },
    /// A UDP datagram.
    Udp,
    /// An `ICMP` or `ICMPv6` error, which says that the packet that it quotes was too big for a link.
    PacketTooBig,
    /// Any other `ICMP` or `ICMPv6` error, which quotes a packet as well.
    IcmpError,
    /// Any other protocol, other `ICMP` messages included.
    Other,
    /// A later fragment, or a first fragment that ends within the header: there are no ports.
    Absent,
}

impl Transport {
    /// Whether the payload opens or closes a connection, or is an error.
    #[inline(always)]
    #[must_use]
    pub const fn is_notable(&self) -> bool {
        match self {
            Self::PacketTooBig | Self::IcmpError => true,
            Self::Tcp { flags } => *flags & (tcp::SYN | tcp::FIN | tcp::RST) != 0,
            Self::Udp | Self::Other | Self::Absent => false,
        }
    }

    /// Whether the payload is an error that quotes a packet.
    #[inline(always)]
    #[must_use]
    pub const fn is_icmp_error(&self) -> bool {
        matches!(self, Self::PacketTooBig | Self::IcmpError)
    }
}

impl PacketMeta {
    /// Whether [`classify`](crate::classify::classify) may say anything about the packet: it is a fragment, opens or
    /// closes a connection, or is an error.
    #[inline(always)]
    #[must_use]
    pub const fn is_notable(&self) -> bool {
        self.fragment.is_some() || self.transport.is_notable()
    }

    /// The fragment, where the packet is a part of its datagram: an atomic fragment is all of it.
    #[inline(always)]
    #[must_use]
    pub const fn part(&self) -> Option<Fragment> {
        match self.fragment {
            Some(fragment) if !fragment.is_atomic() => Some(fragment),
            Some(_) | None => None,
        }
    }

    /// Source address. `None` if the frame ends before it, which [`parse`] has ruled out.
    #[inline(always)]
    pub fn source<F: FrameBytes + ?Sized>(&self, frame: &F) -> Option<Address> {
        if self.version == 4 {
            frame
                .octets(self.ip_offset + ipv4::SOURCE_OFFSET)
                .map(Address::from_ipv4)
        } else {
            frame
                .octets(self.ip_offset + ipv6::SOURCE_OFFSET)
                .map(Address::from_octets)
        }
    }

    /// Destination address. `None` if the frame ends before it, which [`parse`] has ruled out.
    #[inline(always)]
    pub fn destination<F: FrameBytes + ?Sized>(&self, frame: &F) -> Option<Address> {
        destination_at(frame, self.version, self.ip_offset)
    }

    /// Destination of the packet that an `ICMP` error quotes. `None` if it quotes less than an IP header.
    #[inline(always)]
    pub fn quoted_destination<F: FrameBytes + ?Sized>(&self, frame: &F) -> Option<Address> {
        let header_len = if self.version == 4 {
            ipv4::MIN_HEADER_LEN
        } else {
            ipv6::HEADER_LEN
        };
        if self.payload_len < (icmp::HEADER_LEN + header_len) as u32 {
            return None;
        }
        destination_at(frame, self.version, self.payload_offset + icmp::HEADER_LEN)
    }
}

/// Destination address of the IP header at `offset`.
#[inline(always)]
fn destination_at<F: FrameBytes + ?Sized>(
    frame: &F,
    version: u8,
    offset: usize,
) -> Option<Address> {
    if version == 4 {
        frame
            .octets(offset + ipv4::DESTINATION_OFFSET)
            .map(Address::from_ipv4)
    } else {
        frame
            .octets(offset + ipv6::DESTINATION_OFFSET)
            .map(Address::from_octets)
    }
}

/// Reads one frame. `None` is a frame that carries no IP.
///
/// # Errors
/// A header is malformed or cut off. In a fragment the transport header may be: what counts is the fragment.
#[inline(always)]
pub fn parse<F: FrameBytes + ?Sized>(
    frame: &F,
    link: LinkType,
) -> Result<Option<PacketMeta>, ParseError> {
    let (ether_type, offset) = match link {
        LinkType::Ethernet => ethernet::parse(frame)?,
        LinkType::RawIp => (raw_ip_type(frame)?, 0),
    };
    match ether_type {
        ethernet::TYPE_IPV4 => parse_ipv4(frame, offset).map(Some),
        ethernet::TYPE_IPV6 => parse_ipv6(frame, offset).map(Some),
        _ => Ok(None),
    }
}

/// What the version field of a frame without link header announces.
#[inline(always)]
fn raw_ip_type<F: FrameBytes + ?Sized>(frame: &F) -> Result<u16, ParseError> {
    let [version, _] = frame.octets(0).ok_or(crate::Layer::Ipv4.truncated())?;
    Ok(match version >> 4 {
        4 => ethernet::TYPE_IPV4,
        6 => ethernet::TYPE_IPV6,
        _ => 0,
    })
}

#[inline(always)]
fn parse_ipv4<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Result<PacketMeta, ParseError> {
    let header = ipv4::parse(frame, offset)?;
    let mut packet = PacketMeta {
        ip_offset: offset,
        payload_offset: offset + header.header_len_octets as usize,
        payload_len: header.total_len - header.header_len_octets,
        total_len: header.total_len,
        version: 4,
        ttl: header.ttl,
        protocol: header.protocol,
        dont_fragment: header.dont_fragment,
        identification: u32::from(header.identification),
        fragment: None,
        transport: Transport::Absent,
    };
    if header.more_fragments || header.fragment_offset_octets != 0 {
        packet.fragment = Some(Fragment {
            offset_octets: header.fragment_offset_octets,
            more: header.more_fragments,
            data_octets: packet.payload_len,
        });
    }
    parse_transport(frame, header.protocol, &mut packet)?;
    Ok(packet)
}

#[inline(always)]
fn parse_ipv6<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Result<PacketMeta, ParseError> {
    let header = ipv6::parse(frame, offset)?;
    let payload = ipv6::skip_extensions(frame, header.next_header, offset + ipv6::HEADER_LEN)?;
    let payload_len = (offset as u32 + header.total_len)
        .checked_sub(payload.offset as u32)
        .ok_or(crate::Layer::Ipv6Extension.bad_length())?;
    let mut packet = PacketMeta {
        ip_offset: offset,
        payload_offset: payload.offset,
        payload_len,
        total_len: header.total_len,
        version: 6,
        ttl: header.hop_limit,
        protocol: payload.protocol,
        dont_fragment: false,
        identification: 0,
        fragment: None,
        transport: Transport::Absent,
    };
    if let Some(header) = &payload.fragment {
        packet.protocol = header.next_header;
        packet.identification = header.identification;
        packet.fragment = Some(Fragment {
            offset_octets: header.fragment_offset_octets,
            more: header.more_fragments,
            data_octets: payload_len + (payload.offset - header.data_offset) as u32,
        });
    }
    parse_transport(frame, payload.protocol, &mut packet)?;
    Ok(packet)
}

/// Reads the payload's header, which a later fragment has not and a first fragment may have in part.
#[inline(always)]
fn parse_transport<F: FrameBytes + ?Sized>(
    frame: &F,
    protocol: u8,
    packet: &mut PacketMeta,
) -> Result<(), ParseError> {
    if let Some(fragment) = &packet.fragment
        && fragment.offset_octets != 0
    {
        return Ok(());
    }
    match parse_payload(frame, protocol, packet.payload_offset, packet.payload_len) {
        Ok(transport) => packet.transport = transport,
        Err(error) if packet.fragment.is_none() => return Err(error),
        Err(_) => {}
    }
    Ok(())
}

#[inline(always)]
fn parse_payload<F: FrameBytes + ?Sized>(
    frame: &F,
    protocol: u8,
    offset: usize,
    room: u32,
) -> Result<Transport, ParseError> {
    Ok(match protocol {
        tcp::PROTOCOL => Transport::Tcp {
            flags: tcp::parse(frame, offset, room)?.flags,
        },
        // Behind the packet's end there may be padding, which is no header.
        udp::PROTOCOL if room < udp::HEADER_LEN as u32 => {
            return Err(crate::Layer::Udp.bad_length());
        }
        icmp::PROTOCOL_V4 | icmp::PROTOCOL_V6 if room < icmp::HEADER_LEN as u32 => {
            return Err(crate::Layer::Icmp.bad_length());
        }
        udp::PROTOCOL => {
            udp::parse(frame, offset)?;
            Transport::Udp
        }
        icmp::PROTOCOL_V4 | icmp::PROTOCOL_V6 => {
            let header = icmp::parse(frame, offset)?;
            if header.is_packet_too_big(protocol) {
                Transport::PacketTooBig
            } else if header.is_error(protocol) {
                Transport::IcmpError
            } else {
                Transport::Other
            }
        }
        _ => Transport::Other,
    })
}

#[cfg(test)]
mod tests;
