//! UDP (RFC 768).
//!
//! ```text
//! |          source port          |       destination port        |
//! |            length             |           checksum            |
//! ```

use crate::{FrameBytes, Layer, ParseError};

/// Octets of the header.
pub const HEADER_LEN: usize = 8;
/// Protocol number of UDP.
pub const PROTOCOL: u8 = 17;

/// A UDP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
}

/// Reads the header at `offset`.
///
/// # Errors
/// The frame ends before 8 octets, or the length is below 8 and not 0, which stands for a jumbogram (RFC 2675).
#[inline(always)]
pub fn parse<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Result<Header, ParseError> {
    let [s0, s1, d0, d1, l0, l1, _, _] = frame.octets(offset).ok_or(Layer::Udp.truncated())?;
    let len = u16::from_be_bytes([l0, l1]);
    if len != 0 && usize::from(len) < HEADER_LEN {
        return Err(Layer::Udp.bad_length());
    }
    Ok(Header {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
    })
}
