//! IPv4 (RFC 791, section 3.1).
//!
//! ```text
//!  0               1               2               3
//! |version|  IHL  |      TOS      |          total length         |
//! |        identification         |0 D M|    fragment offset      |
//! |      TTL      |   protocol    |        header checksum        |
//! |                        source address                         |
//! |                      destination address                      |
//! |                    options, IHL - 5 words                     |
//! ```

use crate::{FrameBytes, Layer, ParseError};

/// Octets of a header without options.
pub const MIN_HEADER_LEN: usize = 20;
/// First octet of a header without options: version 4, five words.
pub const WITHOUT_OPTIONS: u8 = 0x45;

/// Place of the total length.
pub const TOTAL_LEN_OFFSET: usize = 2;
/// Place of the flags and the fragment offset, with time to live and protocol behind them.
pub const FRAGMENT_OFFSET: usize = 6;
/// Place of the protocol.
pub const PROTOCOL_OFFSET: usize = 9;
/// Place of the source address.
pub const SOURCE_OFFSET: usize = 12;
/// Place of the destination address.
pub const DESTINATION_OFFSET: usize = 16;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// An IPv4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Header length in octets, options included.
    pub header_len_octets: u32,
    /// Length of the whole packet in octets. Where the field says 0, which the kernel writes when it leaves
    /// segmentation to the device, the rest of the frame.
    pub total_len: u32,
    /// Identification, shared by the fragments of one datagram.
    pub identification: u16,
    /// Don't Fragment.
    pub dont_fragment: bool,
    /// More Fragments.
    pub more_fragments: bool,
    /// Fragment offset in octets.
    pub fragment_offset_octets: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol number of the payload.
    pub protocol: u8,
}

/// Reads the header at `offset`.
///
/// # Errors
/// The frame ends before 20 octets, the version is not 4, the header length is below five words, or the total
/// length is below the header length.
#[inline(always)]
pub fn parse<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Result<Header, ParseError> {
    let octets: [u8; MIN_HEADER_LEN] = frame.octets(offset).ok_or(Layer::Ipv4.truncated())?;
    let [
        version_ihl,
        _,
        len_high,
        len_low,
        id_high,
        id_low,
        frag_high,
        frag_low,
        ttl,
        protocol,
        ..,
    ] = octets;
    if version_ihl >> 4 != 4 {
        return Err(Layer::Ipv4.bad_version());
    }
    let header_len_octets = u32::from(version_ihl & 0x0f) * 4;
    let total_len = match u16::from_be_bytes([len_high, len_low]) {
        0 => frame.wire_len().saturating_sub(offset) as u32,
        total_len => u32::from(total_len),
    };
    if header_len_octets < MIN_HEADER_LEN as u32 || total_len < header_len_octets {
        return Err(Layer::Ipv4.bad_length());
    }
    let fragment = u16::from_be_bytes([frag_high, frag_low]);
    Ok(Header {
        header_len_octets,
        total_len,
        identification: u16::from_be_bytes([id_high, id_low]),
        dont_fragment: fragment & DONT_FRAGMENT != 0,
        more_fragments: fragment & MORE_FRAGMENTS != 0,
        fragment_offset_octets: (fragment & OFFSET_MASK) << 3,
        ttl,
        protocol,
    })
}
