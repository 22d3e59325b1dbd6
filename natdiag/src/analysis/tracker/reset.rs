//! What RSTs tell: who refused, who aborted, and whether it was the remote host at all.

use std::net::IpAddr;

use natdiag_common::wire::{seq::SeqNumber, tcp::ACK};

use super::{
    FourTuple, Remotes, Tracker,
    again::note_end,
    fate::settle,
    flow::{Flow, Reset},
};
use crate::{
    analysis::fates::{Fate, resets::signal},
    event::{Event, Segment, Timestamp},
};

/// Age from which on a connection is older than most requests and their responses take.
const OLD_NS: u64 = 4_000_000_000;
/// How long a server with `tcp_abort_on_overflow` may take to answer our ACK: less than an application that has accepted
/// a connection and read a request, and more than timers vary by.
const ABORT_NS: u64 = 50_000_000;
/// The same in smoothed handshake times.
const ABORT_HANDSHAKES: u64 = 2;

/// Hops that a client may lie behind the NAT that forwards for it.
const HOPS_BEHIND: u8 = 4;

impl Tracker {
    pub(super) fn reset_received(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let is_bare = !segment.has(ACK);
        let before = SeqNumber(segment.ack.0.wrapping_sub(1));
        if !is_bare && self.answer_last(tuple, before, event.time) {
            if let Some(flow) = self.flows.get_mut(&tuple) {
                flow.is_refused = true;
            }
            let evidence = &mut self.remote(tuple.remote).evidence;
            evidence.note_refused(tuple.remote_port);
            evidence.refused_by_other +=
                u64::from(evidence.ttl.is_some_and(|ttl| ttl != event.ttl));
            return;
        }
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return;
        };
        let (Some(answer), Some(remote_isn), Some(since)) =
            (flow.answer, flow.remote_isn, flow.established_at)
        else {
            return;
        };
        let state = self.remotes.entry(tuple.remote).or_default();
        flow.leave(state, Some(event.time));
        let resets = state.evidence.resets_mut();
        if let Some(reset) = &mut flow.reset {
            if reset.seq != segment.seq
                && let Some(signals) = reset.signals.as_mut()
            {
                let from = *signals;
                *signals |= signal::STEPPED;
                resets.settle(Some(from), *signals);
            }
            return;
        }
        if flow.is_closing() || flow.is_aborted {
            // Many hosts end with a RST what is over, or answer ours.
            return;
        }
        let age_ns = event.time.since(since);
        let mut signals = answer.signals(event, segment);
        let handshake_ns = state.handshake_ns.unwrap_or(0);
        let is_abort = is_bare
            && signals == 0
            && segment.seq == remote_isn.plus(1)
            && age_ns <= ABORT_NS + ABORT_HANDSHAKES * handshake_ns;
        if is_abort {
            resets.aborted_handshakes += 1;
        } else {
            signals |= if is_bare { signal::BARE } else { 0 };
            signals |= if age_ns >= OLD_NS { signal::OLD } else { 0 };
            resets.settle(None, signals);
            let youngest = resets.youngest_reset_ns.get_or_insert(age_ns);
            *youngest = age_ns.min(*youngest);
        }
        flow.reset = Some(Reset {
            seq: segment.seq,
            signals: (!is_abort).then_some(signals),
        });
    }

    pub(super) fn reset_sent(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return;
        };
        if flow.remote_isn.is_none() && !flow.transmissions.is_empty() {
            self.reset_before_answer(tuple, segment, event.time);
            return;
        }
        if let Some(state) = self.remotes.get_mut(&tuple.remote) {
            note_end(flow, &mut state.evidence, segment.seq);
        }
        if flow.reset.is_some() {
            // Only what comes after a RST is answered by one of ours.
            went_on(flow, &mut self.remotes, tuple.remote);
            return;
        }
        let hops = event.ttl.saturating_sub(flow.syn_ttl);
        if (1..=HOPS_BEHIND).contains(&hops) && flow.answer.is_some() && !flow.is_closing() {
            // A forwarded SYN has passed one hop more than what this host sends itself. What differs by many is another
            // stack's: scanners write their own headers, and the kernel below resets what they open.
            self.remotes
                .entry(tuple.remote)
                .or_default()
                .evidence
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
                state.evidence.writes.take_back(id);
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
        settle(
            &mut state.evidence,
            &mut flow.fates,
            last,
            Fate::Undecided,
            now,
        );
        // Our side has given up, or an answer came that did not pass here; or it refuses a SYN-ACK to another SYN. Else it
        // refuses a bare ACK with this RST (RFC 9293, section 3.10.7.3).
        let gives_up = flow.isn.map(|isn| isn.plus(1)) == Some(segment.seq);
        if !gives_up && !flow.is_misnumbered {
            state.evidence.acks += 1;
        }
    }
}

/// The remote host sends something on a connection that a RST may have ended.
pub(super) fn went_on(flow: &mut Flow, remotes: &mut Remotes, remote: IpAddr) {
    if let Some(signals) = flow.reset_signals()
        && let Some(state) = remotes.get_mut(&remote)
    {
        let from = *signals;
        *signals |= signal::WENT_ON;
        state.evidence.resets_mut().settle(Some(from), *signals);
    }
}
