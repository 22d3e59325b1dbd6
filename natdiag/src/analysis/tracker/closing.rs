//! Who closed first, and so which mark a server with tcp_tw_recycle would hold; and what a FIN tells about the data
//! before it.

use natdiag_common::wire::seq::TsVal;

use super::{FourTuple, MAX_MARKS, MIN_MARKS, Tracker, flow::Flow};
use crate::{
    analysis::mark::LIFETIME_NS,
    event::{Event, Segment, Timestamp},
};

/// How long a connection that the server ends must have taken to count as one that waited to be accepted: longer than most
/// requests take.
const WAITED_NS: u64 = 300_000_000;
/// How long a connection must have waited for a response to count as one that got none.
const RESPONSE_TIME_NS: u64 = 1_000_000_000;

impl Tracker {
    pub(super) fn fin_sent(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let now = event.time;
        self.lived(tuple, segment.seq, now);
        let flow = self.flow_that_closes(tuple);
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
        let orderly_ns = flow.orderly_ns(now);
        let response = flow.response(segment, now, RESPONSE_TIME_NS);
        if has_hole {
            self.remote(tuple.remote)
                .evidence
                .note_hole(tuple.remote_port);
        }
        if is_older {
            self.remote(tuple.remote).evidence.older_timestamps += 1;
        }
        self.note_orderly(tuple, orderly_ns);
        let flow = self.flow_that_closes(tuple);
        let (id, remote_closed) = (flow.id, flow.remote_closed_at.is_some());
        if let Some(answered) = response {
            let evidence = &mut self.remote(tuple.remote).evidence;
            if answered {
                evidence.answered_requests += 1;
            } else {
                evidence.unanswered_requests += 1;
                self.flow_that_closes(tuple).unanswered = true;
            }
        }
        if remote_closed && let Some(tsval) = tsval {
            self.write_mark(tuple, tsval, now, id);
        }
    }

    pub(super) fn fin_received(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let now = event.time;
        self.lived(tuple, segment.ack, now);
        self.went_on(tuple);
        let flow = self.flow_that_closes(tuple);
        if flow.remote_end.is_some() {
            return;
        }
        flow.remote_end = Some(segment.seq.plus(segment.payload_len));
        let orderly_ns = flow.orderly_ns(now);
        let is_reassembled = flow.is_reassembled(event);
        let remote_tsval = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsval);
        let is_older = is_older(remote_tsval, flow.remote_tsval);
        let id = flow.id;
        let one_way = flow.unanswered && flow.remote_sent_nothing();
        let fin_sent = flow.fin_sent;
        self.note_orderly(tuple, orderly_ns);
        if is_older {
            self.remote(tuple.remote).evidence.older_timestamps += 1;
        }
        if is_reassembled {
            self.remote(tuple.remote).evidence.reassembled += 1;
        }
        if one_way {
            self.remote(tuple.remote).evidence.take_back_unanswered();
        }
        if fin_sent.is_some_and(|(end, _)| segment.ack.at_or_after(end)) {
            // It has seen our FIN: we closed first, and it enters LAST-ACK, not TIME-WAIT.
            return;
        }
        let flow = self.flow_that_closes(tuple);
        flow.remote_closed_at = Some(now);
        if let Some(since) = flow.established_at
            && fin_sent.is_none()
        {
            let served = &mut self.remote(tuple.remote).evidence.served;
            if now.since(since) >= WAITED_NS {
                served.dropped += 1;
            } else {
                served.answered += 1;
            }
        }
        let echoed = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsecr);
        let crossing = fin_sent.and_then(|(_, tsval)| tsval);
        for tsval in [echoed, crossing].into_iter().flatten() {
            self.write_mark(tuple, tsval, now, id);
        }
    }

    /// Counts a connection that both sides have closed.
    fn note_orderly(&mut self, tuple: FourTuple, age_ns: Option<u64>) {
        if let (Some(age_ns), Some(state)) = (age_ns, self.remotes.get_mut(&tuple.remote)) {
            if let Some(flow) = self.flows.get_mut(&tuple) {
                flow.leave(&mut state.open);
            }
            state.evidence.orderly += 1;
            state.evidence.oldest_orderly_ns = state.evidence.oldest_orderly_ns.max(age_ns);
        }
    }

    /// The connection that a FIN belongs to, also one whose SYN was not seen.
    fn flow_that_closes(&mut self, tuple: FourTuple) -> &mut Flow {
        if !self.flows.contains_key(&tuple) {
            self.open(tuple, None);
        }
        self.flows.entry(tuple).or_default()
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
            state.evidence.mark = current;
            if state.evidence.shared_address {
                state.evidence.writes.push(tsval, now, writer);
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

/// Whether a later timestamp of one side lies before an earlier one.
fn is_older(later: Option<TsVal>, earlier: Option<TsVal>) -> bool {
    matches!((later, earlier), (Some(later), Some(earlier)) if later.ahead_of(earlier) < 0)
}
