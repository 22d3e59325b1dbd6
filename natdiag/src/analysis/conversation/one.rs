//! One connection that we have opened, from its SYN, or from where it was first seen, to its end.

use natdiag_common::{
    follow::FollowedSegment,
    wire::{
        seq::SeqNumber,
        tcp::{ACK, FIN, RST, SYN},
    },
};
use smallvec::SmallVec;

use super::{
    flight::{Flight, FlightFate, Place},
    sums::{ConversationSums, Flights},
};
use crate::event::Timestamp;

/// Silence from which on a flight is one after a silence.
const SILENCE_NS: u64 = 1_000_000_000;
/// Silence from which on the first flight is one after a silence: who opens a connection may think for a while.
const SILENCE_BEFORE_FIRST_NS: u64 = 5_000_000_000;
/// Segments whose acknowledgment is timed at once.
const TIMED: usize = 8;
/// From then on a window that stays closed is worth a word.
const WINDOW_CLOSED_NS: u64 = 1_000_000_000;
/// For how long a response must have been awaited.
const AWAITED_NS: u64 = 3_000_000_000;

/// What is remembered of it.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Conversation {
    /// Number behind our SYN.
    first: Option<SeqNumber>,
    /// Whether the remote host has opened it, so that nothing is to be learnt of it.
    is_of_theirs: bool,
    /// Whether the host has not taken our part of the handshake, so that only this is to be learnt of it, whether it ever
    /// takes anything.
    is_void: bool,
    /// Whether it is over.
    is_over: bool,
    /// Whether it counts.
    is_counted: bool,
    /// When its last packet was seen.
    last: Option<Timestamp>,
    /// Number behind what we have sent.
    end: Option<SeqNumber>,
    /// Number behind what the host has sent.
    received_end: Option<SeqNumber>,
    flight: Option<Flight>,
    timed: SmallVec<[(SeqNumber, Timestamp); 2]>,
    /// When we last sent data, if none has come since.
    asked_at: Option<Timestamp>,
    /// Whether the host has said since that it has sent nothing.
    is_told_nothing: bool,
    /// Whether we have ended it while we waited for data.
    has_waited: bool,
    /// Since when the host's window is closed.
    closed_since: Option<Timestamp>,
}

impl Conversation {
    /// One that the remote host has opened.
    pub(super) fn of_theirs() -> Self {
        Self {
            is_of_theirs: true,
            ..Self::default()
        }
    }

    /// Whether the remote host has opened it.
    pub(super) const fn is_of_theirs(&self) -> bool {
        self.is_of_theirs
    }

    /// Whether nothing more will come of it.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes a segment of ours.
    pub(super) fn sent(
        &mut self,
        segment: &FollowedSegment,
        now: Timestamp,
        sums: &mut ConversationSums,
    ) {
        let silence_ns = self.last.replace(now).map(|last| now.since(last));
        if segment.flags & SYN != 0 {
            let first = Some(segment.seq.plus(1));
            if self.first != first {
                *self = Self {
                    first,
                    last: Some(now),
                    ..Self::default()
                };
            }
            return;
        }
        if segment.flags & RST == 0 {
            self.push(segment, silence_ns, now, sums);
        }
        if segment.flags & (FIN | RST) != 0 {
            self.settle(true, now, sums);
            self.end_waiting(now, sums);
            self.is_over = segment.flags & RST != 0;
        } else {
            self.settle(false, now, sums);
        }
    }

    /// Takes a segment of the host.
    pub(super) fn received(
        &mut self,
        segment: &FollowedSegment,
        now: Timestamp,
        sums: &mut ConversationSums,
    ) {
        self.last = Some(now);
        sums.heard = Some(now);
        if segment.flags & SYN != 0 {
            self.shake(segment, sums);
            return;
        }
        if segment.flags & RST != 0 {
            // That is an answer, and another story.
            if let Some(flight) = self.flight.take() {
                forget(&flight, sums);
            }
            self.is_over = true;
            return;
        }
        if segment.flags & ACK == 0 {
            return;
        }
        self.acknowledge(segment, now, sums);
        if self.is_void {
            return;
        }
        self.take(segment, now, sums);
        self.note_window(segment, now, sums);
    }

    /// Takes a SYN-ACK. Where it comes again behind our data, the host has not taken our part of the handshake.
    fn shake(&mut self, segment: &FollowedSegment, sums: &mut ConversationSums) {
        if self.end.is_some() {
            self.is_void = true;
            self.asked_at = None;
            self.timed.clear();
            if let Some(flight) = &mut self.flight {
                forget(flight, sums);
                flight.displace();
            }
            return;
        }
        self.received_end = Some(segment.seq.plus(1));
    }

    /// Takes data of ours, or a question whether the host is still there.
    fn push(
        &mut self,
        segment: &FollowedSegment,
        silence_ns: Option<u64>,
        now: Timestamp,
        sums: &mut ConversationSums,
    ) {
        let end = segment.seq.plus(segment.data_octets);
        // RFC 9293, section 3.8.4: one octet that was acknowledged, or none of it.
        let is_keep_alive = self.end == Some(segment.seq.plus(1)) && segment.data_octets <= 1;
        if segment.data_octets == 0 && !is_keep_alive {
            return;
        }
        let is_new = !is_keep_alive && self.end.is_none_or(|known| !known.at_or_after(end));
        if !is_keep_alive {
            sums.data.sent += u64::from(is_new);
            if !std::mem::replace(&mut self.is_counted, true) {
                sums.connections += 1;
            }
        }
        if is_new {
            self.end = Some(end);
            self.asked_at = (!self.is_void).then_some(now);
            self.is_told_nothing = false;
            if self.timed.len() < TIMED && !self.is_void {
                self.timed.push((end, now));
            }
        } else {
            // It is not known which of the two is acknowledged (RFC 6298, section 3).
            self.timed.clear();
        }
        let place = self.place(segment, silence_ns);
        match &mut self.flight {
            Some(flight) if is_new => flight.extend(segment),
            Some(flight) if self.closed_since.is_none() => flight.again(segment, sums.heard),
            None if is_new || is_keep_alive => {
                self.flight = Some(Flight::new(segment, place, now));
            }
            // What is sent again though it was acknowledged: the acknowledgment was lost, or came too late.
            Some(_) | None => {}
        }
    }

    fn place(&self, segment: &FollowedSegment, silence_ns: Option<u64>) -> Place {
        let is_first = self.first == Some(segment.seq);
        match silence_ns.filter(|_| !self.is_void) {
            Some(ns) if is_first && ns < SILENCE_BEFORE_FIRST_NS => Place::First,
            Some(ns) if ns >= SILENCE_NS => Place::AfterSilence(ns),
            Some(_) => Place::InUse,
            None => Place::Unknown,
        }
    }

    /// Takes what the host acknowledges.
    fn acknowledge(
        &mut self,
        segment: &FollowedSegment,
        now: Timestamp,
        sums: &mut ConversationSums,
    ) {
        if let Some((_, sent)) = self.timed.iter().find(|(end, _)| *end == segment.ack) {
            sums.round_trips.add(now.since(*sent));
        }
        self.timed.retain(|(end, _)| !segment.ack.at_or_after(*end));
        let Some(flight) = &mut self.flight else {
            return;
        };
        if !flight.is_taken_by(segment.ack) {
            if segment.data_octets == 0 {
                flight.asked_for(segment.ack);
            }
            return;
        }
        let fate = if flight.counted().is_some() {
            FlightFate::Late
        } else {
            FlightFate::Taken
        };
        // Each time that it was sent in vain.
        sums.data.sent_again += u64::from(flight.tries());
        count(flight, fate, sums);
        self.flight = if flight.is_done_by(segment.ack) {
            None
        } else {
            Some(flight.rest(segment.ack, now))
        };
    }

    /// Takes what the host has sent, or says that it has sent nothing more.
    fn take(&mut self, segment: &FollowedSegment, now: Timestamp, sums: &mut ConversationSums) {
        if segment.data_octets == 0 {
            let is_nothing_missing = self.received_end == Some(segment.seq);
            let is_long_ago = self
                .asked_at
                .is_some_and(|asked| now.since(asked) >= SILENCE_NS);
            if is_nothing_missing && is_long_ago {
                self.is_told_nothing = true;
                if std::mem::take(&mut self.has_waited) {
                    sums.unanswered += 1;
                    self.asked_at = None;
                }
            }
            return;
        }
        let end = segment.seq.plus(segment.data_octets);
        let is_new = self
            .received_end
            .is_none_or(|known| !known.at_or_after(end));
        sums.data.received += 1;
        sums.data.received_again += u64::from(!is_new);
        if is_new {
            self.received_end = Some(end);
            sums.responses += u64::from(self.asked_at.take().is_some());
            self.has_waited = false;
        }
    }

    /// Notes that we have ended it: what we have waited for did not come.
    fn end_waiting(&mut self, now: Timestamp, sums: &mut ConversationSums) {
        if self
            .closed_since
            .take()
            .is_some_and(|since| now.since(since) >= WINDOW_CLOSED_NS)
        {
            sums.ended_closed += 1;
        }
        let is_patient = self
            .asked_at
            .is_some_and(|asked| now.since(asked) >= AWAITED_NS);
        if !is_patient || self.flight.is_some() {
            return;
        }
        if self.is_told_nothing {
            sums.unanswered += 1;
            self.asked_at = None;
        } else {
            self.has_waited = true;
        }
    }

    fn note_window(
        &mut self,
        segment: &FollowedSegment,
        now: Timestamp,
        sums: &mut ConversationSums,
    ) {
        if segment.flags & FIN != 0 {
            return;
        }
        if segment.window == 0 {
            self.closed_since.get_or_insert(now);
            return;
        }
        let closed_ns = self.closed_since.take().map_or(0, |since| now.since(since));
        if closed_ns >= WINDOW_CLOSED_NS {
            sums.windows_closed += 1;
            sums.longest_closed_ns = sums.longest_closed_ns.max(closed_ns);
        }
    }

    /// Counts a flight that is stuck. `is_end` says that we have ended the connection.
    fn settle(&mut self, is_end: bool, now: Timestamp, sums: &mut ConversationSums) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        if let Some(fate) = flight.fate(is_end, now) {
            count(flight, fate, sums);
        }
    }
}

/// Counts a flight, in place of what it counted as before.
fn count(flight: &mut Flight, fate: FlightFate, sums: &mut ConversationSums) {
    let before = flight.count_as(fate);
    if before == Some(fate) {
        return;
    }
    for flights in places(flight, sums) {
        flights.settle(before, fate);
    }
    if let Place::AfterSilence(ns) = flight.place {
        if before == Some(FlightFate::Silent) {
            sums.idle.revive(ns);
        }
        match fate {
            FlightFate::Taken => sums.idle.live(ns),
            FlightFate::Silent => sums.idle.die(ns),
            FlightFate::Gone | FlightFate::Short | FlightFate::Late => {}
        }
    }
}

/// Takes back what a flight counted as.
fn forget(flight: &Flight, sums: &mut ConversationSums) {
    let Some(before) = flight.counted() else {
        return;
    };
    for flights in places(flight, sums) {
        flights.take_back(before);
    }
    if let (Place::AfterSilence(ns), FlightFate::Silent) = (flight.place, before) {
        sums.idle.revive(ns);
    }
}

/// The sums that a flight belongs to.
fn places<'a>(
    flight: &Flight,
    sums: &'a mut ConversationSums,
) -> impl Iterator<Item = &'a mut Flights> {
    let (one, large) = match flight.place {
        Place::First if flight.is_of_several() => {
            (&mut sums.first_of_several, Some(&mut sums.first_large))
        }
        Place::First => (&mut sums.first_of_one, Some(&mut sums.first_large)),
        Place::AfterSilence(_) => (&mut sums.after_silence, None),
        Place::InUse if flight.is_large => (&mut sums.in_use_large, None),
        Place::InUse => (&mut sums.in_use_small, None),
        Place::Unknown => (&mut sums.unknown, None),
    };
    std::iter::once(one).chain(large.filter(|_| flight.is_large))
}
