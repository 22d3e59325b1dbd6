//! A flight: data that we have sent and that is not acknowledged yet.

use natdiag_common::{follow::FollowedSegment, wire::seq::SeqNumber};
use serde::{Deserialize, Serialize};

use crate::event::Timestamp;

/// Times that the beginning of a flight was sent again, from which on it counts as stuck: loss of one in five leaves
/// one flight in 3,000 so.
const STUCK: u32 = 4;
/// Times that it was sent again from which on it counts as stuck where we then ended the connection.
const GIVEN_UP: u32 = 2;
/// It is not stuck before that time: stacks that repeat every few milliseconds are not that patient.
const STUCK_NS: u64 = 1_000_000_000;
/// So long after a flight began nothing is under way any more that was sent before it.
const UNDER_WAY_NS: u64 = 500_000_000;
/// Data of the largest segment on Ethernet: more are several segments, though a capture on their sender shows one.
const LARGEST_DATA: u32 = 1460;

/// What became of a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlightFate {
    /// Its beginning was acknowledged in time.
    Taken,
    /// It was sent again and again, and nothing of this connection came back, though the host spoke on others.
    Silent,
    /// It was sent again and again, and the host was not heard at all meanwhile.
    Gone,
    /// It was sent again and again, and the host acknowledged what was before it each time: what stands behind its
    /// beginning has arrived.
    Short,
    /// It was acknowledged after all, when it counted as stuck already.
    Late,
}

/// Where a flight stands in its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The first octets that we sent.
    First,
    /// After a silence of so many nanoseconds, a second or more.
    AfterSilence(u64),
    /// While the connection was in use.
    InUse,
    /// Of a connection of which nothing was seen before, or whose handshake the host has not taken: it may have been any
    /// of these, or none.
    Unknown,
}

/// Data under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) place: Place,
    /// Whether its first segment is a large one.
    pub(super) is_large: bool,
    start: SeqNumber,
    end: SeqNumber,
    segments: u32,
    since: Timestamp,
    tries: u32,
    /// Whether the host was heard, on any connection, before one of these: behind the last it may be the end of an
    /// outage.
    is_heard: bool,
    /// Whether the host said again that it waits for the beginning.
    is_asked_for: bool,
    /// As what it counts already.
    counted: Option<FlightFate>,
}

impl Flight {
    pub(super) fn new(segment: &FollowedSegment, place: Place, now: Timestamp) -> Self {
        Self {
            place,
            is_large: segment.is_large,
            start: segment.seq,
            end: segment.seq.plus(segment.data_octets.max(1)),
            segments: 1,
            since: now,
            tries: 0,
            is_heard: false,
            is_asked_for: false,
            counted: None,
        }
    }

    /// Takes data behind it.
    pub(super) fn extend(&mut self, segment: &FollowedSegment) {
        self.end = segment.seq.plus(segment.data_octets);
        self.segments += 1;
    }

    /// Takes data that was sent before, or a keep-alive, which may have none. `heard` is when the host was heard last
    /// on any connection.
    pub(super) fn again(&mut self, segment: &FollowedSegment, heard: Option<Timestamp>) {
        let end = segment.seq.plus(segment.data_octets.max(1));
        if self.start.at_or_after(segment.seq) && !self.start.at_or_after(end) {
            self.tries += 1;
            self.is_heard |= heard.is_some_and(|heard| heard.since(self.since) >= UNDER_WAY_NS);
        }
    }

    /// Says that it is not known where it stands; it counts as nothing yet.
    pub(super) const fn displace(&mut self) {
        self.place = Place::Unknown;
        self.counted = None;
    }

    /// How often its beginning was sent again.
    pub(super) const fn tries(&self) -> u32 {
        self.tries
    }

    /// Takes an acknowledgment of nothing new.
    pub(super) fn asked_for(&mut self, ack: SeqNumber) {
        self.is_asked_for |= ack == self.start;
    }

    /// Whether an acknowledgment covers its beginning.
    pub(super) fn is_taken_by(&self, ack: SeqNumber) -> bool {
        !self.start.at_or_after(ack)
    }

    /// Whether it covers all of it.
    pub(super) fn is_done_by(&self, ack: SeqNumber) -> bool {
        ack.at_or_after(self.end)
    }

    /// Whether it takes more than one segment.
    pub(super) const fn is_of_several(&self) -> bool {
        self.segments > 1 || self.end.0.wrapping_sub(self.start.0) > LARGEST_DATA
    }

    /// What is left of it behind an acknowledgment: a flight of its own.
    pub(super) const fn rest(&self, ack: SeqNumber, now: Timestamp) -> Self {
        Self {
            place: Place::InUse,
            start: ack,
            segments: 1,
            since: now,
            tries: 0,
            is_heard: false,
            is_asked_for: false,
            counted: None,
            ..*self
        }
    }

    /// What becomes of it as it is not acknowledged by `now`, if that can be said. `is_end` says that we have ended its
    /// connection.
    pub(super) fn fate(&self, is_end: bool, now: Timestamp) -> Option<FlightFate> {
        let is_stuck = now.since(self.since) >= STUCK_NS
            && self.tries >= if is_end { GIVEN_UP } else { STUCK };
        if !is_stuck {
            None
        } else if self.is_asked_for {
            Some(FlightFate::Short)
        } else if self.is_heard {
            Some(FlightFate::Silent)
        } else {
            Some(FlightFate::Gone)
        }
    }

    /// As what it counted, once it counts as `fate`.
    pub(super) fn count_as(&mut self, fate: FlightFate) -> Option<FlightFate> {
        self.counted.replace(fate)
    }

    /// As what it counts, if it does already: it is stuck.
    pub(super) const fn counted(&self) -> Option<FlightFate> {
        self.counted
    }
}
