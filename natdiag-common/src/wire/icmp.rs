//! `ICMP` (RFC 792) and `ICMPv6` (RFC 4443) errors.
//!
//! ```text
//! |     type      |     code      |           checksum            |
//! |    unused, or the MTU of the next hop (RFC 1191, RFC 4443)    |
//! |      the packet that caused the error, from its IP header     |
//! ```

use crate::{FrameBytes, Layer, ParseError};

/// Octets before the quoted packet.
pub const HEADER_LEN: usize = 8;
/// Protocol number of `ICMP`.
pub const PROTOCOL_V4: u8 = 1;
/// Next Header number of `ICMPv6`.
pub const PROTOCOL_V6: u8 = 58;

const V4_UNREACHABLE: u8 = 3;
const V4_FRAGMENTATION_NEEDED: u8 = 4;
const V4_TIME_EXCEEDED: u8 = 11;
const V4_PARAMETER_PROBLEM: u8 = 12;
const V6_UNREACHABLE: u8 = 1;
const V6_PACKET_TOO_BIG: u8 = 2;
const V6_TIME_EXCEEDED: u8 = 3;
const V6_PARAMETER_PROBLEM: u8 = 4;

/// An `ICMP` or `ICMPv6` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type.
    pub icmp_type: u8,
    /// Code.
    pub code: u8,
    /// The second word: for "packet too big" the MTU in octets, for "fragmentation needed" its low half.
    pub rest: u32,
}

impl Header {
    /// Whether this is an error that quotes a packet.
    #[inline(always)]
    #[must_use]
    pub const fn is_error(&self, protocol: u8) -> bool {
        if protocol == PROTOCOL_V4 {
            matches!(
                self.icmp_type,
                V4_UNREACHABLE | V4_TIME_EXCEEDED | V4_PARAMETER_PROBLEM
            )
        } else {
            matches!(
                self.icmp_type,
                V6_UNREACHABLE | V6_PACKET_TOO_BIG | V6_TIME_EXCEEDED | V6_PARAMETER_PROBLEM
            )
        }
    }

    /// Whether this says that the quoted packet was too big for a link.
    #[inline(always)]
    #[must_use]
    pub const fn is_packet_too_big(&self, protocol: u8) -> bool {
        if protocol == PROTOCOL_V4 {
            self.icmp_type == V4_UNREACHABLE && self.code == V4_FRAGMENTATION_NEEDED
        } else {
            self.icmp_type == V6_PACKET_TOO_BIG
        }
    }
}

/// Reads the header at `offset`.
///
/// # Errors
/// The frame ends before 8 octets.
#[inline(always)]
pub fn parse<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Result<Header, ParseError> {
    let octets: [u8; HEADER_LEN] = frame.octets(offset).ok_or(Layer::Icmp.truncated())?;
    let [icmp_type, code, _, _, rest @ ..] = octets;
    Ok(Header {
        icmp_type,
        code,
        rest: u32::from_be_bytes(rest),
    })
}
