//! What else than the fates of SYNs tells troubles apart: SYN-ACKs that were lost or came again, RSTs, reused
//! four-tuples, clocks, neighbours. A function named after a channel alone says what holds for troubles that have
//! nothing to do with it.

use super::{
    rates::{BACKGROUND, MOSTLY, NOW_AND_THEN, OPEN, outcomes},
    trouble::Seen,
};
use crate::analysis::{
    fates::{Outcomes, SynSums},
    verdict::likelihood::{LOSS, Rate, ln_known, ln_mixture, ln_series},
};

/// Share of SYNs that a bare ACK answers where no port is reused: nothing else is known to do so.
const STRAY_ACKS: f64 = 0.000_01;
/// Share of servers without a full accept queue whose RSTs look as if it were full.
const ABORTS: f64 = 0.0005;
/// Share of addresses with one server that show several clocks.
const CLOCKS: f64 = 0.02;
/// Share of neighbours that are silent where the way is not broken.
const SILENT: f64 = 0.05;
/// Of the SYNs on a four-tuple in TIME-WAIT, bare ACKs answer some.
const SOME: Rate = Rate::new(1.0, 3.0);

/// SYN-ACKs that were lost on the way back, and that were not.
pub(super) fn lost_answers(syns: &SynSums) -> Outcomes {
    let lost = syns.syn_acks_lost.min(syns.handshakes_with_echo);
    outcomes(lost, syns.handshakes_with_echo - lost)
}

/// Queues are mostly full one way.
pub(super) fn ln_lost_answers(seen: &Seen) -> f64 {
    let answers = lost_answers(seen.syns);
    ln_mixture(&[
        (0.9, ln_known(NOW_AND_THEN, answers)),
        (0.1, ln_series(BACKGROUND, answers)),
    ])
}

/// SYN-ACKs that came again though they had arrived, as the server did not take our ACK and what is behind it, or never
/// got them; and that did not.
pub(super) fn repeats(syns: &SynSums) -> Outcomes {
    let repeated = syns.untaken().min(syns.handshakes);
    outcomes(repeated, syns.handshakes - repeated)
}

/// SYN-ACKs that came again because an ACK was lost now and then.
pub(super) fn ln_repeats(seen: &Seen) -> f64 {
    let answers = repeats(seen.syns);
    ln_mixture(&[
        (0.98, ln_known(NOW_AND_THEN, answers)),
        (0.02, ln_series(BACKGROUND, answers)),
    ])
}

/// RSTs that cut a handshake off by accident.
pub(super) fn ln_aborts(seen: &Seen) -> f64 {
    ln_aborts_of(ABORTS, seen.syns)
}

/// RSTs that cut a handshake off, where such a share of servers sends them: `tcp_abort_on_overflow`.
pub(super) fn ln_aborts_of(share: f64, syns: &SynSums) -> f64 {
    let aborted = syns
        .resets
        .as_deref()
        .is_some_and(|resets| resets.aborted_handshakes > 0);
    ln_either(share, aborted)
}

/// Chance does not care which ports were used before; nor does load, and a path that worked a moment ago is not dead.
pub(super) fn ln_reuse_by_chance(seen: &Seen) -> f64 {
    ln_known(STRAY_ACKS, bare_acks(seen.syns)) + ln_by_chance(seen.syns)
}

/// A rule may hit just the ports that are used again.
pub(super) fn ln_reuse_by_a_rule(seen: &Seen) -> f64 {
    let by_a_rule = ln_mixture(&[
        (0.9, ln_by_chance(seen.syns)),
        (0.1, ln_on_reused(OPEN, seen.syns.reused)),
    ]);
    ln_known(STRAY_ACKS, bare_acks(seen.syns)) + by_a_rule
}

/// Ports are used again too early: TIME-WAIT answers with an ACK, or something on the way eats it.
pub(super) fn ln_port_reuse(syns: &SynSums) -> f64 {
    let acks = bare_acks(syns);
    ln_mixture(&[
        (0.8, ln_series(SOME, acks)),
        (0.2, ln_known(STRAY_ACKS, acks)),
    ]) + ln_on_reused(MOSTLY, syns.reused)
}

/// SYNs that a bare ACK answered, and connections in which none did.
const fn bare_acks(syns: &SynSums) -> Outcomes {
    let connections = syns.connections;
    outcomes(
        syns.acks,
        connections.failed + connections.clean + connections.late,
    )
}

/// SYNs on reused four-tuples are dropped as any others. The answered ones are among all SYNs already.
fn ln_by_chance(syns: &SynSums) -> f64 {
    let dropped = outcomes(syns.reused.dropped, 0);
    let all = syns.all();
    ln_series(LOSS, all.plus(dropped)) - ln_series(LOSS, all)
}

/// SYNs on a four-tuple in TIME-WAIT that have a rate of their own. The answered ones are among all SYNs already, and
/// must not count twice; left out, a few lost at random would pass for all of them.
fn ln_on_reused(rate: Rate, reused: Outcomes) -> f64 {
    ln_series(rate, reused) - ln_series(BACKGROUND, outcomes(0, reused.answered))
}

/// One server has one clock.
pub(super) fn ln_clocks(seen: &Seen) -> f64 {
    ln_clocks_of(CLOCKS, seen.syns)
}

/// Several clocks behind one address are several servers; such a share of addresses shows them.
pub(super) fn ln_clocks_of(share: f64, syns: &SynSums) -> f64 {
    ln_either(share, syns.clocks.count().is_some_and(|clocks| clocks > 1))
}

/// Neighbours are silent for reasons of their own.
pub(super) fn ln_neighbours(seen: &Seen) -> f64 {
    ln_neighbours_of(SILENT, seen)
}

/// Of the neighbours such a share is silent. It says something only about a host that is silent itself.
pub(super) fn ln_neighbours_of(share: f64, seen: &Seen) -> f64 {
    if seen.syns.all().answered > 0 {
        return 0.0;
    }
    let neighbours = seen.case.neighbours;
    ln_known(share, outcomes(neighbours.silent, neighbours.answering))
}

/// What has a probability was seen, or was not.
fn ln_either(probability: f64, was_seen: bool) -> f64 {
    if was_seen {
        probability.ln()
    } else {
        (1.0 - probability).ln()
    }
}
