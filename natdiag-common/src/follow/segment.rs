//! Reads what is followed of one packet.

use super::SMALL_PACKET_OCTETS;
use crate::{
    FrameBytes,
    packet::{PacketMeta, Transport},
    wire::{
        seq::{SeqNumber, TsVal},
        tcp::{self, SYN},
    },
};

/// A TCP segment of an established connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowedSegment {
    /// Sequence number.
    pub seq: SeqNumber,
    /// Acknowledgment number.
    pub ack: SeqNumber,
    /// The eight flags.
    pub flags: u8,
    /// Window as on the wire.
    pub window: u16,
    /// Octets of data.
    pub data_octets: u32,
    /// Whether the packet, as it is on the wire, is longer than [`SMALL_PACKET_OCTETS`].
    pub is_large: bool,
    /// Whether it is but the first part of a segment that was cut into fragments.
    pub is_first_fragment: bool,
    /// Its timestamp, where the option stands where common stacks put it.
    pub tsval: Option<TsVal>,
}

/// First octets of options with timestamps as every common stack writes them: two no-operations, kind 8, length 10
/// (RFC 7323, appendix A).
const TIMESTAMPS_AFTER_TWO_NOPS: [u8; 4] = [1, 1, 8, 10];
/// What stands before the timestamp of a SYN-ACK of Linux, behind the four octets of the MSS: SACK permitted in place
/// of the no-operations. Kernel: `tcp_options_write`, `net/ipv4/tcp_output.c` (v6.1).
const TIMESTAMPS_AFTER_SACK_PERMITTED: [u8; 4] = [4, 2, 8, 10];

/// The segment that a packet carries, and its ports as source and destination. `wire_len` is the length of the whole
/// IP packet as it is on the wire, where the packet at hand was put together of several.
#[inline(always)]
pub fn segment<F: FrameBytes + ?Sized>(
    frame: &F,
    packet: &PacketMeta,
    wire_len: u32,
) -> Option<(FollowedSegment, [u16; 2])> {
    // A later fragment has no header.
    let Transport::Tcp { .. } = packet.transport else {
        return None;
    };
    let header = tcp::parse(frame, packet.payload_offset, packet.payload_len).ok()?;
    let options = packet.payload_offset + tcp::MIN_HEADER_LEN;
    let (before, prelude) = if header.flags & SYN == 0 {
        (options, TIMESTAMPS_AFTER_TWO_NOPS)
    } else {
        (options + 4, TIMESTAMPS_AFTER_SACK_PERMITTED)
    };
    let end = packet.payload_offset + header.data_offset_octets as usize;
    let tsval = match frame.octets(before) {
        Some(found) if found == prelude && before + 12 <= end => {
            frame.octets(before + 4).map(u32::from_be_bytes).map(TsVal)
        }
        _ => None,
    };
    let segment = FollowedSegment {
        seq: header.seq,
        ack: header.ack,
        flags: header.flags,
        window: header.window,
        data_octets: packet.payload_len - header.data_offset_octets,
        is_large: wire_len > SMALL_PACKET_OCTETS,
        is_first_fragment: packet
            .fragment
            .is_some_and(|fragment| !fragment.is_atomic()),
        tsval,
    };
    Some((segment, [header.source_port, header.destination_port]))
}

/// Length of the IP packet as it was or will be on the wire: the stack handles several as one, with `of_each_segment`
/// octets of data each (`gso_size`; 0 for a packet of its own).
#[inline(always)]
#[must_use]
pub const fn wire_len(packet: &PacketMeta, of_each_segment: u32) -> u32 {
    if of_each_segment == 0 {
        packet.total_len
    } else {
        // A TCP header has 20 octets without options, which few segments with data exceed by more than 12.
        of_each_segment + packet.total_len - packet.payload_len + 20
    }
}
