//! Requests that reach a remote host which has just closed the connection for having been idle: it answers them with a
//! RST, as no socket is left that would take them (RFC 9293, section 3.10.7.4; RFC 9112, section 9.3.1, of HTTP).

use natdiag_common::wire::tcp::ACK;

use super::flow::Flow;
use crate::{
    analysis::fates::SynSums,
    event::{Event, Segment},
};

/// How long after its FIN a host may reset what crossed it, in smoothed handshake times: the FIN on its way to the
/// client, the request on its way back.
const CROSSING_HANDSHAKES: u64 = 2;
/// What timers and schedulers take beside that.
const CROSSING_NS: u64 = 100_000_000;
/// Age from which on a connection that the host closes may have been idle. Servers wait for seconds at least.
const IDLE_NS: u64 = 1_000_000_000;
/// Octets that a client sends as a goodbye before its own FIN, at most: the `close_notify` alert of TLS (RFC 8446,
/// section 6.1), with the padding and the checksum of older ciphers.
const GOODBYE_OCTETS: u32 = 100;

impl Flow {
    /// Takes note of a RST of the remote host on a connection that it had closed.
    pub(super) fn note_race(
        &mut self,
        sums: &mut SynSums,
        event: &Event,
        reset: &Segment,
        handshake_ns: u64,
    ) {
        let (Some((received, closed_at)), Some(end), Some(since)) =
            (self.remote_fin, self.remote_end, self.established_at)
        else {
            return;
        };
        let age_ns = closed_at.since(since);
        let window_ns = CROSSING_NS + CROSSING_HANDSHAKES * handshake_ns;
        if self.is_reset_after_close || event.time.since(closed_at) > window_ns || age_ns < IDLE_NS
        {
            return;
        }
        // It answers data that the host had not received when it closed; an acknowledgment of ours it does not answer.
        let is_answer = !reset.has(ACK) || !received.at_or_after(reset.ack);
        let has_crossed = reset.seq == end;
        if !is_answer || !(has_crossed || reset.seq == end.plus(1)) {
            return;
        }
        self.is_reset_after_close = true;
        // What was sent before our own FIN, if we had closed as well.
        let tail = self
            .fin_sent
            .map(|(behind, _)| behind.0.wrapping_sub(1).wrapping_sub(received.0));
        let is_request = tail.is_none_or(|octets| (GOODBYE_OCTETS..1 << 31).contains(&octets));
        let races = sums.races.get_or_insert_default();
        match (is_request, has_crossed) {
            (false, _) => races.over += 1,
            (true, true) => races.crossed += 1,
            (true, false) => races.late += 1,
        }
        if is_request {
            races.note_age(age_ns);
        }
    }
}
