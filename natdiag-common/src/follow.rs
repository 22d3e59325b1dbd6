//! What the packets of established connections tell about a remote host under suspicion: data sent again or missing,
//! which sizes get through, and what comes after silence. One code for the BPF programs and for captures.
//!
//! It begins when the suspicion does: what was before is not known. No threshold of a verdict stands here; the two
//! bounds below only sort what is counted.

use crate::{
    Address, FrameBytes,
    packet::{PacketMeta, Transport},
    wire::{
        seq::{SeqNumber, TsVal},
        tcp::{self, ACK, FIN, RST, SYN},
    },
};

/// Remote hosts under suspicion at once.
pub const SUSPECTS: usize = 16;

/// Sets of places for suspects, chosen by [`suspect_set`]. A power of two.
pub const SUSPECT_SETS: u32 = 256;
/// Places in a set: of 16 hosts, three are in one set once in 10,000 times.
pub const SUSPECTS_PER_SET: u32 = 2;

/// Connections followed at once, each at the place of [`flow_place`]. A power of two.
pub const FLOWS: u32 = 1 << 14;

/// Longest IP packet that every link carries without fragments (RFC 8200, section 5). A longer one is *large*.
pub const SMALL_PACKET_OCTETS: u32 = 1280;

/// Silence after which a place is given to another connection: the longest suspicion.
pub const FORGOTTEN_AFTER_NS: u64 = 600 * SECOND_NS;

/// Classes of silence: shorter than 1 s, then from each power of two of seconds up to the next; the last is open.
pub const SILENCES: usize = 11;

const SECOND_NS: u64 = 1_000_000_000;

/// What is counted of one suspect; the number is the place in [`FollowCounts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum FollowCounter {
    /// Segments with data sent in packets of at most [`SMALL_PACKET_OCTETS`].
    SentSmall,
    /// Of these, segments with nothing that had not been sent before.
    SentSmallRepeated,
    /// Segments with data sent in larger packets.
    SentLarge,
    /// Of these, segments with nothing that had not been sent before.
    SentLargeRepeated,
    /// Segments with data received in small packets.
    ReceivedSmall,
    /// Of these, segments with nothing that had not been received before.
    ReceivedSmallRepeated,
    /// Segments with data received in larger packets.
    ReceivedLarge,
    /// Of these, segments with nothing that had not been received before.
    ReceivedLargeRepeated,
    /// Segments received that begin beyond the next octet expected: something before them is missing or late.
    ReceivedHole,
    /// Segments received without data that acknowledge no more than the last one, while data is outstanding
    /// (RFC 5681, section 2).
    DuplicateAck,
    /// Segments sent whose timestamp is older than one sent before: the receiver's PAWS discards them
    /// (RFC 7323, section 5).
    SentOlderTimestamp,
    /// RSTs received that answered nothing sent.
    ResetUnprovoked,
    /// Packets of connections that were not followed because another has the place.
    LeftOut,
}

/// Counters of one suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FollowCounts {
    /// Indexed by [`FollowCounter`].
    pub counters: [u64; FollowCounter::COUNT],
    /// What was sent after a silence of this class and was answered by a RST.
    pub reset_after: [u64; SILENCES],
    /// What was sent after a silence of this class and was answered otherwise.
    pub answered_after: [u64; SILENCES],
}

impl FollowCounter {
    /// Number of counters.
    pub const COUNT: usize = Self::LeftOut as usize + 1;
}

impl FollowCounts {
    /// Nothing counted yet.
    pub const ZERO: Self = Self {
        counters: [0; FollowCounter::COUNT],
        reset_after: [0; SILENCES],
        answered_after: [0; SILENCES],
    };

    /// Value of one counter.
    #[must_use]
    pub fn value(&self, counter: FollowCounter) -> u64 {
        self.counters.get(counter as usize).copied().unwrap_or(0)
    }

    /// Raises one counter by one.
    #[inline(always)]
    pub fn increment(&mut self, counter: FollowCounter) {
        if let Some(value) = self.counters.get_mut(counter as usize) {
            *value = value.wrapping_add(1);
        }
    }

    /// Adds the counters of another CPU, or of another suspicion.
    pub fn add(&mut self, other: &Self) {
        for (value, more) in self.words_mut().zip(other.words()) {
            *value = value.wrapping_add(more);
        }
    }

    /// Takes off what had been counted before.
    pub fn subtract(&mut self, before: &Self) {
        for (value, less) in self.words_mut().zip(before.words()) {
            *value = value.wrapping_sub(less);
        }
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        let Self {
            counters,
            reset_after,
            answered_after,
        } = self;
        counters
            .iter()
            .chain(reset_after)
            .chain(answered_after)
            .copied()
    }

    fn words_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let Self {
            counters,
            reset_after,
            answered_after,
        } = self;
        counters.iter_mut().chain(reset_after).chain(answered_after)
    }
}

impl Default for FollowCounts {
    fn default() -> Self {
        Self::ZERO
    }
}

/// Class of a silence, below [`SILENCES`].
#[inline(always)]
#[must_use]
pub const fn silence_class(silence_ns: u64) -> usize {
    let mut class = 0;
    let mut bound_ns = SECOND_NS;
    while class < SILENCES - 1 && silence_ns >= bound_ns {
        class += 1;
        bound_ns <<= 1;
    }
    class
}

/// The two ends of a followed connection, ours first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct FlowEnds {
    /// Our address.
    pub local: Address,
    /// The suspect's address.
    pub remote: Address,
    /// Our port.
    pub local_port: u16,
    /// The suspect's port.
    pub remote_port: u16,
}

/// A TCP segment of an established connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowedSegment {
    /// Sequence number.
    pub seq: SeqNumber,
    /// Acknowledgment number.
    pub ack: SeqNumber,
    /// The eight flags.
    pub flags: u8,
    /// Octets of data.
    pub data_octets: u32,
    /// Whether the packet, as it is on the wire, is longer than [`SMALL_PACKET_OCTETS`].
    pub is_large: bool,
    /// Its timestamp, where the option stands where every common stack puts it (RFC 7323, appendix A).
    pub tsval: Option<TsVal>,
}

/// One direction of a followed connection, as its sender has shown it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Side {
    /// Number behind the last octet seen.
    end: u32,
    /// Newest acknowledgment number.
    ack: u32,
    /// Newest timestamp.
    tsval: u32,
    /// Which of these have been seen: bits of `side`.
    seen: u32,
}

/// Bits of [`Side::seen`].
mod side {
    pub(super) const END: u32 = 1;
    pub(super) const ACK: u32 = 2;
    pub(super) const TSVAL: u32 = 4;
    pub(super) const FIN: u32 = 8;
}

/// A followed connection. What was sent and what was received are written by different programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct FollowedFlow {
    /// When a packet was last seen, nanoseconds of a monotonic clock; 0 where the place is free.
    last_ns: u64,
    /// Silence before what was sent and has not been answered yet.
    silence_ns: u64,
    ends: FlowEnds,
    /// Not 0 while what was sent has not been answered.
    is_waiting: u16,
    /// Not 0 once the connection has ended.
    is_closed: u16,
    sent: Side,
    received: Side,
}

impl FollowedFlow {
    /// Makes this the place of a connection. Returns whether it is.
    #[inline(always)]
    pub fn claim(&mut self, ends: &FlowEnds, flags: u8, now_ns: u64) -> bool {
        let is_same = self.ends == *ends;
        if is_same && self.last_ns != 0 && flags & SYN == 0 {
            return true;
        }
        let is_free = is_same
            || self.last_ns == 0
            || self.is_closed != 0
            || now_ns.wrapping_sub(self.last_ns) > FORGOTTEN_AFTER_NS;
        if is_free {
            *self = Self {
                ends: *ends,
                ..Self::default()
            };
        }
        is_free
    }

    /// Takes a segment sent to the suspect.
    #[inline(always)]
    pub fn sent(&mut self, segment: &FollowedSegment, now_ns: u64, counts: &mut FollowCounts) {
        let silence_ns = self.silence_before(now_ns);
        if self.is_waiting == 0 || silence_ns > self.silence_ns {
            self.silence_ns = silence_ns;
        }
        self.is_waiting = 1;
        if let Some(tsval) = segment.tsval {
            if self.sent.seen & side::TSVAL != 0 && TsVal(self.sent.tsval).ahead_of(tsval) > 0 {
                counts.increment(FollowCounter::SentOlderTimestamp);
            } else {
                self.sent.tsval = tsval.0;
                self.sent.seen |= side::TSVAL;
            }
        }
        if segment.data_octets > 0 {
            let is_repeated = self.sent.extend(segment);
            counts.increment(if segment.is_large {
                FollowCounter::SentLarge
            } else {
                FollowCounter::SentSmall
            });
            if is_repeated {
                counts.increment(if segment.is_large {
                    FollowCounter::SentLargeRepeated
                } else {
                    FollowCounter::SentSmallRepeated
                });
            }
        }
        if segment.flags & ACK != 0 {
            self.sent.ack = segment.ack.0;
            self.sent.seen |= side::ACK;
        }
        self.close_by(segment.flags, true);
    }

    /// Takes a segment received from the suspect.
    #[inline(always)]
    pub fn received(&mut self, segment: &FollowedSegment, now_ns: u64, counts: &mut FollowCounts) {
        self.silence_before(now_ns);
        let is_reset = segment.flags & RST != 0;
        if self.is_waiting != 0 {
            let class = silence_class(self.silence_ns);
            let answers = if is_reset {
                &mut counts.reset_after
            } else {
                &mut counts.answered_after
            };
            if let Some(value) = answers.get_mut(class) {
                *value = value.wrapping_add(1);
            }
            self.is_waiting = 0;
        } else if is_reset {
            counts.increment(FollowCounter::ResetUnprovoked);
        }
        if segment.data_octets > 0 {
            if self.is_beyond_expected(segment.seq) {
                counts.increment(FollowCounter::ReceivedHole);
            }
            let is_repeated = self.received.extend(segment);
            counts.increment(if segment.is_large {
                FollowCounter::ReceivedLarge
            } else {
                FollowCounter::ReceivedSmall
            });
            if is_repeated {
                counts.increment(if segment.is_large {
                    FollowCounter::ReceivedLargeRepeated
                } else {
                    FollowCounter::ReceivedSmallRepeated
                });
            }
        } else if segment.flags & (SYN | FIN | RST) == 0 && self.is_duplicate_ack(segment.ack) {
            counts.increment(FollowCounter::DuplicateAck);
        }
        if segment.flags & ACK != 0 {
            self.received.ack = segment.ack.0;
            self.received.seen |= side::ACK;
        }
        self.close_by(segment.flags, false);
    }

    /// Notes that a packet was seen. Returns for how long none was.
    #[inline(always)]
    fn silence_before(&mut self, now_ns: u64) -> u64 {
        // Two CPUs may have read the clock in another order.
        let silence_ns = if self.last_ns == 0 || self.last_ns > now_ns {
            0
        } else {
            now_ns - self.last_ns
        };
        self.last_ns = now_ns;
        silence_ns
    }

    /// Whether the suspect has left something out before this octet. Where nothing was received yet, our own
    /// acknowledgment says what is expected.
    #[inline(always)]
    fn is_beyond_expected(&self, seq: SeqNumber) -> bool {
        let expected = if self.received.seen & side::END != 0 {
            self.received.end
        } else if self.sent.seen & side::ACK != 0 {
            self.sent.ack
        } else {
            return false;
        };
        seq.0 != expected && seq.at_or_after(SeqNumber(expected))
    }

    #[inline(always)]
    fn is_duplicate_ack(&self, ack: SeqNumber) -> bool {
        self.received.seen & side::ACK != 0
            && self.received.ack == ack.0
            && self.sent.seen & side::END != 0
            && self.sent.end != ack.0
            && SeqNumber(self.sent.end).at_or_after(ack)
    }

    /// Ends the connection with a RST or the second FIN.
    #[inline(always)]
    fn close_by(&mut self, flags: u8, is_sent: bool) {
        if flags & FIN != 0 {
            let side = if is_sent {
                &mut self.sent
            } else {
                &mut self.received
            };
            side.seen |= side::FIN;
        }
        if flags & RST != 0 || self.sent.seen & self.received.seen & side::FIN != 0 {
            self.is_closed = 1;
        }
    }
}

impl Side {
    /// Notes data. Returns whether all of it had been there before.
    #[inline(always)]
    fn extend(&mut self, segment: &FollowedSegment) -> bool {
        let end = segment.seq.plus(segment.data_octets);
        if self.seen & side::END != 0 && SeqNumber(self.end).at_or_after(end) {
            return true;
        }
        self.end = end.0;
        self.seen |= side::END;
        false
    }
}

/// First octets of options with timestamps as every common stack writes them: two no-operations, kind 8, length 10.
const TIMESTAMPS_AFTER_TWO_NOPS: [u8; 4] = [1, 1, 8, 10];

/// The segment that a packet carries, and its ports as source and destination. `wire_len` is the length of the whole
/// IP packet as it is on the wire, where the packet at hand was put together of several.
#[inline(always)]
pub fn segment<F: FrameBytes + ?Sized>(
    frame: &F,
    packet: &PacketMeta,
    wire_len: u32,
) -> Option<(FollowedSegment, [u16; 2])> {
    let Transport::Tcp { .. } = packet.transport else {
        return None;
    };
    if packet.part().is_some() {
        return None;
    }
    let header = tcp::parse(frame, packet.payload_offset, packet.payload_len).ok()?;
    let options = packet.payload_offset + tcp::MIN_HEADER_LEN;
    let has_room = header.data_offset_octets >= tcp::MIN_HEADER_LEN as u32 + 12;
    let tsval = match frame.octets(options) {
        Some(TIMESTAMPS_AFTER_TWO_NOPS) if has_room => {
            frame.octets(options + 4).map(u32::from_be_bytes).map(TsVal)
        }
        _ => None,
    };
    let segment = FollowedSegment {
        seq: header.seq,
        ack: header.ack,
        flags: header.flags,
        data_octets: packet.payload_len - header.data_offset_octets,
        is_large: wire_len > SMALL_PACKET_OCTETS,
        tsval,
    };
    Some((segment, [header.source_port, header.destination_port]))
}

/// Set of places of a suspect, below [`SUSPECT_SETS`].
#[inline(always)]
#[must_use]
pub fn suspect_set(remote: Address) -> u32 {
    spread(remote, 0) & (SUSPECT_SETS - 1)
}

/// Place of a connection, below [`FLOWS`].
#[inline(always)]
#[must_use]
pub fn flow_place(ends: &FlowEnds) -> u32 {
    let ports = u64::from(ends.local_port) << 16 | u64::from(ends.remote_port);
    let [_, local] = ends.local.halves();
    spread(ends.remote, local ^ ports) & (FLOWS - 1)
}

/// Multiplicative hashing (Knuth): the upper bits of the product depend on all bits.
#[inline(always)]
fn spread(address: Address, salt: u64) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let [high, low] = address.halves();
    let product = (high.wrapping_mul(MULTIPLIER) ^ low ^ salt.wrapping_mul(MULTIPLIER | 2))
        .wrapping_mul(MULTIPLIER);
    (product >> 32) as u32
}

#[cfg(test)]
mod tests;
