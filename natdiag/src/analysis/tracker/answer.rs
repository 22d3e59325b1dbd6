//! What answers a SYN: a SYN-ACK, a RST, an `ICMP` error. The echo of its timestamp tells which transmission was taken
//! (RFC 7323, section 3.2), and so whether a SYN or a SYN-ACK was lost on the way.

use natdiag_common::wire::seq::{SeqNumber, TsVal};

use super::{
    FourTuple, RemoteState, Tracker,
    again::{REPEAT_NS, note_repeat},
    fate::{settle, unanswered},
    flow::{Baseline, Flow},
};
use crate::{
    analysis::fates::{Fate, SynSums},
    event::{Event, Segment, Timestamp},
};

/// Weight of the past in the smoothed handshake time (RFC 6298, section 2: 1 - 1/8).
const SMOOTHING: u64 = 8;
/// How far the timestamp of a SYN may be behind that of one that repeats it: a client gives up after some 130 s
/// (`net.ipv4.tcp_syn_retries` 6, Documentation/networking/ip-sysctl.rst), at 1 kHz.
const SYN_TICKS: i32 = 131_000;
/// An answer that takes so many smoothed handshake times was lost once.
const LATE_HANDSHAKES: u64 = 3;

impl Tracker {
    pub(super) fn syn_ack_received(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let now = event.time;
        let acknowledged = SeqNumber(segment.ack.0.wrapping_sub(1));
        let Some(flow) = self.flows.get_mut(&tuple) else {
            self.strays.note(tuple, acknowledged);
            return;
        };
        let state = self.remotes.entry(tuple.remote).or_default();
        state.sums.largest_mss = state.sums.largest_mss.max(segment.options.mss);
        if flow.isn != Some(acknowledged) {
            if flow.is_pending() {
                flow.is_misnumbered = true;
                state.sums.misnumbered += 1;
            }
            return;
        }
        if flow.remote_isn.is_some() {
            let handshake_ns = state.handshake_ns.unwrap_or(0);
            let seen = (handshake_ns, self.sides.shows_ordinary);
            note_repeat(flow, &mut state.sums, segment, now, seen);
            return;
        }
        let dropped = state.sums.all().dropped;
        state.sums.restarts.heard(now, dropped);
        flow.note_opened(&mut state.sums, tuple.remote_port, event);
        flow.remote_isn = Some(segment.seq);
        flow.established_at = Some(now);
        flow.answer = Some(Baseline::of(event));
        flow.remote_tsval = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsval);
        flow.is_open = true;
        state.open += 1;
        state.sums.ttl = Some(event.ttl);
        if let Some(timestamps) = segment.options.timestamps {
            state.sums.clocks.note(timestamps.tsval, now);
        }
        let echo = segment
            .options
            .timestamps
            .map(|timestamps| timestamps.tsecr);
        let taken = flow.taken(echo);
        note_handshake(flow, &mut state.sums, echo, taken);
        settle_syns(flow, state, taken, self.missed, now);
        self.adopt_resets_before(tuple, now);
    }

    /// A RST or an `ICMP` error answers the last transmission of a SYN with this sequence number.
    pub(super) fn answer_last(&mut self, tuple: FourTuple, isn: SeqNumber, now: Timestamp) -> bool {
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
        settle(&mut state.sums, &mut flow.fates, last, Fate::Answered, now);
        true
    }
}

/// Counts a handshake and what its timestamps tell.
fn note_handshake(flow: &Flow, sums: &mut SynSums, echo: Option<TsVal>, taken: Option<usize>) {
    sums.handshakes += 1;
    let first = flow.transmissions.first().and_then(|first| first.tsval);
    match (first, echo, taken) {
        (Some(_), Some(_), Some(taken)) => {
            sums.handshakes_with_echo += 1;
            sums.known_lost += taken as u64;
        }
        (Some(first), Some(echo), None) => {
            // Of a SYN from before we looked, it is no foreign one.
            let is_earlier = (1..=SYN_TICKS).contains(&first.ahead_of(echo));
            sums.echo_foreign += u64::from(!is_earlier);
        }
        (Some(_), None, _) => sums.echo_missing += 1,
        (None, ..) => {}
    }
}

/// Gives the SYNs of a connection their fates, of which the server has `taken` one, as far as its answer tells.
fn settle_syns(
    flow: &mut Flow,
    state: &mut RemoteState,
    taken: Option<usize>,
    missed: Option<(Timestamp, Timestamp)>,
    now: Timestamp,
) {
    let is_last = taken.is_some_and(|taken| taken + 1 == flow.transmissions.len());
    for (place, transmission) in flow.transmissions.iter_mut().enumerate() {
        let fate = if Some(place) == taken {
            let sample = now.since(transmission.sent);
            let usual = state
                .handshake_ns
                .unwrap_or(sample)
                .max(REPEAT_NS / LATE_HANDSHAKES);
            if is_last {
                state.handshake_ns = Some(smooth(state.handshake_ns, sample));
            } else if sample > LATE_HANDSHAKES * usual {
                state.sums.syn_acks_lost += 1;
            }
            Fate::Answered
        } else if taken.is_none_or(|taken| place > taken) {
            Fate::Undecided
        } else if transmission.fate == Fate::Pending {
            unanswered(missed, transmission.sent, now)
        } else {
            continue;
        };
        settle(&mut state.sums, &mut flow.fates, transmission, fate, now);
    }
}

/// Exponentially smoothed time.
fn smooth(average: Option<u64>, sample: u64) -> u64 {
    average.map_or(sample, |average| {
        average - average / SMOOTHING + sample / SMOOTHING
    })
}
