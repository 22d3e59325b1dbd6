//! Segments that a capture has just shown, to tell a packet that it shows twice from one that was sent twice: a mirror port
//! sees packets on their way in and on their way out.

use std::collections::VecDeque;

use natdiag_common::{
    Direction,
    follow::{FlowEnds, FollowedSegment},
};

use crate::event::Timestamp;

/// Longest time between two looks at one packet, in nanoseconds.
const APART_NS: u64 = 1_000_000;
/// Most segments kept: in a millisecond no more of the few suspects matter.
const MOST: usize = 64;

/// A segment, and the identification of its IP packet.
pub(super) type Shown = (Direction, FlowEnds, FollowedSegment, u32);

/// The segments of the last millisecond.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<(Timestamp, Shown)>);

impl Recent {
    /// Whether this packet was shown before. Where its identification says nothing, it was not.
    pub(super) fn has(&mut self, shown: Shown, now: Timestamp) -> bool {
        let (_, _, _, identification) = shown;
        while let Some((then, _)) = self.0.front()
            && (now.since(*then) > APART_NS || self.0.len() >= MOST)
        {
            self.0.pop_front();
        }
        let has = identification != 0 && self.0.iter().any(|(_, before)| *before == shown);
        if !has {
            self.0.push_back((now, shown));
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use natdiag_common::wire::{seq::SeqNumber, tcp::ACK};

    use super::*;

    #[test]
    fn the_same_identification_within_a_millisecond_is_the_same_packet() {
        let segment = FollowedSegment {
            seq: SeqNumber(1),
            ack: SeqNumber(2),
            flags: ACK,
            data_octets: 3,
            is_large: false,
            is_first_fragment: false,
            tsval: None,
        };
        let shown = |identification| {
            let ends = FlowEnds::default();
            (Direction::Egress, ends, segment, identification)
        };
        let mut recent = Recent::default();
        for (us, identification, want) in [
            (0, 7, false),
            (20, 7, true),
            (30, 8, false),
            (40, 0, false),
            (50, 0, false),
            (1030, 7, false),
        ] {
            let now = Timestamp(us * 1000);
            assert_eq!(recent.has(shown(identification), now), want, "{us}");
        }
    }
}
