//! One direction of a followed connection, as its sender has shown it.

use super::FollowedSegment;
use crate::wire::{
    seq::{SeqNumber, TsVal},
    tcp::{ACK, FIN},
};

/// What was seen of one sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Side {
    /// Number behind the last octet seen.
    end: u32,
    /// Newest acknowledgment number.
    ack: u32,
    /// Newest timestamp.
    tsval: u32,
    /// Which of these have been seen: bits of `seen`.
    seen: u32,
}

/// Bits of [`Side::seen`].
mod seen {
    pub(super) const END: u32 = 1;
    pub(super) const ACK: u32 = 2;
    pub(super) const TSVAL: u32 = 4;
    pub(super) const FIN: u32 = 8;
}

/// What a segment is to those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Novelty {
    /// All its data had been there before.
    pub(super) is_repeated: bool,
    /// Some had not, and yet its timestamp is older than one before.
    pub(super) is_older: bool,
}

impl Side {
    /// Number behind the last octet seen, if any was.
    #[inline(always)]
    pub(super) const fn end(&self) -> Option<SeqNumber> {
        if self.seen & seen::END != 0 {
            Some(SeqNumber(self.end))
        } else {
            None
        }
    }

    /// Newest acknowledgment number, if any was seen.
    #[inline(always)]
    pub(super) const fn ack(&self) -> Option<SeqNumber> {
        if self.seen & seen::ACK != 0 {
            Some(SeqNumber(self.ack))
        } else {
            None
        }
    }

    /// Whether it has sent a FIN.
    #[inline(always)]
    pub(super) const fn has_closed(&self) -> bool {
        self.seen & seen::FIN != 0
    }

    /// Takes what a segment says about its sender.
    #[inline(always)]
    pub(super) fn take(&mut self, segment: &FollowedSegment) -> Novelty {
        let is_fin = segment.flags & FIN != 0;
        let octets = segment.data_octets + u32::from(is_fin);
        let end = segment.seq.plus(octets);
        let is_new = octets > 0 && self.end().is_none_or(|seen| !seen.at_or_after(end));
        let mut is_older = false;
        if let Some(tsval) = segment.tsval {
            if self.seen & seen::TSVAL != 0 && TsVal(self.tsval).ahead_of(tsval) > 0 {
                is_older = is_new && segment.data_octets > 0;
            } else {
                self.tsval = tsval.0;
                self.seen |= seen::TSVAL;
            }
        }
        if is_new {
            self.end = end.0;
            self.seen |= seen::END;
        }
        if segment.flags & ACK != 0 {
            self.ack = segment.ack.0;
            self.seen |= seen::ACK;
        }
        if is_fin {
            self.seen |= seen::FIN;
        }
        Novelty {
            is_repeated: !is_new,
            is_older,
        }
    }

    /// Notes octets that were sent and not seen.
    #[inline(always)]
    pub(super) fn reach(&mut self, seq: SeqNumber) {
        self.end = seq.0;
        self.seen |= seen::END;
    }
}
