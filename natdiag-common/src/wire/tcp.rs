//! TCP (RFC 9293, section 3.1).
//!
//! ```text
//!  0               1               2               3
//! |          source port          |       destination port        |
//! |                        sequence number                        |
//! |                    acknowledgment number                      |
//! |offset | rsrvd |C E U A P R S F|            window             |
//! |           checksum            |         urgent pointer        |
//! |                  options, offset - 5 words                    |
//! ```

use super::seq::SeqNumber;
use crate::{FrameBytes, Layer, ParseError};

/// Octets of a header without options.
pub const MIN_HEADER_LEN: usize = 20;
/// Protocol number of TCP.
pub const PROTOCOL: u8 = 6;
/// Place of the sequence number.
pub const SEQ_OFFSET: usize = 4;
/// Place of the data offset, with the flags behind it.
pub const DATA_OFFSET_OFFSET: usize = 12;

/// Flag FIN.
pub const FIN: u8 = 0x01;
/// Flag SYN.
pub const SYN: u8 = 0x02;
/// Flag RST.
pub const RST: u8 = 0x04;
/// Flag ACK.
pub const ACK: u8 = 0x10;
/// ECN-Echo (RFC 3168, section 6.1.1).
pub const ECE: u8 = 0x40;
/// Congestion Window Reduced; with ECN-Echo on a SYN it asks for ECN.
pub const CWR: u8 = 0x80;

/// A TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number.
    pub seq: SeqNumber,
    /// Acknowledgment number; means something only with [`ACK`].
    pub ack: SeqNumber,
    /// Length of the header in octets, options included.
    pub data_offset_octets: u32,
    /// The eight flags.
    pub flags: u8,
    /// Window as on the wire, not scaled.
    pub window: u16,
}

/// Reads the header at `offset`; `room` is how many octets the IP packet has from there.
///
/// # Errors
/// The frame ends before 20 octets, or the data offset is below five words or beyond the packet.
#[inline(always)]
pub fn parse<F: FrameBytes + ?Sized>(
    frame: &F,
    offset: usize,
    room: u32,
) -> Result<Header, ParseError> {
    let octets: [u8; MIN_HEADER_LEN] = frame.octets(offset).ok_or(Layer::Tcp.truncated())?;
    let [
        s0,
        s1,
        d0,
        d1,
        q0,
        q1,
        q2,
        q3,
        a0,
        a1,
        a2,
        a3,
        data_offset,
        flags,
        w0,
        w1,
        ..,
    ] = octets;
    let data_offset_octets = u32::from(data_offset >> 4) * 4;
    if data_offset_octets < MIN_HEADER_LEN as u32 || data_offset_octets > room {
        return Err(Layer::Tcp.bad_length());
    }
    Ok(Header {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
        seq: SeqNumber(u32::from_be_bytes([q0, q1, q2, q3])),
        ack: SeqNumber(u32::from_be_bytes([a0, a1, a2, a3])),
        data_offset_octets,
        flags,
        window: u16::from_be_bytes([w0, w1]),
    })
}
