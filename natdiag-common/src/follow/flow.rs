//! A followed connection: what each of its segments adds to the counters of the suspect.

use super::{
    FORGOTTEN_AFTER_NS, FlowEnds, FollowCounter, FollowCounts, FollowedSegment,
    hole::{Fill, Hole},
    side::Side,
};
use crate::wire::{
    seq::SeqNumber,
    tcp::{ACK, FIN, RST, SYN},
};

/// Silence before our end after which we have given up what we waited for.
const GIVEN_UP_NS: u64 = 1_000_000_000;
/// Shortest silence after which the end of a connection is worth an answer: at once it is often answered by a RST.
const WORTH_AN_ANSWER_NS: u64 = 1_000_000_000;
/// Stands for a silence that began before the connection was followed.
const UNKNOWN_NS: u64 = u64::MAX;
/// Repetitions of one segment, at growing intervals, after which it is stuck.
const STUCK: u32 = 3;
/// Data of the largest small segment, with timestamps and over IPv6: a hole of as much may be one of a large segment.
const LARGE_HOLE_OCTETS: u32 = super::SMALL_PACKET_OCTETS - 40 - 32;
/// Beyond what is expected a segment lies in no window: larger than any buffer in use, and well below the largest
/// window (RFC 7323, section 2.3).
const WINDOW_OCTETS: u32 = 1 << 26;

/// A followed connection. What was sent and what was received are written by different programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct FollowedFlow {
    /// When a packet was last seen, nanoseconds of a monotonic clock; 0 where the place is free.
    last_ns: u64,
    /// Silence before what was sent and has not been answered yet.
    silence_ns: u64,
    hole: Hole,
    ends: FlowEnds,
    /// What is true of it: bits of `state`.
    state: u32,
    sent: Side,
    received: Side,
    /// Where the first data begins that we have sent and that has not been acknowledged.
    outstanding: u32,
    /// How often that has been sent again.
    tries: u32,
}

/// Bits of [`FollowedFlow::state`].
mod state {
    /// What was sent has not been answered.
    pub(super) const WAITING: u32 = 1;
    /// It has ended.
    pub(super) const CLOSED: u32 = 2;
    /// We have sent data that has not been acknowledged.
    pub(super) const OUTSTANDING: u32 = 4;
    /// In a large segment.
    pub(super) const OUTSTANDING_LARGE: u32 = 8;
    /// We have ended it after a silence.
    pub(super) const GIVEN_UP: u32 = 16;
    /// The hole that was left then is counted.
    pub(super) const HOLE_COUNTED: u32 = 32;
    /// The suspect has sent fragments: what is missing may have come in them.
    pub(super) const FRAGMENTED: u32 = 64;
    /// We have sent data.
    pub(super) const ASKED: u32 = 128;
}

impl FollowedFlow {
    /// Makes this the place of a connection. Returns whether it is.
    #[inline(always)]
    pub fn claim(&mut self, ends: &FlowEnds, flags: u8, now_ns: u64) -> bool {
        let is_same = self.ends == *ends;
        let is_closed = self.is(state::CLOSED);
        let begins = flags & (SYN | ACK) == SYN || (is_closed && flags & SYN != 0);
        if is_same && self.last_ns != 0 && !begins {
            return true;
        }
        let is_free = is_same
            || self.last_ns == 0
            || is_closed
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
        self.wait(segment, silence_ns);
        let novelty = self.sent.take(segment);
        // A repeated octet alone is a keep-alive or a probe of the window (RFC 9293, section 3.8.4 and 3.8.6.1).
        if segment.data_octets > 1 || (segment.data_octets == 1 && !novelty.is_repeated) {
            counts.increment(if segment.is_large {
                FollowCounter::SentLarge
            } else {
                FollowCounter::SentSmall
            });
            if novelty.is_repeated {
                counts.increment(if segment.is_large {
                    FollowCounter::SentLargeRepeated
                } else {
                    FollowCounter::SentSmallRepeated
                });
            }
            self.state |= state::ASKED;
            self.push(segment, novelty.is_repeated, counts);
        }
        if novelty.is_older {
            counts.increment(FollowCounter::SentOlderTimestamp);
        }
        if let Some(ack) = self.sent.ack() {
            self.hole.acknowledge(ack);
        }
        let is_end = segment.flags & (FIN | RST) != 0 && !self.is(state::GIVEN_UP);
        if is_end && silence_ns >= GIVEN_UP_NS && silence_ns != UNKNOWN_NS {
            self.give_up(counts);
        }
        self.count_hole_left(counts);
        self.close_by(segment.flags);
    }

    /// Takes a segment received from the suspect.
    #[inline(always)]
    pub fn received(&mut self, segment: &FollowedSegment, now_ns: u64, counts: &mut FollowCounts) {
        self.silence_before(now_ns);
        self.take_answer(segment, counts);
        if segment.is_first_fragment {
            self.state |= state::FRAGMENTED;
            return;
        }
        let ack_before = self.received.ack();
        if segment.flags & (SYN | RST) == 0 && !self.note_hole(segment, now_ns, counts) {
            return;
        }
        let fill = if segment.data_octets > 0 {
            self.hole.fill(segment, now_ns)
        } else {
            Fill::Nothing
        };
        if fill == Fill::Again {
            counts.increment(FollowCounter::HoleFilled);
        }
        let novelty = self.received.take(segment);
        if segment.data_octets > 0 {
            counts.increment(if segment.is_large {
                FollowCounter::ReceivedLarge
            } else {
                FollowCounter::ReceivedSmall
            });
            if novelty.is_repeated && fill == Fill::Nothing {
                counts.increment(if segment.is_large {
                    FollowCounter::ReceivedLargeRepeated
                } else {
                    FollowCounter::ReceivedSmallRepeated
                });
            }
        } else if segment.flags & (SYN | FIN | RST) == 0 && self.is_duplicate(ack_before, segment) {
            counts.increment(FollowCounter::DuplicateAck);
        }
        if novelty.is_older {
            counts.increment(FollowCounter::ReceivedOlderTimestamp);
        }
        if segment.flags & ACK != 0 {
            self.acknowledge(segment.ack, counts);
        }
        self.count_hole_left(counts);
        self.close_by(segment.flags);
    }

    #[inline(always)]
    const fn is(&self, bit: u32) -> bool {
        self.state & bit != 0
    }

    /// Notes that a packet was seen. Returns for how long none was.
    #[inline(always)]
    fn silence_before(&mut self, now_ns: u64) -> u64 {
        let silence_ns = if self.last_ns == 0 {
            UNKNOWN_NS
        } else {
            // Two CPUs may have read the clock in another order.
            now_ns.saturating_sub(self.last_ns)
        };
        self.last_ns = now_ns;
        silence_ns
    }

    /// Notes what we have sent that is to be answered: data, a keep-alive, or an end after a silence. What comes behind
    /// the suspect's own FIN is not.
    #[inline(always)]
    fn wait(&mut self, segment: &FollowedSegment, silence_ns: u64) {
        let is_keep_alive = self
            .sent
            .end()
            .is_some_and(|end| segment.seq.plus(1) == end);
        let is_late_end = segment.flags & FIN != 0 && silence_ns >= WORTH_AN_ANSWER_NS;
        let demands = segment.data_octets > 0 || is_keep_alive || is_late_end;
        if !demands || segment.flags & (SYN | RST) != 0 || self.received.has_closed() {
            return;
        }
        if !self.is(state::WAITING) || silence_ns > self.silence_ns {
            self.silence_ns = silence_ns;
        }
        self.state |= state::WAITING;
    }

    /// Counts whatever comes as the answer to what we have sent.
    #[inline(always)]
    fn take_answer(&mut self, segment: &FollowedSegment, counts: &mut FollowCounts) {
        let is_reset = segment.flags & RST != 0;
        if self.is(state::WAITING) {
            if self.silence_ns != UNKNOWN_NS {
                counts.answer(self.silence_ns, is_reset);
            }
            self.state &= !state::WAITING;
            return;
        }
        let is_open = self.received.ack().is_some()
            && !self.is(state::CLOSED)
            && !self.sent.has_closed()
            && !self.received.has_closed();
        if is_reset && is_open {
            counts.increment(FollowCounter::ResetUnprovoked);
        }
    }

    /// Notes data on its way, or sent again.
    #[inline(always)]
    fn push(&mut self, segment: &FollowedSegment, is_repeated: bool, counts: &mut FollowCounts) {
        let large = if segment.is_large {
            state::OUTSTANDING_LARGE
        } else {
            0
        };
        let end = segment.seq.plus(segment.data_octets);
        let outstanding = SeqNumber(self.outstanding);
        if !self.is(state::OUTSTANDING) {
            if !is_repeated {
                self.state = self.state & !state::OUTSTANDING_LARGE | state::OUTSTANDING | large;
                self.outstanding = segment.seq.0;
                self.tries = 0;
            }
        } else if is_repeated
            && outstanding.at_or_after(segment.seq)
            && !outstanding.at_or_after(end)
        {
            // It may be tried in smaller pieces.
            self.state &= !state::OUTSTANDING_LARGE | large;
            self.tries += 1;
            if self.tries == STUCK {
                counts.increment(if segment.is_large {
                    FollowCounter::SentLargeStuck
                } else {
                    FollowCounter::SentSmallStuck
                });
            }
        }
    }

    /// Notes that data has arrived.
    #[inline(always)]
    fn acknowledge(&mut self, ack: SeqNumber, counts: &mut FollowCounts) {
        if self.is(state::OUTSTANDING) && !SeqNumber(self.outstanding).at_or_after(ack) {
            if self.is(state::OUTSTANDING_LARGE) {
                counts.increment(FollowCounter::SentLargeAcknowledged);
            }
            self.state &= !state::OUTSTANDING;
        }
    }

    /// Notes that we have ended a connection after a silence.
    #[inline(always)]
    fn give_up(&mut self, counts: &mut FollowCounts) {
        self.state |= state::GIVEN_UP;
        let is_acknowledged =
            self.received.end().is_some() && self.received.end() == self.sent.ack();
        if self.is(state::ASKED) && !self.is(state::FRAGMENTED) && !is_acknowledged {
            counts.increment(FollowCounter::GivenUp);
        }
    }

    /// Looks whether the suspect has left something out before a segment. Also its bare acknowledgments tell, which
    /// stand behind all that it has sent. Returns whether the segment lies in a window.
    #[inline(always)]
    fn note_hole(
        &mut self,
        segment: &FollowedSegment,
        now_ns: u64,
        counts: &mut FollowCounts,
    ) -> bool {
        // Where nothing was received yet, our own acknowledgment says what is expected.
        let expected = match (self.received.end(), self.sent.ack()) {
            (Some(end), Some(ack)) if ack.at_or_after(end) => ack,
            (Some(end), _) => end,
            (None, Some(ack)) => ack,
            (None, None) => return true,
        };
        let beyond = segment.seq.0.wrapping_sub(expected.0);
        if beyond == 0 || beyond >= 1 << 31 {
            return true;
        }
        if beyond > WINDOW_OCTETS {
            counts.increment(FollowCounter::OutsideWindow);
            return false;
        }
        if self.hole.octets() == 0 {
            counts.increment(FollowCounter::Hole);
            self.hole = Hole::new(expected, beyond, now_ns);
        }
        self.received.reach(segment.seq);
        true
    }

    /// Counts what is missing of a connection that we have given up.
    #[inline(always)]
    fn count_hole_left(&mut self, counts: &mut FollowCounts) {
        let known = state::HOLE_COUNTED | state::FRAGMENTED;
        // One octet is a FIN.
        if !self.is(state::GIVEN_UP) || self.is(known) || self.hole.octets() <= 1 {
            return;
        }
        self.state |= state::HOLE_COUNTED;
        counts.increment(if self.hole.octets() >= LARGE_HOLE_OCTETS {
            FollowCounter::HoleLeftLarge
        } else {
            FollowCounter::HoleLeftSmall
        });
    }

    #[inline(always)]
    fn is_duplicate(&self, before: Option<SeqNumber>, segment: &FollowedSegment) -> bool {
        before == Some(segment.ack)
            && self
                .sent
                .end()
                .is_some_and(|end| end != segment.ack && end.at_or_after(segment.ack))
    }

    /// Ends the connection with a RST or the second FIN.
    #[inline(always)]
    fn close_by(&mut self, flags: u8) {
        if flags & RST != 0 || (self.sent.has_closed() && self.received.has_closed()) {
            self.state |= state::CLOSED;
        }
    }
}
