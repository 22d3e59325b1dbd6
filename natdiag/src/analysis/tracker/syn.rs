//! SYNs: what is known of one before its fate, and when it has waited long enough for an answer.

use natdiag_common::wire::seq::TsVal;

use super::{
    FourTuple, MAX_REMOTES, RemoteState, Tracker,
    deadlines::Deadline,
    fate::{settle, unanswered},
    flow::{Flow, Transmission},
};
use crate::{
    analysis::{
        fates::{Fate, SynClass, kinds::SynOption},
        mark::{LIFETIME_NS, MarkHistory},
        scope::is_behind_nat,
    },
    event::{Event, Segment, Timestamp},
};

/// Shortest time after which an unanswered SYN counts as dropped.
const MIN_ANSWER_TIME_NS: u64 = 500_000_000;
/// The time after which an unanswered SYN counts as dropped, in smoothed handshake times, where that is longer.
const ANSWER_HANDSHAKES: u64 = 4;
/// Shortest time in which a SYN may have been judged by the mark before a change.
const MIN_RACE_NS: u64 = 20_000_000;
/// The time in which a SYN may have been judged by the mark before a change, in smoothed handshake times, where that is
/// longer.
const RACE_HANDSHAKES: u64 = 2;
/// Transmissions of one SYN that are told apart. No kernel sends more.
const MAX_TRANSMISSIONS: usize = 32;

/// What was known of a four-tuple as a SYN was sent on it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts")]
struct Known {
    /// Whether the SYN repeats another one.
    repeated: bool,
    /// Whether the server may hold the four-tuple in TIME-WAIT, where another rule decides.
    reuses_time_wait: bool,
    /// Whether it may do so for a connection from before we looked.
    unseen_use: bool,
    /// Whether a mark from before we looked may still be live.
    is_early: bool,
}

impl Tracker {
    pub(super) fn syn_sent(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let now = event.time;
        if self.remotes.len() >= MAX_REMOTES && !self.remotes.contains_key(&tuple.remote) {
            self.left_out += 1;
            return;
        }
        let isn = segment.seq;
        let tsval = tsval(segment);
        let known = self.flows.get(&tuple);
        let repeated =
            known.is_some_and(|flow| flow.isn == Some(isn) && !flow.transmissions.is_empty());
        if repeated && self.says_nothing(tuple, event, tsval) {
            return;
        }
        let is_early = self.marks_known_from.is_some_and(|from| now < from);
        let known = Known::of(self.flows.get(&tuple), repeated, is_early, now);
        if !repeated {
            self.open(tuple, Some(isn));
        }
        let class = self.class_of(tuple, event, segment, known);
        let stray = self.strays.answer(tuple, isn);
        let state = self.remotes.entry(tuple.remote).or_default();
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return;
        };
        flow.reuses_time_wait = known.reuses_time_wait;
        flow.syn_ttl = event.ttl;
        flow.syn_mss = segment.options.mss;
        flow.tsval = tsval;
        if repeated {
            state.sums.retransmitted += 1;
            self.sides.syns_repeated += 1;
            for earlier in flow
                .transmissions
                .iter_mut()
                .filter(|t| t.fate == Fate::Pending)
            {
                let fate = state
                    .sums
                    .note_stray(stray)
                    .unwrap_or_else(|| unanswered(self.missed, earlier.sent, now));
                settle(&mut state.sums, &mut flow.fates, earlier, fate, now);
            }
        }
        let answer_time_ns = state.answer_time_ns();
        let deadline = Deadline {
            due: now.plus(answer_time_ns),
            tuple,
            id: flow.id,
            place: flow.transmissions.len(),
        };
        let is_usual = answer_time_ns == MIN_ANSWER_TIME_NS;
        self.deadlines.push(deadline, is_usual);
        flow.transmissions
            .push(state.transmission(tuple, event, tsval, class));
    }

    /// What is known of a SYN before its fate.
    fn class_of(
        &mut self,
        tuple: FourTuple,
        event: &Event,
        segment: &Segment,
        known: Known,
    ) -> SynClass {
        let now = event.time;
        let tsval = tsval(segment);
        let state = self.remotes.entry(tuple.remote).or_default();
        let handshake_ns = state.handshake_ns.unwrap_or(0);
        let race_ns = MIN_RACE_NS.max(RACE_HANDSHAKES * handshake_ns);
        let marks = self.marks.get(&Self::mark_key(tuple));
        let sums = &mut state.sums;
        sums.shared_address |= is_behind_nat(tuple.local, tuple.remote);
        SynClass {
            prediction: match marks {
                Some(marks) => marks.predict(tsval, now),
                None => MarkHistory::default().predict(tsval, now),
            },
            reuses_time_wait: known.reuses_time_wait,
            ambiguous: marks.is_some_and(|marks| marks.is_ambiguous(tsval, now, race_ns)),
            unseen_mark: known.is_early && marks.is_none_or(|marks| !marks.is_live(now)),
            unseen_use: known.unseen_use,
            repeated: known.repeated,
            first_contact: !sums.knows(tuple.local),
            service: sums.service(tuple.local, tuple.remote_port),
            second: now.0 / 1_000_000_000,
            open: state.open,
            options: SynOption::of(segment),
            is_odd: tuple.local_port % 2 == 1,
        }
    }

    /// Whether a repeated SYN is one whose fate says nothing: a capture shows it twice, one was taken before it, or it
    /// is sent more often than any kernel does. Counts it as undecided.
    fn says_nothing(&mut self, tuple: FourTuple, event: &Event, tsval: Option<TsVal>) -> bool {
        let Some(flow) = self.flows.get(&tuple) else {
            return false;
        };
        let last = flow.transmissions.last();
        let is_seen_again = last.is_some_and(|last| last.is_seen_again(event, tsval));
        let is_idle = flow.remote_isn.is_some() || flow.transmissions.len() >= MAX_TRANSMISSIONS;
        if !is_seen_again && !is_idle {
            return false;
        }
        let sums = &mut self.remote(tuple.remote).sums;
        sums.undecided += 1;
        if !is_seen_again {
            sums.retransmitted += 1;
            self.sides.syns_repeated += 1;
        }
        true
    }

    /// A SYN's time to be answered is over.
    pub(super) fn give_up_on(&mut self, deadline: &Deadline) {
        let flow = self.flows.get_mut(&deadline.tuple);
        let Some(flow) = flow.filter(|flow| flow.id == deadline.id) else {
            return;
        };
        let Some(transmission) = flow.transmissions.get_mut(deadline.place) else {
            return;
        };
        if transmission.fate != Fate::Pending {
            return;
        }
        let state = self.remotes.entry(deadline.tuple.remote).or_default();
        let stray = flow
            .isn
            .and_then(|isn| self.strays.answer(deadline.tuple, isn));
        let fate = state
            .sums
            .note_stray(stray)
            .unwrap_or_else(|| unanswered(self.missed, transmission.sent, deadline.due));
        settle(
            &mut state.sums,
            &mut flow.fates,
            transmission,
            fate,
            deadline.due,
        );
    }
}

impl Known {
    /// `flow` is what has the four-tuple, if anything has.
    fn of(flow: Option<&Flow>, repeated: bool, is_early: bool, now: Timestamp) -> Self {
        let (reuses_time_wait, unseen_use) = match flow {
            Some(flow) if repeated => {
                let first = flow.transmissions.first();
                let unseen_use = first.is_some_and(|first| first.class.unseen_use);
                (flow.reuses_time_wait, unseen_use)
            }
            Some(flow) => {
                let is_held = |at: Timestamp| now.since(at) < LIFETIME_NS;
                (flow.remote_closed_at.is_some_and(is_held), false)
            }
            None => (false, is_early),
        };
        Self {
            repeated,
            reuses_time_wait,
            unseen_use,
            is_early,
        }
    }
}

impl RemoteState {
    /// How long an answer of this host is waited for.
    fn answer_time_ns(&self) -> u64 {
        MIN_ANSWER_TIME_NS.max(ANSWER_HANDSHAKES * self.handshake_ns.unwrap_or(0))
    }

    /// Counts a SYN that waits for its answer.
    fn transmission(
        &mut self,
        tuple: FourTuple,
        event: &Event,
        tsval: Option<TsVal>,
        class: SynClass,
    ) -> Transmission {
        self.sums.pending += 1;
        let recent = &mut self.sums.recent;
        Transmission {
            sent: event.time,
            number: recent.push(event.time, tsval, tuple.remote_port, class),
            tsval,
            identification: event.identification,
            class,
            fate: Fate::Pending,
        }
    }
}

fn tsval(segment: &Segment) -> Option<TsVal> {
    let timestamps = segment.options.timestamps?;
    Some(timestamps.tsval)
}
