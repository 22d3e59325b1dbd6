//! What RSTs tell: who aborted, and whether it was the remote host at all.

use std::net::IpAddr;

use natdiag_common::wire::tcp::ACK;

use super::{
    FourTuple, Remotes, Tracker,
    again::note_end,
    fate::settle,
    flow::{Flow, Reset},
};
use crate::{
    analysis::fates::{
        Fate,
        hops::{hops, is_initial},
        resets::signal,
    },
    event::{Event, Segment, Timestamp},
};

/// Age from which on a connection is older than most requests and their responses take.
pub(super) const OLD_NS: u64 = 4_000_000_000;
/// How long a server with `tcp_abort_on_overflow` may take to answer our ACK: less than an application that has
/// accepted a connection and read a request, and more than timers vary by.
const ABORT_NS: u64 = 50_000_000;
/// How long such a server may take, in smoothed handshake times, where that is longer.
const ABORT_HANDSHAKES: u64 = 2;

impl Tracker {
    pub(super) fn reset_received(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        if self.note_refusal(tuple, event, segment) {
            return;
        }
        let Some(flow) = self.flows.get_mut(&tuple) else {
            self.note_reset_before(tuple, event, segment);
            return;
        };
        if flow.is_aborted {
            // It answers what was on its way when our side had reset the connection already.
            return;
        }
        let (Some(answer), Some(remote_isn), Some(since)) =
            (flow.answer, flow.remote_isn, flow.established_at)
        else {
            return;
        };
        let is_bare = !segment.has(ACK);
        let state = self.remotes.entry(tuple.remote).or_default();
        flow.leave(state, Some(event.time));
        if let Some(reset) = &mut flow.reset {
            if reset.seq != segment.seq
                && let Some(signals) = reset.signals.as_mut()
            {
                let from = *signals;
                *signals |= signal::STEPPED;
                state.sums.resets_mut().settle(Some(from), *signals);
            }
            return;
        }
        let handshake_ns = state.handshake_ns.unwrap_or(0);
        if flow.is_closing() {
            // Many hosts end with a RST what is over.
            flow.note_race(&mut state.sums, event, segment, handshake_ns);
            return;
        }
        let age_ns = event.time.since(since);
        let mut signals = answer.signals(event, segment);
        if state.sums.distances.knows(event.ttl) {
            signals &= !signal::OTHER_TTL;
        }
        let is_first = segment.seq == remote_isn.plus(1);
        let is_abort = is_bare
            && signals == 0
            && is_first
            && age_ns <= ABORT_NS + ABORT_HANDSHAKES * handshake_ns;
        let dropped = state.sums.all().dropped;
        state.sums.restarts.heard(event.time, dropped);
        let resets = state.sums.resets_mut();
        if is_abort {
            resets.aborted_handshakes += 1;
        } else {
            signals |= if is_bare { signal::BARE } else { 0 };
            signals |= match age_ns {
                OLD_NS.. => signal::OLD,
                _ if is_first => signal::FIRST,
                _ => 0,
            };
            resets.settle(None, signals);
            let youngest = resets.youngest_reset_ns.get_or_insert(age_ns);
            *youngest = age_ns.min(*youngest);
            state.sums.restarts.reset(since);
        }
        flow.reset = Some(Reset {
            seq: segment.seq,
            ttl: event.ttl,
            signals: (!is_abort).then_some(signals),
        });
    }

    pub(super) fn reset_sent(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let Some(flow) = self.flows.get_mut(&tuple) else {
            self.before.note_given_up(tuple);
            return;
        };
        if flow.remote_isn.is_none() && !flow.transmissions.is_empty() {
            self.reset_before_answer(tuple, segment, event.time);
            return;
        }
        if let Some(state) = self.remotes.get_mut(&tuple.remote) {
            note_end(flow, &mut state.sums, segment.seq);
        }
        if flow.reset.is_some() {
            // Only what comes after a RST is answered by one of ours.
            went_on(flow, &mut self.remotes, tuple.remote, None);
            return;
        }
        if !flow.is_own && flow.is_own_reset(event, segment) {
            flow.is_own = true;
            self.remotes
                .entry(tuple.remote)
                .or_default()
                .sums
                .resets_mut()
                .own += 1;
        }
        flow.is_aborted = true;
        let state = self.remotes.get_mut(&tuple.remote);
        let (id, ended_by_fin) = (flow.id, flow.fin_sent.is_some());
        let is_taken_back = flow.remote_closed_at.is_some() && !ended_by_fin;
        if let Some(state) = state {
            flow.leave(state, Some(event.time));
            if is_taken_back {
                state.sums.writes.take_back(id);
            }
        }
        if is_taken_back {
            flow.remote_closed_at = None;
            self.marks(tuple).take_back(id);
        }
    }

    /// We send a RST on a connection whose SYN-ACK was not seen.
    fn reset_before_answer(&mut self, tuple: FourTuple, segment: &Segment, now: Timestamp) {
        if segment.has(ACK) {
            // What we abort was open.
            self.lived(tuple, segment.seq, now);
            return;
        }
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return;
        };
        let (Some(last), Some(state)) = (
            flow.transmissions.last_mut(),
            self.remotes.get_mut(&tuple.remote),
        ) else {
            return;
        };
        if !matches!(last.fate, Fate::Pending | Fate::Dropped) {
            return;
        }
        settle(&mut state.sums, &mut flow.fates, last, Fate::Undecided, now);
        // Our side has given up, or an answer came that did not pass here; or it refuses a SYN-ACK to another SYN. Else
        // it refuses a bare ACK with this RST (RFC 9293, section 3.10.7.3).
        let gives_up = flow.isn.map(|isn| isn.plus(1)) == Some(segment.seq);
        if !gives_up && !flow.is_misnumbered {
            state.sums.acks += 1;
        }
    }
}

impl Flow {
    /// Whether a RST of our side comes from this very machine, in place of the host behind it that holds the
    /// connection: that host's packets have passed a router, and this one has not. A SYN with any time to live is a
    /// scanner's, which paints its SYNs and leaves the answers to its kernel.
    fn is_own_reset(&self, event: &Event, segment: &Segment) -> bool {
        /// Routers between a host and the NAT that it is behind. Further away than that are only numbers that somebody
        /// made up.
        const FURTHEST_INSIDE: u8 = 4;
        // Nothing was sent, as where a scanner has seen the port open and its kernel knows of no connection.
        let is_half_open =
            !segment.has(ACK) && self.isn.map(|isn| isn.plus(1)) == Some(segment.seq);
        let is_forwarded = (1..=FURTHEST_INSIDE).contains(&hops(self.syn_ttl));
        is_initial(event.ttl)
            && is_forwarded
            && !is_half_open
            && self.answer.is_some()
            && !self.is_closing()
    }
}

/// The remote host sends something on a connection that a RST may have ended; `ttl` is that of what it sends, where it
/// was seen.
pub(super) fn went_on(flow: &mut Flow, remotes: &mut Remotes, remote: IpAddr, ttl: Option<u8>) {
    let reset_ttl = flow.reset.map(|reset| reset.ttl);
    if let Some(signals) = flow.reset_signals()
        && let Some(state) = remotes.get_mut(&remote)
    {
        let from = *signals;
        *signals |= signal::WENT_ON;
        if ttl.map(hops) == reset_ttl.map(hops) {
            // The SYN-ACK was somebody else's, who opens connections in the host's place.
            *signals &= !signal::OTHER_TTL;
        }
        state.sums.resets_mut().settle(Some(from), *signals);
    }
}
