//! Which ordinary segments of a connection that we open are kept as well: the first of each kind behind the handshake.
//! They tell that a SYN was answered, though the answer may not be in the capture, and whether the server takes what we
//! send.

use natdiag_common::{
    Direction,
    follow::{FlowEnds, FollowedSegment},
    wire::{
        seq::SeqNumber,
        tcp::{ACK, FIN, RST, SYN},
    },
};

use crate::recent::Recent;

/// Connections remembered in use.
const REMEMBERED: usize = 65_536;

/// Kinds of segments, of which the first is kept.
mod kind {
    /// Ours without data: it confirms the handshake.
    pub(super) const CONFIRMS: u8 = 1;
    /// Ours with data.
    pub(super) const ASKS: u8 = 2;
    /// Theirs, which acknowledges data of ours.
    pub(super) const TAKES: u8 = 4;
    /// Theirs with data.
    pub(super) const RESPONDS: u8 = 8;
    /// Theirs, and neither.
    pub(super) const OTHER: u8 = 16;
}

/// A connection since our SYN.
#[derive(Clone, Copy, Debug)]
struct Opening {
    isn: SeqNumber,
    /// Which kinds were kept.
    kept: u8,
}

/// Connections that we have opened.
#[derive(Debug)]
pub(super) struct Openings(Recent<FlowEnds, Opening>);

impl Openings {
    /// Whether a segment is kept, if it is an ordinary one. One of a connection whose SYN was not seen is not.
    pub(super) fn keeps(
        &mut self,
        direction: Direction,
        ends: &FlowEnds,
        segment: &FollowedSegment,
    ) -> bool {
        let known = self.0.get(*ends);
        if segment.flags & (SYN | FIN | RST) != 0 {
            let is_opening = direction == Direction::Egress && segment.flags & (SYN | ACK) == SYN;
            if is_opening && known.is_none_or(|known| known.isn != segment.seq) {
                let opening = Opening {
                    isn: segment.seq,
                    kept: 0,
                };
                self.0.insert(*ends, opening);
            }
            return false;
        }
        let Some(opening) = known else {
            return false;
        };
        let has_data = segment.data_octets > 0;
        let takes = segment.ack != opening.isn.plus(1) && segment.ack.at_or_after(opening.isn);
        let kinds = match direction {
            Direction::Egress if has_data => kind::ASKS,
            Direction::Egress => kind::CONFIRMS,
            Direction::Ingress if has_data && takes => kind::RESPONDS | kind::TAKES,
            Direction::Ingress if has_data => kind::RESPONDS,
            Direction::Ingress if takes => kind::TAKES,
            Direction::Ingress => kind::OTHER,
        };
        if opening.kept & kinds == kinds {
            return false;
        }
        let kept = opening.kept | kinds;
        self.0.insert(*ends, Opening { kept, ..opening });
        true
    }
}

impl Default for Openings {
    fn default() -> Self {
        Self(Recent::new(REMEMBERED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_of_each_kind_is_kept() {
        let mut openings = Openings::default();
        let mut keeps = |direction, flags, seq, ack, data_octets| {
            let segment = FollowedSegment {
                seq: SeqNumber(seq),
                ack: SeqNumber(ack),
                flags,
                window: 1000,
                data_octets,
                is_large: false,
                is_first_fragment: false,
                tsval: None,
            };
            openings.keeps(direction, &FlowEnds::default(), &segment)
        };
        let (ours, theirs) = (Direction::Egress, Direction::Ingress);
        assert!(!keeps(ours, ACK, 1, 501, 10), "its SYN was not seen");
        for (name, direction, (flags, seq, ack, data), want) in [
            ("SYN", ours, (SYN, 0, 0, 0), false),
            ("SYN-ACK", theirs, (SYN | ACK, 500, 1, 0), false),
            ("ACK", ours, (ACK, 1, 501, 0), true),
            ("the ACK again", ours, (ACK, 1, 501, 0), false),
            ("request", ours, (ACK, 1, 501, 10), true),
            ("request again", ours, (ACK, 1, 501, 10), false),
            ("its ACK", theirs, (ACK, 501, 11, 0), true),
            ("another", theirs, (ACK, 501, 11, 0), false),
            ("response", theirs, (ACK, 501, 11, 20), true),
            ("more of it", theirs, (ACK, 521, 11, 20), false),
            ("SYN again", ours, (SYN, 0, 0, 0), false),
            ("still known", ours, (ACK, 1, 501, 0), false),
            ("another SYN", ours, (SYN, 77, 0, 0), false),
            ("anew", ours, (ACK, 78, 501, 0), true),
        ] {
            assert_eq!(keeps(direction, flags, seq, ack, data), want, "{name}");
        }
    }
}
