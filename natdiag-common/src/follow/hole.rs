//! What is missing of what a suspect has sent.

use super::FollowedSegment;
use crate::wire::seq::SeqNumber;

/// Octets that have not come though later ones have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Hole {
    /// When it was seen first.
    since_ns: u64,
    start: u32,
    octets: u32,
}

/// Up to this long after those behind them octets are late and were not sent again: more than the ticks of a coarse
/// clock (`CONFIG_HZ` 250), less than any timer of retransmission. Nearer than that a fast retransmission passes for
/// late.
const LATE_NS: u64 = 5_000_000;

/// What a segment does to a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// It has nothing that is missing.
    Nothing,
    /// It has some of it, or comes late.
    Some,
    /// It was sent again, and nothing is missing any more.
    Again,
}

impl Hole {
    /// A hole from here on.
    #[inline(always)]
    pub(super) const fn new(start: SeqNumber, octets: u32, now_ns: u64) -> Self {
        Self {
            since_ns: now_ns,
            start: start.0,
            octets,
        }
    }

    /// How much is missing; 0 where nothing is.
    #[inline(always)]
    pub(super) const fn octets(self) -> u32 {
        self.octets
    }

    /// Takes a segment with data.
    #[inline(always)]
    pub(super) fn fill(&mut self, segment: &FollowedSegment, now_ns: u64) -> Fill {
        let end = segment.seq.plus(segment.data_octets);
        let filled = end.0.wrapping_sub(self.start);
        let is_within = SeqNumber(self.start).at_or_after(segment.seq) && filled != 0;
        if self.octets == 0 || !is_within || filled >= 1 << 31 {
            return Fill::Nothing;
        }
        self.start = end.0;
        self.octets = self.octets.saturating_sub(filled);
        if self.octets == 0 && now_ns.wrapping_sub(self.since_ns) > LATE_NS {
            Fill::Again
        } else {
            Fill::Some
        }
    }

    /// Takes an acknowledgment of ours: what it covers did come, whether it was seen here or not.
    #[inline(always)]
    pub(super) fn acknowledge(&mut self, ack: SeqNumber) {
        let start = SeqNumber(self.start);
        if self.octets != 0 && ack.0 != self.start && ack.at_or_after(start) {
            self.octets = 0;
        }
    }
}
