//! What else than the fates of SYNs tells troubles apart: SYN-ACKs that were lost or came again, RSTs, reused four-tuples,
//! clocks, neighbours.

use super::rates::{BACKGROUND, LOSS, MOSTLY, NOW_AND_THEN, OPEN, outcomes};
use crate::analysis::{
    evidence::{Outcomes, SynEvidence},
    verdict::{
        Neighbours,
        base_rates::SynTrouble,
        likelihood::{Rate, ln_known, ln_mixture, ln_series},
    },
};

/// Share of SYNs that a bare ACK answers where no port is reused: nothing else is known to do so.
const STRAY_ACKS: f64 = 0.000_01;
/// Share of servers with tcp_tw_recycle that are reached on ports used again too early as well.
const BESIDE_RECYCLE: f64 = 0.03;
/// Share of servers with a full accept queue that reset what finds no room, and of others whose RSTs look so.
const ABORTS: (f64, f64) = (0.15, 0.0005);
/// A server with a full accept queue repeats its SYN-ACK to some of those that it answers: to most where many come at
/// once, to few where the queue is full when the SYN comes.
const REPEATED: Rate = Rate::new(0.5, 4.0);
/// Of the SYNs on a four-tuple in TIME-WAIT, bare ACKs answer some.
const SOME: Rate = Rate::new(1.0, 3.0);

/// SYN-ACKs that were lost on the way back, of those that the echo of a timestamp tells about.
pub(super) fn ln_lost_answers(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    let lost = syns.syn_acks_lost.min(syns.handshakes_with_echo);
    let answers = outcomes(lost, syns.handshakes_with_echo - lost);
    let stray = ln_known(NOW_AND_THEN, answers);
    match trouble {
        // They are among its fates.
        SynTrouble::ReturnLoss => 0.0,
        // What loses SYNs may lose SYN-ACKs as well; queues are mostly full one way.
        SynTrouble::Loss => ln_mixture(&[(0.3, ln_series(LOSS, answers)), (0.7, stray)]),
        _ => ln_mixture(&[(0.9, stray), (0.1, ln_series(BACKGROUND, answers))]),
    }
}

/// SYN-ACKs that came again though they had arrived: the server did not take our ACK and what is behind it, or never got
/// them.
pub(super) fn ln_repeats(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    let repeated = syns.untaken().min(syns.handshakes);
    let answers = outcomes(repeated, syns.handshakes - repeated);
    let stray = ln_known(NOW_AND_THEN, answers);
    match trouble {
        // A queue that finds no room for ACKs has dropped SYNs too.
        SynTrouble::Backlog => ln_mixture(&[(0.7, ln_series(REPEATED, answers)), (0.3, stray)]),
        // Data behind a lost ACK acknowledges as well, so that few are missed.
        SynTrouble::Loss => ln_mixture(&[(0.5, ln_series(BACKGROUND, answers)), (0.5, stray)]),
        _ => ln_mixture(&[(0.98, stray), (0.02, ln_series(BACKGROUND, answers))]),
    }
}

/// Handshakes that a RST cut off as soon as they were complete: `tcp_abort_on_overflow`.
pub(super) fn ln_aborts(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    let aborted = syns
        .resets
        .as_deref()
        .is_some_and(|resets| resets.aborted_handshakes > 0);
    let share = if trouble == SynTrouble::Backlog {
        ABORTS.0
    } else {
        ABORTS.1
    };
    if aborted {
        share.ln()
    } else {
        (1.0 - share).ln()
    }
}

/// SYNs on a four-tuple that the server may hold in TIME-WAIT, and bare ACKs in answer to a SYN.
pub(super) fn ln_reuse(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    // The answered ones are among all SYNs already.
    let dropped = outcomes(syns.reused.dropped, 0);
    let connections = syns.connections;
    let acks = outcomes(
        syns.acks,
        connections.failed + connections.clean + connections.late,
    );
    // Chance does not care which ports were used before.
    let all = syns.all();
    let by_chance = ln_series(LOSS, all.plus(dropped)) - ln_series(LOSS, all);
    // A rule may hit just the ports that are used again.
    let by_a_rule = ln_mixture(&[(0.9, by_chance), (0.1, ln_on_reused(OPEN, syns.reused))]);
    match trouble {
        SynTrouble::PortReuse => {
            if syns.acks == 0 && syns.reused.dropped == 0 {
                f64::NEG_INFINITY
            } else {
                ln_port_reuse(syns, acks)
            }
        }
        // A server that closes first makes marks, and holds ports.
        SynTrouble::Recycle | SynTrouble::RecycleOfSome => {
            let alone = ln_known(STRAY_ACKS, acks) + by_a_rule;
            ln_mixture(&[
                (1.0 - BESIDE_RECYCLE, alone),
                (BESIDE_RECYCLE, ln_port_reuse(syns, acks)),
            ])
        }
        // Nor does load, and a path that worked a moment ago is not dead.
        SynTrouble::Loss
        | SynTrouble::ReturnLoss
        | SynTrouble::Outage
        | SynTrouble::Backlog
        | SynTrouble::NewHosts
        | SynTrouble::OneOfSeveral
        | SynTrouble::RateLimit => ln_known(STRAY_ACKS, acks) + by_chance,
        SynTrouble::Filter
        | SynTrouble::FilterOfClients
        | SynTrouble::TimestampsFiltered
        | SynTrouble::TimestampsDemanded
        | SynTrouble::Unreachable => ln_known(STRAY_ACKS, acks) + by_a_rule,
    }
}

/// Ports are used again too early: TIME-WAIT answers with an ACK, or something on the way eats it.
fn ln_port_reuse(syns: &SynEvidence, acks: Outcomes) -> f64 {
    ln_mixture(&[
        (0.8, ln_series(SOME, acks)),
        (0.2, ln_known(STRAY_ACKS, acks)),
    ]) + ln_on_reused(MOSTLY, syns.reused)
}

/// SYNs on a four-tuple in TIME-WAIT that have a rate of their own. The answered ones are among all SYNs already, and
/// must not count twice; left out, a few lost at random would pass for all of them.
fn ln_on_reused(rate: Rate, reused: Outcomes) -> f64 {
    ln_series(rate, reused) - ln_series(BACKGROUND, outcomes(0, reused.answered))
}

/// Several clocks behind one address are several servers.
pub(super) fn ln_clocks(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    /// Of addresses that recycle in part, of those of which one of several servers or paths is dead, and of all others,
    /// those that show several clocks.
    const SEVERAL: [f64; 3] = [0.7, 0.35, 0.02];
    let are_several = syns.clocks.count().is_some_and(|clocks| clocks > 1);
    let share = match trouble {
        SynTrouble::RecycleOfSome => SEVERAL[0],
        SynTrouble::OneOfSeveral => SEVERAL[1],
        _ => SEVERAL[2],
    };
    if are_several {
        share.ln()
    } else {
        (1.0 - share).ln()
    }
}

/// What fails on the way to a network fails for its other hosts too.
pub(super) fn ln_neighbours(
    trouble: SynTrouble,
    neighbours: Neighbours,
    syns: &SynEvidence,
) -> f64 {
    /// Share of neighbours that are silent where the way is broken, and elsewhere.
    const SILENT: (f64, f64) = (0.95, 0.05);
    if syns.all().answered > 0 {
        return 0.0;
    }
    let share = if trouble == SynTrouble::Unreachable {
        SILENT.0
    } else {
        SILENT.1
    };
    ln_known(share, outcomes(neighbours.silent, neighbours.answering))
}
