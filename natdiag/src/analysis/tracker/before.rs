//! RSTs of connections that were opened before we looked, as most are that have been idle: what the host's packets look
//! like is known from its other connections, and only once there is one.

use std::collections::VecDeque;

use natdiag_common::wire::tcp::ACK;
use serde::{Deserialize, Serialize};

use super::{FourTuple, Tracker, reset::OLD_NS};
use crate::{
    analysis::{
        fates::{SynSums, hops::hops, resets::signal},
        mark::LIFETIME_NS,
    },
    event::{Event, Segment, Timestamp},
};

/// RSTs that wait for a connection to their host, and connections that our side has reset, at most. A flood of forged
/// RSTs pushes others out and nothing else.
const MAX_WAITING: usize = 256;

/// A RST of a connection whose handshake was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ResetBefore {
    tuple: FourTuple,
    ttl: u8,
    is_bare: bool,
    /// Whether we had looked for so long that the connection was old.
    is_old: bool,
}

/// RSTs of connections whose handshake was not seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ResetsBefore {
    waiting: VecDeque<ResetBefore>,
    given_up: VecDeque<FourTuple>,
    /// Those that count already, so that a second RST of the same connection does not.
    counted: VecDeque<FourTuple>,
}

impl ResetsBefore {
    /// Notes that our side has reset a connection: what the remote host resets then is over.
    pub(super) fn note_given_up(&mut self, tuple: FourTuple) {
        push(&mut self.given_up, tuple);
    }

    fn knows(&self, tuple: FourTuple) -> bool {
        self.given_up.contains(&tuple)
            || self.counted.contains(&tuple)
            || self.waiting.iter().any(|reset| reset.tuple == tuple)
    }
}

impl Tracker {
    /// Takes a RST of a connection that is not known.
    pub(super) fn note_reset_before(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        let refuses = segment.has(ACK) && segment.seq.0 == 0;
        // Who connects has the higher port, nearly always: what clients of ours reset is no matter of theirs.
        let is_ours = tuple.local_port > tuple.remote_port;
        if refuses || !is_ours || self.before.knows(tuple) {
            return;
        }
        let watched_ns = self
            .marks_known_from
            .map_or(0, |known| event.time.plus(LIFETIME_NS).since(known));
        let reset = ResetBefore {
            tuple,
            ttl: event.ttl,
            is_bare: !segment.has(ACK),
            is_old: watched_ns >= OLD_NS,
        };
        let state = self.remotes.get_mut(&tuple.remote);
        let is_known = |sums: &SynSums| {
            let mut services = sums.services.iter();
            sums.ttl.is_some() && services.any(|service| service.port == tuple.remote_port)
        };
        match state.filter(|state| is_known(&state.sums)) {
            Some(state) => {
                count(&mut state.sums, reset, event.time);
                push(&mut self.before.counted, tuple);
            }
            None => push(&mut self.before.waiting, reset),
        }
    }

    /// Counts the RSTs that have waited for a connection to their host and port, now that there is one.
    pub(super) fn adopt_resets_before(&mut self, tuple: FourTuple, now: Timestamp) {
        if self.before.waiting.is_empty() {
            return;
        }
        let Some(state) = self.remotes.get_mut(&tuple.remote) else {
            return;
        };
        let Self { before, .. } = self;
        let is_meant = |reset: &ResetBefore| {
            (reset.tuple.remote, reset.tuple.remote_port) == (tuple.remote, tuple.remote_port)
        };
        for reset in before.waiting.iter().filter(|reset| is_meant(reset)) {
            count(&mut state.sums, *reset, now);
            push(&mut before.counted, reset.tuple);
        }
        before.waiting.retain(|reset| !is_meant(reset));
    }
}

fn count(sums: &mut SynSums, reset: ResetBefore, now: Timestamp) {
    let is_other = sums.ttl.is_some_and(|ttl| hops(ttl) != hops(reset.ttl))
        && !sums.distances.knows(reset.ttl);
    let mut signals = signal::BEFORE;
    for (applies, bit) in [
        (is_other, signal::OTHER_TTL),
        (reset.is_bare, signal::BARE),
        (reset.is_old, signal::OLD),
    ] {
        signals |= if applies { bit } else { 0 };
    }
    let dropped = sums.all().dropped;
    sums.restarts.heard(now, dropped);
    sums.restarts.reset(Timestamp(0));
    sums.resets_mut().settle(None, signals);
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= MAX_WAITING {
        queue.pop_front();
    }
    queue.push_back(item);
}
