//! SYN-ACKs that come again though they had arrived. A server whose accept queue is full does not take our ACK, nor the
//! data behind it. But one that waits for data (`TCP_DEFER_ACCEPT`, tcp(7)) does the same to a client that has nothing
//! to say yet, and any server to one that never confirms, as in a scan.

use natdiag_common::wire::seq::SeqNumber;

use super::{
    flow::{Flow, SEEN_AGAIN_NS},
    talk::Again,
};
use crate::{
    analysis::fates::SynSums,
    event::{Segment, Timestamp},
};

/// Shortest time after which a server repeats its SYN-ACK.
/// Kernel: `TCP_TIMEOUT_INIT` 1 s, include/net/tcp.h; less what timers and paths vary by.
pub(super) const REPEAT_NS: u64 = 800_000_000;

/// Notes a SYN-ACK that comes again. Each repeated SYN brings one; by itself the server sends one only where it has not
/// taken our ACK. `shows_ordinary`: whether the ACK would have been seen.
pub(super) fn note_repeat(
    flow: &mut Flow,
    sums: &mut SynSums,
    segment: &Segment,
    now: Timestamp,
    (handshake_ns, shows_ordinary): (u64, bool),
) {
    let waited_ns = flow.established_at.map_or(0, |at| now.since(at));
    let is_only_syn = flow.transmissions.len() == 1;
    let by_itself = waited_ns >= REPEAT_NS || (is_only_syn && waited_ns >= SEEN_AGAIN_NS);
    let is_unconfirmed = shows_ordinary && !flow.talk.is_confirmed;
    let is_stale = flow.talk.is_taken || flow.is_closing();
    if flow.remote_isn != Some(segment.seq) || !by_itself || is_unconfirmed || is_stale {
        return;
    }
    let is_after_data = flow
        .talk
        .asked_at
        .is_some_and(|at| now.since(at) > handshake_ns);
    if flow.again == Again::No {
        flow.again = Again::Idle;
        sums.syn_acks_repeated += 1;
    }
    if is_after_data && flow.again == Again::Idle {
        flow.again = Again::AfterData;
        sums.syn_acks_after_data += 1;
    }
}

/// Notes how far we had come at the end of a connection: where we have sent nothing, the server had nothing to take.
pub(super) fn note_end(flow: &mut Flow, sums: &mut SynSums, reached: SeqNumber) {
    if flow.again == Again::Idle && !flow.has_asked(reached) {
        flow.again = Again::No;
        sums.syn_acks_repeated = sums.syn_acks_repeated.saturating_sub(1);
    }
}
