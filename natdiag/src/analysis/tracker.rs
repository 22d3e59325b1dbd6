//! Follows handshakes and closings: which SYN was answered, who closed first, and so which mark a server with
//! tcp_tw_recycle would hold. One tracker serves live traffic and captures.

mod flow;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    net::IpAddr,
};

use foldhash::fast::FixedState;
use natdiag_common::{
    Direction,
    wire::{
        seq::{SeqNumber, TsVal},
        tcp::{ACK, FIN, RST, SYN},
    },
};

use self::flow::{Flow, Transmission};
use crate::{
    analysis::{
        evidence::{Fate, SynClass, SynEvidence},
        mark::{LIFETIME_NS, MarkHistory},
        scope::is_behind_nat,
    },
    event::{Event, Segment, Timestamp},
};

/// Shortest time after which an unanswered SYN counts as dropped.
const MIN_ANSWER_TIME_NS: u64 = 500_000_000;
/// The same in smoothed handshake times.
const ANSWER_HANDSHAKES: u64 = 4;
/// Shortest time in which a SYN may have been judged by the mark before a change.
const MIN_RACE_NS: u64 = 20_000_000;
/// The same in smoothed handshake times.
const RACE_HANDSHAKES: u64 = 2;
/// Weight of the past in the smoothed handshake time (RFC 6298, section 2: 1 - 1/8).
const SMOOTHING: u64 = 8;
/// How long a connection must have waited for a response to count as one that got none.
const RESPONSE_TIME_NS: u64 = 1_000_000_000;
/// Places in the order of connections below which none is let go.
const MIN_ORDER: usize = 1024;
/// Transmissions of one SYN that are told apart. No kernel sends more.
const MAX_TRANSMISSIONS: usize = 32;
/// Marks kept at once, of as many pairs of addresses.
const MAX_MARKS: usize = 1 << 20;
/// Marks below which none is let go.
const MIN_MARKS: usize = 1024;
/// Remote hosts with evidence at once.
const MAX_REMOTES: usize = 1 << 20;
/// Connections followed at once. The oldest are let go first, which are long established.
pub(super) const MAX_FLOWS: usize = 1 << 19;

/// The two ends of a connection, ours first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct FourTuple {
    local: IpAddr,
    local_port: u16,
    remote: IpAddr,
    remote_port: u16,
}

/// Who shares a mark: the address that the server sees, and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct MarkKey {
    /// `None` stands for the address of the NAT that we are behind.
    local: Option<IpAddr>,
    remote: IpAddr,
}

/// What is known of one remote host across its connections.
#[derive(Debug, Default)]
struct RemoteState {
    evidence: SynEvidence,
    handshake_ns: Option<u64>,
}

/// Follows all connections of one source.
#[derive(Debug, Default)]
pub struct Tracker {
    flows: HashMap<FourTuple, Flow, FixedState>,
    order: VecDeque<(FourTuple, u64)>,
    remotes: HashMap<IpAddr, RemoteState, FixedState>,
    marks: HashMap<MarkKey, MarkHistory, FixedState>,
    deadlines: BinaryHeap<Reverse<(Timestamp, FourTuple, u64, usize)>>,
    next_id: u64,
    marks_after_pruning: usize,
    /// SYNs that were not followed because there were too many remote hosts.
    left_out: u64,
    /// The last period in which records were missed.
    missed: Option<(Timestamp, Timestamp)>,
}

impl Tracker {
    /// What is known about SYNs to a remote host.
    #[must_use]
    pub fn evidence(&self, remote: IpAddr) -> Option<&SynEvidence> {
        self.remotes.get(&remote).map(|state| &state.evidence)
    }

    /// Forgets a remote host.
    pub fn forget(&mut self, remote: IpAddr) {
        self.remotes.remove(&remote);
    }

    /// SYNs that were not followed because there were too many remote hosts.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Notes that records were missed from one time to another.
    pub fn records_missed(&mut self, from: Timestamp, to: Timestamp) {
        let from = self
            .missed
            .filter(|(_, last)| *last >= from)
            .map_or(from, |(first, _)| first);
        self.missed = Some((from, to));
    }

    /// Takes a TCP segment with SYN, FIN or RST.
    pub fn segment(&mut self, event: &Event, segment: &Segment) {
        self.advance(event.time);
        let (local_port, remote_port) = match event.direction {
            Direction::Ingress => (segment.destination_port, segment.source_port),
            Direction::Egress => (segment.source_port, segment.destination_port),
        };
        let tuple = FourTuple {
            local: event.local(),
            local_port,
            remote: event.remote(),
            remote_port,
        };
        let now = event.time;
        match (event.direction, segment) {
            (Direction::Egress, s) if s.has(RST) => self.reset_sent(tuple, now),
            (Direction::Ingress, s) if s.has(RST) => self.reset_received(tuple, s, now),
            (Direction::Egress, s) if s.has(SYN | ACK) => {}
            (Direction::Ingress, s) if s.has(SYN | ACK) => self.syn_ack_received(tuple, s, now),
            (Direction::Egress, s) if s.has(SYN) => self.syn_sent(tuple, s, now),
            (Direction::Ingress, s) if s.has(SYN) => self.syn_received(tuple),
            (Direction::Egress, s) if s.has(FIN) => self.fin_sent(tuple, s, now),
            (Direction::Ingress, s) if s.has(FIN) => self.fin_received(tuple, s, now),
            _ => {}
        }
    }

    /// Takes an `ICMP` error about a SYN.
    pub fn icmp_error(
        &mut self,
        local: IpAddr,
        remote: IpAddr,
        ports: (u16, u16),
        seq: SeqNumber,
        now: Timestamp,
    ) {
        self.advance(now);
        let tuple = FourTuple {
            local,
            local_port: ports.0,
            remote,
            remote_port: ports.1,
        };
        if self.answer_last(tuple, seq, now) {
            self.remote(remote).evidence.unreachable += 1;
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some(Reverse((due, tuple, id, place))) = self.deadlines.peek().copied() {
            if due > now {
                break;
            }
            self.deadlines.pop();
            self.give_up_on(tuple, id, place, due);
        }
    }

    fn remote(&mut self, remote: IpAddr) -> &mut RemoteState {
        self.remotes.entry(remote).or_default()
    }

    fn mark_key(tuple: FourTuple) -> MarkKey {
        let behind_nat = is_behind_nat(tuple.local, tuple.remote);
        MarkKey {
            local: (!behind_nat).then_some(tuple.local),
            remote: tuple.remote,
        }
    }

    fn marks(&mut self, tuple: FourTuple) -> &mut MarkHistory {
        self.marks.entry(Self::mark_key(tuple)).or_default()
    }

    /// Begins to follow a connection.
    fn open(&mut self, tuple: FourTuple, isn: Option<SeqNumber>) {
        if self.flows.len() >= MAX_FLOWS {
            self.let_go_of_oldest();
        }
        self.next_id += 1;
        let id = self.next_id;
        if let Some(mut old) = self.flows.insert(tuple, Flow::new(id, isn)) {
            self.end(tuple, &mut old);
        }
        self.order.push_back((tuple, id));
        if self.order.len() > 2 * self.flows.len() + MIN_ORDER {
            let flows = &self.flows;
            self.order
                .retain(|(tuple, id)| flows.get(tuple).is_some_and(|flow| flow.id == *id));
        }
    }

    fn let_go_of_oldest(&mut self) {
        while let Some((tuple, id)) = self.order.pop_front() {
            if self.flows.get(&tuple).is_some_and(|flow| flow.id == id)
                && let Some(mut flow) = self.flows.remove(&tuple)
            {
                self.end(tuple, &mut flow);
                return;
            }
        }
    }

    /// What is still open of a connection that is no longer followed stays unknown.
    fn end(&mut self, tuple: FourTuple, flow: &mut Flow) {
        let Some(state) = self.remotes.get_mut(&tuple.remote) else {
            return;
        };
        for transmission in flow
            .transmissions
            .iter_mut()
            .filter(|t| t.fate == Fate::Pending)
        {
            settle(
                &mut state.evidence,
                &mut flow.fates,
                transmission,
                Fate::Undecided,
                Timestamp(0),
            );
        }
    }

    fn syn_sent(&mut self, tuple: FourTuple, segment: &Segment, now: Timestamp) {
        if self.remotes.len() >= MAX_REMOTES && !self.remotes.contains_key(&tuple.remote) {
            self.left_out += 1;
            return;
        }
        let isn = segment.seq;
        let known = self.flows.get(&tuple);
        let repeated =
            known.is_some_and(|flow| flow.isn == Some(isn) && !flow.transmissions.is_empty());
        // Sent again though one was taken, or more often than any kernel does: its fate says nothing.
        let is_idle = repeated
            && known.is_some_and(|flow| {
                flow.remote_isn.is_some() || flow.transmissions.len() >= MAX_TRANSMISSIONS
            });
        if is_idle {
            let evidence = &mut self.remote(tuple.remote).evidence;
            evidence.retransmitted += 1;
            evidence.undecided += 1;
            return;
        }
        // The server may hold the four-tuple in TIME-WAIT, where another rule decides.
        let reuses_time_wait = if repeated {
            known.is_some_and(|flow| flow.reuses_time_wait)
        } else {
            known.is_some_and(|flow| {
                flow.remote_closed_at
                    .is_some_and(|at| now.since(at) < LIFETIME_NS)
            })
        };
        if !repeated {
            self.open(tuple, Some(isn));
        }
        let tsval = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsval);
        let handshake_ns = self.remote(tuple.remote).handshake_ns.unwrap_or(0);
        let race_ns = MIN_RACE_NS.max(RACE_HANDSHAKES * handshake_ns);
        let marks = self.marks.get(&Self::mark_key(tuple));
        let class = SynClass {
            prediction: match marks {
                Some(marks) => marks.predict(tsval, now),
                None => MarkHistory::default().predict(tsval, now),
            },
            reuses_time_wait,
            ambiguous: marks.is_some_and(|marks| marks.is_ambiguous(tsval, now, race_ns)),
            repeated,
            service: 0,
        };
        let state = self.remotes.entry(tuple.remote).or_default();
        state.evidence.shared_address |= is_behind_nat(tuple.local, tuple.remote);
        let class = SynClass {
            service: state.evidence.service(tuple.local, tuple.remote_port),
            ..class
        };
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return;
        };
        flow.reuses_time_wait = reuses_time_wait;
        if repeated {
            state.evidence.retransmitted += 1;
            for earlier in flow
                .transmissions
                .iter_mut()
                .filter(|t| t.fate == Fate::Pending)
            {
                let fate = unanswered(self.missed, earlier.sent, now);
                settle(&mut state.evidence, &mut flow.fates, earlier, fate, now);
            }
        }
        let due = now.plus(MIN_ANSWER_TIME_NS.max(ANSWER_HANDSHAKES * handshake_ns));
        self.deadlines
            .push(Reverse((due, tuple, flow.id, flow.transmissions.len())));
        state.evidence.pending += 1;
        flow.transmissions.push(Transmission {
            sent: now,
            number: state.evidence.recent.push(now, class),
            tsval,
            class,
            fate: Fate::Pending,
        });
    }

    /// The remote host opens a connection to us: what it writes is no mark of ours, but its closing is.
    fn syn_received(&mut self, tuple: FourTuple) {
        self.open(tuple, None);
    }

    fn syn_ack_received(&mut self, tuple: FourTuple, segment: &Segment, now: Timestamp) {
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return;
        };
        let state = self.remotes.entry(tuple.remote).or_default();
        state.evidence.largest_mss = state.evidence.largest_mss.max(segment.options.mss);
        if flow.isn.map(|isn| isn.plus(1)) != Some(segment.ack) || flow.remote_isn.is_some() {
            return;
        }
        flow.remote_isn = Some(segment.seq);
        flow.established_at = Some(now);
        let echo = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsecr);
        let taken = flow.taken(echo);
        for (place, transmission) in flow.transmissions.iter_mut().enumerate() {
            let fate = if Some(place) == taken {
                let sample = now.since(transmission.sent);
                state.handshake_ns = Some(smooth(state.handshake_ns, sample));
                Fate::Answered
            } else if taken.is_none_or(|taken| place > taken) {
                Fate::Undecided
            } else if transmission.fate == Fate::Pending {
                unanswered(self.missed, transmission.sent, now)
            } else {
                continue;
            };
            settle(
                &mut state.evidence,
                &mut flow.fates,
                transmission,
                fate,
                now,
            );
        }
    }

    fn reset_received(&mut self, tuple: FourTuple, segment: &Segment, now: Timestamp) {
        if !segment.has(ACK) {
            return;
        }
        let before = SeqNumber(segment.ack.0.wrapping_sub(1));
        if self.answer_last(tuple, before, now) {
            self.remote(tuple.remote).evidence.refused += 1;
        }
    }

    /// A RST or an `ICMP` error answers the last transmission of a SYN with this sequence number.
    fn answer_last(&mut self, tuple: FourTuple, isn: SeqNumber, now: Timestamp) -> bool {
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return false;
        };
        if flow.isn != Some(isn) || flow.remote_isn.is_some() {
            return false;
        }
        let Some(last) = flow.transmissions.last_mut() else {
            return false;
        };
        let state = self.remotes.entry(tuple.remote).or_default();
        settle(
            &mut state.evidence,
            &mut flow.fates,
            last,
            Fate::Answered,
            now,
        );
        true
    }

    fn reset_sent(&mut self, tuple: FourTuple, now: Timestamp) {
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return;
        };
        if let Some(last) = flow.transmissions.last_mut()
            && flow.remote_isn.is_none()
            && let Some(state) = self.remotes.get_mut(&tuple.remote)
        {
            // Our side refuses a bare ACK with this RST (RFC 9293, section 3.10.7.3).
            if matches!(last.fate, Fate::Pending | Fate::Dropped) {
                settle(
                    &mut state.evidence,
                    &mut flow.fates,
                    last,
                    Fate::Undecided,
                    now,
                );
                state.evidence.acks += 1;
            }
            return;
        }
        let (id, ended_by_fin) = (flow.id, flow.fin_sent.is_some());
        if flow.remote_closed_at.is_some() && !ended_by_fin {
            flow.remote_closed_at = None;
            self.marks(tuple).take_back(id);
        }
    }

    fn fin_sent(&mut self, tuple: FourTuple, segment: &Segment, now: Timestamp) {
        let flow = self.flow_that_closes(tuple);
        if flow.fin_sent.is_some() {
            return;
        }
        let tsval = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsval);
        flow.fin_sent = Some((segment.seq.plus(segment.payload_len).plus(1), tsval));
        let response = flow.response(segment, now, RESPONSE_TIME_NS);
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

    fn fin_received(&mut self, tuple: FourTuple, segment: &Segment, now: Timestamp) {
        let flow = self.flow_that_closes(tuple);
        if flow.remote_end.is_some() {
            return;
        }
        flow.remote_end = Some(segment.seq.plus(segment.payload_len));
        let id = flow.id;
        let one_way = flow.unanswered && flow.remote_sent_nothing();
        let fin_sent = flow.fin_sent;
        if one_way {
            self.remote(tuple.remote).evidence.take_back_unanswered();
        }
        if fin_sent.is_some_and(|(end, _)| segment.ack.at_or_after(end)) {
            // It has seen our FIN: we closed first, and it enters LAST-ACK, not TIME-WAIT.
            return;
        }
        self.flow_that_closes(tuple).remote_closed_at = Some(now);
        let echoed = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsecr);
        let crossing = fin_sent.and_then(|(_, tsval)| tsval);
        for tsval in [echoed, crossing].into_iter().flatten() {
            self.write_mark(tuple, tsval, now, id);
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

    /// A SYN's time to be answered is over.
    fn give_up_on(&mut self, tuple: FourTuple, id: u64, place: usize, now: Timestamp) {
        let Some(flow) = self.flows.get_mut(&tuple).filter(|flow| flow.id == id) else {
            return;
        };
        let Some(transmission) = flow.transmissions.get_mut(place) else {
            return;
        };
        if transmission.fate != Fate::Pending {
            return;
        }
        let state = self.remotes.entry(tuple.remote).or_default();
        let fate = unanswered(self.missed, transmission.sent, now);
        settle(
            &mut state.evidence,
            &mut flow.fates,
            transmission,
            fate,
            now,
        );
    }
}

/// Fate of a SYN that nobody was seen to answer.
fn unanswered(missed: Option<(Timestamp, Timestamp)>, sent: Timestamp, now: Timestamp) -> Fate {
    match missed {
        Some((from, to)) if from <= now && to >= sent => Fate::Undecided,
        _ => Fate::Dropped,
    }
}

/// Gives a SYN another fate, everywhere it counts.
fn settle(
    evidence: &mut SynEvidence,
    fates: &mut super::evidence::ConnectionFates,
    transmission: &mut Transmission,
    fate: Fate,
    now: Timestamp,
) {
    if transmission.fate == fate {
        return;
    }
    evidence.settle(transmission.class, transmission.fate, fate, now);
    evidence.recent.settle(transmission.number, fate);
    if !transmission.class.ambiguous {
        let before = *fates;
        match transmission.class.counted(transmission.fate) {
            Fate::Dropped => fates.dropped = fates.dropped.saturating_sub(1),
            Fate::Answered => fates.answered = fates.answered.saturating_sub(1),
            Fate::Pending | Fate::Undecided => {}
        }
        match transmission.class.counted(fate) {
            Fate::Dropped => fates.dropped += 1,
            Fate::Answered => fates.answered += 1,
            Fate::Pending | Fate::Undecided => {}
        }
        evidence.connections.settle(before, *fates);
    }
    transmission.fate = fate;
}

/// Exponentially smoothed time.
fn smooth(average: Option<u64>, sample: u64) -> u64 {
    average.map_or(sample, |average| {
        average - average / SMOOTHING + sample / SMOOTHING
    })
}
