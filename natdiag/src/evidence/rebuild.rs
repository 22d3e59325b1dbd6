//! From a record back to the headers that it was made of: the packet from its IP header to its TCP options, or to the
//! end of what was kept of an `ICMP` error. What a record does not hold is written as what changes nothing: IPv4
//! options as no-operations, extension headers of IPv6 as padding, unknown ports and checksums of the payload as zeros.

use std::net::IpAddr;

use natdiag_common::{
    record::{Record, flag},
    wire::{icmp, ipv4, ipv6, tcp, udp},
};

/// Next Header number of Destination Options, and its option that pads (RFC 8200, sections 4.2 and 4.6).
const DESTINATION_OPTIONS: u8 = 60;
const PAD_N: u8 = 1;
/// Option that does nothing (RFC 791, section 3.1).
const NO_OPERATION: u8 = 1;
/// What the payload length of IPv6 does not count: `ipv6::HEADER_LEN`.
const FIXED_IPV6: u32 = 40;
/// Most octets of IPv4 options.
const MAX_IPV4_OPTIONS: usize = 40;

/// The beginning of the packet that a record was made of.
#[must_use]
pub fn packet(record: &Record) -> Vec<u8> {
    let transport = transport(record);
    let ip = match (
        IpAddr::from(record.source),
        IpAddr::from(record.destination),
    ) {
        (IpAddr::V4(source), IpAddr::V4(destination)) if record.version == 4 => {
            ipv4_header(record, source.octets(), destination.octets())
        }
        _ => ipv6_headers(record),
    };
    [ip, transport].concat()
}

fn is(record: &Record, bits: u8) -> bool {
    record.flags & bits != 0
}

/// Octets between the fixed IP header and what the record says of the payload, as far as the lengths tell.
fn between(record: &Record, fixed: usize) -> usize {
    // An atomic fragment (RFC 6946) is a whole packet.
    let is_part = is(record, flag::MORE_FRAGMENTS) || record.fragment_offset_octets != 0;
    let payload = if is_part {
        record.data_len as usize
    } else if is(record, flag::TCP) {
        tcp::MIN_HEADER_LEN + record.excerpt().len() + record.data_len as usize
    } else {
        return 0;
    };
    (record.total_len as usize)
        .saturating_sub(fixed)
        .saturating_sub(payload)
}

fn ipv4_header(record: &Record, source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let options_len = between(record, ipv4::MIN_HEADER_LEN).min(MAX_IPV4_OPTIONS) / 4 * 4;
    let words = (ipv4::MIN_HEADER_LEN + options_len) / 4;
    let more = u16::from(is(record, flag::MORE_FRAGMENTS)) << 13;
    let dont = u16::from(is(record, flag::DONT_FRAGMENT)) << 14;
    let fragment = (record.fragment_offset_octets / 8) | more | dont;
    let mut header = vec![0x40 | low_octet(words), 0];
    header.extend(low_half(record.total_len).to_be_bytes());
    header.extend(low_half(record.identification).to_be_bytes());
    header.extend(fragment.to_be_bytes());
    header.extend([record.ttl, record.protocol, 0, 0]);
    header.extend(source);
    header.extend(destination);
    header.resize(header.len() + options_len, NO_OPERATION);
    let sum = checksum(&header).to_be_bytes();
    header.splice(10..12, sum);
    header
}

fn ipv6_headers(record: &Record) -> Vec<u8> {
    let is_fragment = is(record, flag::FRAGMENT);
    let fragment_len = if is_fragment {
        ipv6::FRAGMENT_HEADER_LEN
    } else {
        0
    };
    // Whole words of eight octets, as every extension header is.
    let padding = between(record, ipv6::HEADER_LEN + fragment_len).min(2048) / 8 * 8;
    let after_padding = if is_fragment {
        ipv6::FRAGMENT
    } else {
        record.protocol
    };
    let first = if padding > 0 {
        DESTINATION_OPTIONS
    } else {
        after_padding
    };
    let payload_len = record.total_len.saturating_sub(FIXED_IPV6);
    let mut headers = vec![0x60, 0, 0, 0];
    headers.extend(low_half(payload_len).to_be_bytes());
    headers.extend([first, record.ttl]);
    headers.extend(record.source.octets());
    headers.extend(record.destination.octets());
    let mut left = padding;
    while left > 0 {
        // An option of padding has at most 255 octets behind its own two.
        let here = left.min(256);
        left -= here;
        let next = if left > 0 {
            DESTINATION_OPTIONS
        } else {
            after_padding
        };
        headers.extend([next, low_octet(here / 8 - 1), PAD_N, low_octet(here - 4)]);
        headers.resize(headers.len() + here - 4, 0);
    }
    if is_fragment {
        let offset =
            record.fragment_offset_octets & !7 | u16::from(is(record, flag::MORE_FRAGMENTS));
        headers.extend([record.protocol, 0]);
        headers.extend(offset.to_be_bytes());
        headers.extend(record.identification.to_be_bytes());
    }
    if ipv6::is_extension(record.protocol) && is(record, flag::TCP | flag::ICMP_ERROR) {
        // Behind the Fragment header; how long they were is not known.
        let payload = if is(record, flag::TCP) {
            tcp::PROTOCOL
        } else {
            icmp::PROTOCOL_V6
        };
        headers.extend([payload, 0, PAD_N, 4, 0, 0, 0, 0]);
    }
    headers
}

fn transport(record: &Record) -> Vec<u8> {
    if is(record, flag::TCP) {
        tcp_header(record)
    } else if is(record, flag::ICMP_ERROR) {
        record.excerpt().to_vec()
    } else if is(record, flag::FRAGMENT) && record.fragment_offset_octets == 0 {
        // Or the first fragment would pass for one that was cut within its header.
        match record.protocol {
            udp::PROTOCOL => vec![0; udp::HEADER_LEN],
            icmp::PROTOCOL_V4 | icmp::PROTOCOL_V6 => vec![0; icmp::HEADER_LEN],
            _ => Vec::new(),
        }
    } else {
        Vec::new()
    }
}

fn tcp_header(record: &Record) -> Vec<u8> {
    let options = record.excerpt();
    let words = (tcp::MIN_HEADER_LEN + options.len()) / 4;
    let mut header = Vec::with_capacity(tcp::MIN_HEADER_LEN + options.len());
    header.extend(record.source_port.to_be_bytes());
    header.extend(record.destination_port.to_be_bytes());
    header.extend(record.seq.to_be_bytes());
    header.extend(record.ack.to_be_bytes());
    header.extend([low_octet(words) << 4, record.tcp_flags]);
    header.extend(record.window.to_be_bytes());
    // Checksum and urgent pointer.
    header.extend([0; 4]);
    header.extend(options);
    header
}

/// The checksum of an IPv4 header (RFC 1071).
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks(2).map(|word| match word {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    });
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !low_half((folded & 0xffff) + (folded >> 16))
}

/// Lengths and identifications of IPv4 have 16 bits on the wire.
fn low_half(number: u32) -> u16 {
    u16::try_from(number & 0xffff).unwrap_or_default()
}

fn low_octet(number: usize) -> u8 {
    u8::try_from(number & 0xff).unwrap_or_default()
}
