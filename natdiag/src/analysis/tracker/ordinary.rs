//! What ordinary segments tell, where they are seen: captures show them, and watching programs do not. Ours say that
//! the SYN was answered, and since when the server has something to do; those of the remote host, that it takes what we
//! send.

use natdiag_common::{
    Direction,
    wire::{
        seq::SeqNumber,
        tcp::{ACK, SYN},
    },
};
use serde::{Deserialize, Serialize};

use super::{FourTuple, Tracker, flow::Flow};
use crate::event::{Event, Segment, Timestamp};

/// How far behind the SYN a number may be for the segment to belong to its connection: the largest window (RFC 7323,
/// section 2.3). Others are of an earlier connection on these ports.
const LARGEST_WINDOW: u32 = 1 << 30;
/// How far behind our SYN what the remote host acknowledges may be: it may answer a SYN with the number of an earlier
/// connection, which lies anywhere.
const FIRST_OCTETS: u32 = 1 << 22;

/// Which sides of connections were seen, over all remote hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    /// Segments that we have sent.
    pub sent: u64,
    /// Segments and `ICMP` errors about our SYNs that have come.
    pub received: u64,
    /// SYNs that we have sent.
    pub syns_sent: u64,
    /// SYN-ACKs that have come.
    pub syn_acks_received: u64,
    /// SYNs of ours that were sent again.
    pub syns_repeated: u64,
    /// Connections that lived though their SYN-ACK was not seen.
    pub answers_unseen: u64,
    /// When the first of our SYNs was sent.
    first_syn: Option<Timestamp>,
    /// Whether ordinary segments are seen.
    pub(super) shows_ordinary: bool,
}

impl Sides {
    /// Whether the far side cannot be seen: nothing comes from it, and yet connections live, or nobody repeats a SYN.
    #[must_use]
    pub fn lacks_answers(&self, now: Timestamp) -> bool {
        /// Time in which a SYN that gets no answer is sent again, everywhere (RFC 6298, section 2).
        const REPEATED_NS: u64 = 3_000_000_000;
        /// SYNs from which on it is no accident that none was; and one in so many may have been lost.
        const SYNS: u64 = 3;
        const LOST: u64 = 10;
        let has_had_time = self
            .first_syn
            .is_some_and(|first| now.since(first) >= REPEATED_NS);
        let are_satisfied =
            has_had_time && self.syns_sent >= SYNS && self.syns_repeated * LOST < self.syns_sent;
        self.received == 0 && (self.answers_unseen > 0 || are_satisfied)
    }

    /// Whether our own side cannot be seen: SYN-ACKs come, and nothing is sent.
    #[must_use]
    pub const fn lacks_ours(&self) -> bool {
        /// Fewer may be left of connections from before we looked.
        const SYN_ACKS: u64 = 3;
        self.sent == 0 && self.syn_acks_received >= SYN_ACKS
    }

    pub(super) fn note(&mut self, event: &Event, segment: &Segment) {
        match event.direction {
            Direction::Egress => {
                self.sent += 1;
                if segment.has(SYN) && !segment.has(ACK) {
                    self.syns_sent += 1;
                    self.first_syn.get_or_insert(event.time);
                }
            }
            Direction::Ingress => {
                self.received += 1;
                self.syn_acks_received += u64::from(segment.has(SYN | ACK));
            }
        }
    }
}

impl Tracker {
    /// Which sides were seen.
    #[must_use]
    pub const fn sides(&self) -> Sides {
        self.sides
    }

    /// Says that ordinary segments are seen as well: what is missing was not there.
    pub const fn shows_ordinary(&mut self) {
        self.sides.shows_ordinary = true;
    }

    pub(super) fn ordinary_sent(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let flow = self.flows.get(&tuple);
        if !flow.is_some_and(|flow| flow.has_reached(segment.seq)) {
            return;
        }
        self.lived(tuple, segment.seq, event.time);
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return;
        };
        flow.talk.is_confirmed = true;
        if segment.payload_len > 0 {
            flow.talk.asked_at.get_or_insert(event.time);
        }
    }

    pub(super) fn ordinary_received(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let flow = self.flows.get(&tuple);
        if !flow.is_some_and(|flow| flow.is_behind_syn(segment.ack, FIRST_OCTETS)) {
            return;
        }
        self.lived(tuple, segment.ack, event.time);
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return;
        };
        if segment.payload_len > 0 {
            flow.talk.responded_at.get_or_insert(event.time);
        }
        let takes = flow.isn.map(|isn| isn.plus(1)) != Some(segment.ack);
        if takes && !flow.talk.is_taken {
            flow.talk.is_taken = true;
            self.remote(tuple.remote).sums.taken += 1;
        }
    }
}

impl Flow {
    /// Whether a number of ours is one behind our SYN.
    pub(super) fn has_reached(&self, number: SeqNumber) -> bool {
        self.is_behind_syn(number, LARGEST_WINDOW)
    }

    fn is_behind_syn(&self, number: SeqNumber, octets: u32) -> bool {
        self.isn
            .is_some_and(|isn| number.0.wrapping_sub(isn.plus(1).0) < octets)
    }

    /// Whether data of ours comes before this number.
    pub(super) fn has_asked(&self, end: SeqNumber) -> bool {
        self.isn.map(|isn| isn.plus(1)) != Some(end) && self.has_reached(end)
    }
}
