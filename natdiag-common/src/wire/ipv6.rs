//! IPv6 and its extension headers (RFC 8200, sections 3 and 4).
//!
//! ```text
//!  0               1               2               3
//! |version|     traffic class     |           flow label          |
//! |        payload length         |  next header  |   hop limit   |
//! |                   source address, 16 octets                   |
//! |                 destination address, 16 octets                |
//!
//! |  next header  |    length     |  ...     Hop-by-Hop, Routing, Destination Options, Mobility, HIP, Shim6
//! |  next header  |   reserved    | offset, 13 bits   |res|M| identification, 32 bits |     Fragment
//! ```

use crate::{FrameBytes, Layer, ParseError};

/// Octets of the fixed header.
pub const HEADER_LEN: usize = 40;
/// Place of the next header.
pub const NEXT_HEADER_OFFSET: usize = 6;
/// Place of the source address.
pub const SOURCE_OFFSET: usize = 8;
/// Place of the destination address.
pub const DESTINATION_OFFSET: usize = 24;
/// Octets of a Fragment header.
pub const FRAGMENT_HEADER_LEN: usize = 8;
/// Most extension headers that natdiag reads. RFC 8200, section 4.1, lets a sender use eight.
pub const MAX_EXTENSION_HEADERS: usize = 8;

/// Next Header numbers (IANA, "IPv6 Extension Header Types").
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
/// Next Header number of the Fragment header.
pub const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// An IPv6 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the whole packet in octets, this header included.
    pub total_len: u32,
    /// Number of the first header after this one.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
}

/// A Fragment header (RFC 8200, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// What the fragmentable part begins with.
    pub next_header: u8,
    /// Offset in octets.
    pub fragment_offset_octets: u16,
    /// More Fragments.
    pub more_fragments: bool,
    /// Shared by the fragments of one datagram.
    pub identification: u32,
    /// Where the fragment's data begins in the frame.
    pub data_offset: usize,
}

/// What the chain of extension headers leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The Fragment header, if there is one.
    pub fragment: Option<FragmentHeader>,
    /// Protocol number of the payload.
    pub protocol: u8,
    /// Where the payload begins in the frame.
    pub offset: usize,
}

/// Reads the fixed header at `offset`.
///
/// # Errors
/// The frame ends before 40 octets, or the version is not 6.
#[inline(always)]
pub fn parse<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Result<Header, ParseError> {
    let octets: [u8; HEADER_LEN] = frame.octets(offset).ok_or(Layer::Ipv6.truncated())?;
    let [
        version,
        _,
        _,
        _,
        len_high,
        len_low,
        next_header,
        hop_limit,
        ..,
    ] = octets;
    if version >> 4 != 6 {
        return Err(Layer::Ipv6.bad_version());
    }
    let mut total_len = u32::from(u16::from_be_bytes([len_high, len_low])) + HEADER_LEN as u32;
    if total_len == HEADER_LEN as u32 {
        // A jumbogram (RFC 2675), which the kernel makes of merged segments, says 0.
        let rest = frame.wire_len().saturating_sub(offset) as u32;
        if rest > u32::from(u16::MAX) {
            total_len = rest;
        }
    }
    Ok(Header {
        total_len,
        next_header,
        hop_limit,
    })
}

/// Follows the extension headers from `offset`, to the payload or to the first later fragment.
///
/// # Errors
/// The frame ends within a header, or there are more than [`MAX_EXTENSION_HEADERS`] or two Fragment headers.
#[inline(always)]
pub fn skip_extensions<F: FrameBytes + ?Sized>(
    frame: &F,
    next_header: u8,
    offset: usize,
) -> Result<Payload, ParseError> {
    let mut payload = Payload {
        fragment: None,
        protocol: next_header,
        offset,
    };
    for _ in 0..MAX_EXTENSION_HEADERS {
        match payload.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HOST_IDENTITY | SHIM6 => {
                let [next, len] = extension(frame, payload.offset)?;
                payload.protocol = next;
                payload.offset = frame.forget_way(payload.offset + (len as usize + 1) * 8);
            }
            AUTHENTICATION => {
                let [next, len] = extension(frame, payload.offset)?;
                payload.protocol = next;
                payload.offset = frame.forget_way(payload.offset + (len as usize + 2) * 4);
            }
            FRAGMENT => {
                if payload.fragment.is_some() {
                    return Err(Layer::Ipv6Extension.too_many());
                }
                let fragment = fragment_header(frame, payload.offset)?;
                payload.protocol = fragment.next_header;
                payload.offset = fragment.data_offset;
                payload.fragment = Some(fragment);
                if fragment.fragment_offset_octets != 0 {
                    return Ok(payload);
                }
            }
            _ => return Ok(payload),
        }
    }
    if is_extension(payload.protocol) {
        return Err(Layer::Ipv6Extension.too_many());
    }
    Ok(payload)
}

/// Whether a Next Header number is that of an extension header that [`skip_extensions`] follows.
#[inline(always)]
#[must_use]
pub const fn is_extension(next_header: u8) -> bool {
    matches!(
        next_header,
        HOP_BY_HOP
            | ROUTING
            | DESTINATION_OPTIONS
            | MOBILITY
            | HOST_IDENTITY
            | SHIM6
            | AUTHENTICATION
            | FRAGMENT
    )
}

#[inline(always)]
fn extension<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Result<[u8; 2], ParseError> {
    frame.octets(offset).ok_or(Layer::Ipv6Extension.truncated())
}

#[inline(always)]
fn fragment_header<F: FrameBytes + ?Sized>(
    frame: &F,
    offset: usize,
) -> Result<FragmentHeader, ParseError> {
    let octets: [u8; FRAGMENT_HEADER_LEN] = frame
        .octets(offset)
        .ok_or(Layer::Ipv6Extension.truncated())?;
    let [next_header, _, high, low, identification @ ..] = octets;
    let offset_flags = u16::from_be_bytes([high, low]);
    Ok(FragmentHeader {
        next_header,
        fragment_offset_octets: offset_flags & !7,
        more_fragments: offset_flags & 1 != 0,
        identification: u32::from_be_bytes(identification),
        data_offset: frame.forget_way(offset + FRAGMENT_HEADER_LEN),
    })
}
