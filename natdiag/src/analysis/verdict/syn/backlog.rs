//! A full accept queue or SYN queue: drops in spells, and ACKs that the server does not take.

use super::{
    channel,
    data::{ln_data_of, ln_left_alone},
    finding::finding,
    rates::NOW_AND_THEN,
    trouble::{CONNECTIONS, Excluded, Seen, Trouble, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::SynSums,
    verdict::{
        data::STRAY,
        likelihood::{Rate, ln_known, ln_mixture, ln_series},
    },
};

/// Connections that wait in a queue that is always full wait long; elsewhere most are served at once, but for those of
/// servers that are slow by nature.
const WAITS: Rate = Rate::new(4.0, 1.0);
const PROMPT: Rate = Rate::new(0.5, 2.5);
const SLOW_BY_NATURE: f64 = 0.05;
/// Where the queue is full now and then, some do.
const SOME_WAIT: Rate = Rate::new(1.0, 2.0);
/// A server with a full accept queue repeats its SYN-ACK to some of those that it answers: to most where many come at
/// once, to few where the queue is full when the SYN comes.
const REPEATED: Rate = Rate::new(0.5, 4.0);
/// Share of servers with a full accept queue that reset what finds no room.
const ABORTS: f64 = 0.15;
/// A server whose accept queue is full drops the request behind the ACK that it did not take, and often.
const NOT_TAKEN: Rate = Rate::new(1.0, 2.0);

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.08,
    cause: Cause::BacklogOverflow,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: true,
    ln_fates,
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats,
    ln_aborts: |seen| channel::ln_aborts_of(ABORTS, seen.syns),
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data: |seen| {
        ln_data_of(seen, |data| {
            ln_mixture(&[
                (0.5, ln_series(NOT_TAKEN, data.forth)),
                (0.5, ln_series(STRAY, data.forth)),
            ]) + ln_left_alone(data.back)
        })
    },
    can_be_named: |seen, _| {
        seen.connections_hit() + seen.syns.untaken() >= CONNECTIONS
            && is_shown(seen.syns)
            && is_reached(seen.syns)
    },
    finding: backlog,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::AtLeast(no_spells),
    against_others: None,
    why_left: |_| IN_SPELLS,
};

/// An application that stands still takes nothing, as in an outage, and those that found room wait for it; only a full
/// SYN queue makes nobody wait, which needs a server without SYN cookies. Where the application accepts at a steady
/// pace, a full queue lets just as many pass, after a wait; where so many workers serve one connection each, these and
/// the queue are so many that are open, and no more. Many things limit those: it takes some that were seen to wait, or
/// not to.
fn ln_fates(seen: &Seen) -> f64 {
    let (served, in_order) = (seen.syns.served, &seen.in_order);
    let elsewhere = ln_mixture(&[
        (1.0 - SLOW_BY_NATURE, ln_series(PROMPT, served)),
        (SLOW_BY_NATURE, ln_series(WAITS, served)),
    ]);
    let wait = ln_series(WAITS, served) - elsewhere;
    let some_wait = ln_series(SOME_WAIT, served) - elsewhere;
    let [open, _, _] = in_order.ports;
    let mostly_or_some = ln_mixture(&[(0.8, wait), (0.2, some_wait)]);
    let workers = if served.total() > 0 { 0.12 } else { 0.015 };
    ln_mixture(&[
        (0.2, in_order.outage + some_wait),
        (0.03, in_order.outage),
        (0.16, in_order.nearly_full + some_wait),
        (0.03, in_order.nearly_full),
        (0.34, in_order.limit + mostly_or_some),
        (workers, in_order.open_limit + mostly_or_some),
        (workers, open + mostly_or_some),
    ])
}

/// Whether the server itself has shown a full queue: it did not take our ACK, cut handshakes off, or had most of those
/// wait that it let in. SYNs that get no answer may be anybody's work.
fn is_shown(syns: &SynSums) -> bool {
    let resets = syns.resets.as_deref();
    let have_waited =
        syns.served.dropped >= CONNECTIONS && syns.served.dropped > syns.served.answered;
    syns.untaken() > 0 || have_waited || resets.is_some_and(|resets| resets.aborted_handshakes > 0)
}

/// Whether anything got through: where not one connection did, what we send may get lost on another way than the
/// answers take.
fn is_reached(syns: &SynSums) -> bool {
    let got_through = syns.taken + syns.orderly + syns.served.total() + syns.answered_requests;
    syns.all().dropped + got_through > 0
}

/// A queue that finds no room for ACKs has dropped SYNs too.
fn ln_repeats(seen: &Seen) -> f64 {
    let answers = channel::repeats(seen.syns);
    ln_mixture(&[
        (0.7, ln_series(REPEATED, answers)),
        (0.3, ln_known(NOW_AND_THEN, answers)),
    ])
}

/// What rules out that a queue is full.
pub(super) fn no_spells(syns: &SynSums) -> String {
    format!(
        "drops come in no spells, and {} of {} handshakes were confirmed again",
        syns.untaken(),
        syns.handshakes
    )
}

/// What leaves it possible.
pub(super) const IN_SPELLS: &str = "a full queue drops in spells much the same";

/// What else than unanswered SYNs shows a full queue.
fn how_it_shows(syns: &SynSums) -> String {
    let served = syns.served;
    if syns.untaken() == 0 && served.dropped > served.answered {
        format!(
            "{} of {} connections that were let in waited for a response",
            served.dropped,
            served.total()
        )
    } else {
        format!(
            "{} of {} handshakes had to be confirmed again",
            syns.untaken(),
            syns.handshakes
        )
    }
}

/// A queue that is full now and then.
pub(super) fn backlog(seen: &Seen) -> Finding {
    let syns = seen.syns;
    let all = syns.all();
    let summary = format!(
        "the server's backlog is full now and then: {} of {} SYNs got no answer, whatever they carry, and {}",
        all.dropped,
        all.total(),
        how_it_shows(syns)
    );
    let remedy = vec![
        "on the server: `nstat -az TcpExtListenOverflows TcpExtListenDrops` and `ss -ltn` show a full queue; raise `net.core.somaxconn` and the backlog of `listen`, or accept faster".to_owned(),
    ];
    let mut finding = finding(
        Cause::BacklogOverflow,
        Severity::Critical,
        summary,
        syns,
        remedy,
    );
    finding.evidence.extend([
        ("syn_acks_repeated", Evidence::Count(syns.syn_acks_repeated)),
        ("responses_late", Evidence::Count(syns.served.dropped)),
        ("responses_prompt", Evidence::Count(syns.served.answered)),
    ]);
    finding
}
