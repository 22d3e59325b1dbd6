//! Who closed first, and so which mark a server with tcp_tw_recycle would hold; and what a FIN tells about the data
//! before it.

use std::net::IpAddr;

use natdiag_common::wire::seq::TsVal;

use super::{
    FourTuple, MAX_MARKS, MIN_MARKS, RemoteState, Remotes, Tracker, again::note_end, flow::Flow,
    reset::went_on,
};
use crate::{
    analysis::mark::LIFETIME_NS,
    event::{Event, Segment, Timestamp},
};

/// How long a connection that the server ends must have taken to count as one that waited to be accepted: longer than
/// most requests take.
const WAITED_NS: u64 = 300_000_000;
/// Age from which on a connection that ends may have been idle: servers keep one open for 5 s and more for another
/// request (`KeepAliveTimeout` of Apache, `keepAliveTimeout` of Node.js), and how long it had waited before that is not
/// known.
const KEPT_OPEN_NS: u64 = 4_500_000_000;
/// How long a connection must have waited for a response to count as one that got none.
const RESPONSE_TIME_NS: u64 = 1_000_000_000;

impl Tracker {
    pub(super) fn fin_sent(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let now = event.time;
        if !self.lived(tuple, segment.seq, now) {
            self.open(tuple, None);
        }
        let flow = self.flows.entry(tuple).or_default();
        if flow.fin_sent.is_some() {
            return;
        }
        let tsval = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsval);
        flow.fin_sent = Some((segment.seq.plus(segment.payload_len).plus(1), tsval));
        let has_hole = flow.has_hole(segment);
        let is_older = is_older(tsval, flow.tsval);
        let response = flow.response(segment, now, RESPONSE_TIME_NS);
        flow.unanswered |= response == Some(false);
        let is_noted = has_hole || is_older || response.is_some();
        if let Some(state) = remote(&mut self.remotes, tuple.remote, is_noted) {
            note_orderly(flow, state, now);
            let sums = &mut state.sums;
            note_end(flow, sums, segment.seq.plus(segment.payload_len));
            if has_hole {
                sums.note_hole(tuple.remote_port);
            }
            sums.older_timestamps += u64::from(is_older);
            sums.answered_requests += u64::from(response == Some(true));
            sums.unanswered_requests += u64::from(response == Some(false));
        }
        let (id, remote_closed) = (flow.id, flow.remote_closed_at.is_some());
        if remote_closed && let Some(tsval) = tsval {
            self.write_mark(tuple, tsval, now, id);
        }
    }

    pub(super) fn fin_received(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let now = event.time;
        if !self.lived(tuple, segment.ack, now) {
            self.open(tuple, None);
        }
        let flow = self.flows.entry(tuple).or_default();
        went_on(flow, &mut self.remotes, tuple.remote, Some(event.ttl));
        if flow.remote_end.is_some() {
            return;
        }
        if flow.remote_isn.is_some()
            && flow.reset.is_none()
            && let Some(state) = self.remotes.get_mut(&tuple.remote)
        {
            state.sums.distances.note(event.ttl);
        }
        flow.remote_end = Some(segment.seq.plus(segment.payload_len));
        let is_reassembled = flow.is_reassembled(event);
        let remote_tsval = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsval);
        let is_older = is_older(remote_tsval, flow.remote_tsval);
        let one_way = flow.unanswered && flow.remote_sent_nothing();
        let fin_sent = flow.fin_sent;
        // If it has seen our FIN, we closed first, and it enters LAST-ACK, not TIME-WAIT.
        let closes_first = fin_sent.is_none_or(|(end, _)| !segment.ack.at_or_after(end));
        let waited_ns = if fin_sent.is_none() {
            flow.waited_ns(segment, now)
        } else {
            None
        };
        let has_waited = waited_ns.map(|waited_ns| waited_ns >= WAITED_NS);
        let is_noted = is_older || is_reassembled || one_way || has_waited.is_some();
        if let Some(state) = remote(&mut self.remotes, tuple.remote, is_noted) {
            note_orderly(flow, state, now);
            let sums = &mut state.sums;
            note_end(flow, sums, segment.ack);
            sums.older_timestamps += u64::from(is_older);
            sums.reassembled += u64::from(is_reassembled);
            if one_way {
                sums.take_back_unanswered();
            }
            sums.served.dropped += u64::from(has_waited == Some(true));
            sums.served.answered += u64::from(has_waited == Some(false));
        }
        if !closes_first {
            return;
        }
        flow.remote_closed_at = Some(now);
        flow.remote_fin = Some((segment.ack, now));
        let id = flow.id;
        let echoed = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsecr);
        let crossing = fin_sent.and_then(|(_, tsval)| tsval);
        for tsval in [echoed, crossing].into_iter().flatten() {
            self.write_mark(tuple, tsval, now, id);
        }
    }

    fn write_mark(&mut self, tuple: FourTuple, tsval: TsVal, now: Timestamp, writer: u64) {
        self.prune_marks(now);
        if self.marks.len() >= MAX_MARKS && !self.marks.contains_key(&Self::mark_key(tuple)) {
            return;
        }
        let marks = self.marks(tuple);
        marks.write(tsval, now, writer);
        let current = marks.current().map(|mark| (mark.tsval, mark.since));
        if let Some(state) = self.remotes.get_mut(&tuple.remote) {
            state.sums.mark = current;
            if state.sums.shared_address {
                state.sums.writes.push(tsval, now, writer);
            }
        }
    }

    /// Lets go of marks that have expired, when there are twice as many as after the last time.
    fn prune_marks(&mut self, now: Timestamp) {
        if self.marks.len() > self.marks_after_pruning.max(MIN_MARKS) * 2 {
            self.marks.retain(|_, marks| {
                marks
                    .current()
                    .is_some_and(|mark| now.since(mark.since) < LIFETIME_NS)
            });
            self.marks_after_pruning = self.marks.len();
        }
    }
}

impl Flow {
    /// How long we had waited for the server when it closed the connection with this FIN. `None` where that is not
    /// known, or where it closes what nobody used.
    fn waited_ns(&self, fin: &Segment, now: Timestamp) -> Option<u64> {
        let since = self.talk.asked_at.or(self.established_at)?;
        if let Some(responded_at) = self.talk.responded_at {
            return Some(responded_at.since(since));
        }
        let has_asked = self.talk.asked_at.is_some() || self.has_asked(fin.ack);
        let waited_ns = now.since(since);
        let is_used = has_asked || !self.remote_sent_nothing();
        (is_used && waited_ns < KEPT_OPEN_NS).then_some(waited_ns)
    }
}

/// The state of a remote host: one that is not known yet too, where something is to be noted.
fn remote(remotes: &mut Remotes, remote: IpAddr, is_noted: bool) -> Option<&mut RemoteState> {
    if is_noted {
        Some(remotes.entry(remote).or_default())
    } else {
        remotes.get_mut(&remote)
    }
}

/// Counts a connection that both sides have closed.
fn note_orderly(flow: &mut Flow, state: &mut RemoteState, now: Timestamp) {
    if let Some(age_ns) = flow.orderly_ns(now) {
        flow.leave(state, Some(now));
        state.sums.orderly += 1;
        state.sums.oldest_orderly_ns = state.sums.oldest_orderly_ns.max(age_ns);
    }
}

/// Whether a later timestamp of one side lies before an earlier one.
fn is_older(later: Option<TsVal>, earlier: Option<TsVal>) -> bool {
    matches!((later, earlier), (Some(later), Some(earlier)) if later.ahead_of(earlier) < 0)
}
