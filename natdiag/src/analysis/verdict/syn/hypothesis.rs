//! How likely each trouble makes what was observed. A likelihood is a product over channels that do not overlap: fates
//! of SYNs, SYN-ACKs that were lost, SYN-ACKs that came again, reused four-tuples, clocks, neighbours.

use std::collections::BTreeMap;

use crate::analysis::{
    diagnosis::Cause,
    evidence::{Fate, Outcomes, Service, SynEvidence},
    verdict::{
        Case, Neighbours,
        base_rates::{SYN_TROUBLES, SynTrouble},
        likelihood::{Rate, ln_known, ln_mixture, ln_series, normalise},
    },
};
use crate::event::Timestamp;

/// Share of SYNs that do not do what a rule of all or nothing says: real servers with tcp_tw_recycle dropped 7,518 of
/// 7,518 SYNs below the mark, and the marks of hosts that we do not see blur this a little.
const EXCEPTIONS: f64 = 0.001;
/// Share of packets lost beside a trouble that lets others pass.
const STRAY_LOSS: f64 = 0.01;
/// Share of connections that get through late though something is wrong with their four-tuple.
const LATE_ALL_THE_SAME: f64 = 0.02;
/// Share of SYNs that a bare ACK answers where no port is reused: nothing else is known to do so.
const STRAY_ACKS: f64 = 0.000_01;
/// Share of seconds within an outage or a spell of overload, where there are any.
const BAD: f64 = 0.1;
/// How often a bad second is followed by another: spells of three seconds.
const GOES_ON: f64 = 0.7;
/// Seconds without SYNs after which nothing is left of what was before.
const PAUSE_SECONDS: u64 = 3;
/// Most connections a second that a rate limit is looked for at.
const MAX_LIMIT: u32 = 40;
/// Bursts that a rate limit is looked for with.
const BURSTS: [f64; 5] = [1.0, 2.0, 4.0, 6.0, 10.0];
/// Share of SYNs of which a limit is wrong: we do not see just when they reach it.
const OFF_THE_LIMIT: f64 = 0.04;
/// Part of a SYN's room for which it cannot be said whether there was room.
const DOUBT: f64 = 0.25;
/// Share of servers with a full accept queue that reset what finds no room, and of others whose RSTs look so.
const ABORTS: (f64, f64) = (0.15, 0.0005);

/// Loss on a path is mostly small: as if 1 of 10 had been lost before.
const LOSS: Rate = Rate::new(1.0, 9.0);
/// Loss beside a rule that drops others.
const BACKGROUND: Rate = Rate::new(1.0, 19.0);
/// Where hosts that we do not see share our address, as may be, any SYN may meet a mark of theirs.
const UNSEEN_RIVALS: Rate = Rate::new(1.0, 3.0);
/// Share of servers that only hosts unseen by us make marks at: ours would make some too.
const UNSEEN_ONLY: f64 = 0.05;
/// A queue that is nearly full drops nothing, some, or all within a second.
const NOW_AND_THEN: Rate = Rate::new(0.25, 0.75);
/// A server with a full accept queue repeats its SYN-ACK to some of those that it answers: to most where many come at
/// once, to few where the queue is full when the SYN comes.
const REPEATED: Rate = Rate::new(0.5, 4.0);
/// Most are dropped, how many is open.
const MOSTLY: Rate = Rate::new(3.0, 1.0);
/// Connections that wait in a queue that is always full wait long.
const WAITS: Rate = Rate::new(9.0, 1.0);
/// Anything goes.
const OPEN: Rate = Rate::new(1.0, 1.0);
/// What was dropped for its four-tuple or its server is dropped again.
const AGAIN: Rate = Rate::new(9.0, 1.0);
/// Of the SYNs on a four-tuple in TIME-WAIT, bare ACKs answer some.
const SOME: Rate = Rate::new(1.0, 3.0);

/// The cause that a trouble goes by.
pub(super) const fn cause(trouble: SynTrouble) -> Cause {
    match trouble {
        SynTrouble::Recycle | SynTrouble::RecycleOfSome => Cause::TwRecycle,
        SynTrouble::Loss | SynTrouble::Outage => Cause::PacketLoss,
        SynTrouble::ReturnLoss => Cause::ReturnPathLoss,
        SynTrouble::Filter | SynTrouble::FilterOfClients | SynTrouble::TimestampsDemanded => {
            Cause::Filtered
        }
        SynTrouble::TimestampsFiltered => Cause::TimestampsFiltered,
        SynTrouble::Unreachable | SynTrouble::OneOfSeveral => Cause::Routing,
        SynTrouble::Backlog | SynTrouble::NewHosts => Cause::BacklogOverflow,
        SynTrouble::RateLimit => Cause::RateLimit,
        SynTrouble::PortReuse => Cause::PortReuse,
    }
}

/// Probability of each trouble, given what was observed.
pub(super) fn posterior(case: &Case, syns: &SynEvidence) -> Vec<(SynTrouble, f64)> {
    let lns: Vec<f64> = SYN_TROUBLES
        .iter()
        .map(|(trouble, prior)| prior.ln() + ln_likelihood(*trouble, case, syns))
        .collect();
    SYN_TROUBLES
        .iter()
        .map(|(trouble, _)| *trouble)
        .zip(normalise(&lns))
        .collect()
}

fn ln_likelihood(trouble: SynTrouble, case: &Case, syns: &SynEvidence) -> f64 {
    ln_fates(trouble, syns)
        + ln_lost_answers(trouble, syns)
        + ln_repeats(trouble, syns)
        + ln_aborts(trouble, syns)
        + ln_reuse(trouble, syns)
        + ln_clocks(trouble, syns)
        + ln_neighbours(trouble, case.neighbours, syns)
}

fn ln_fates(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    let all = syns.all();
    match trouble {
        SynTrouble::Recycle => ln_recycle(syns),
        SynTrouble::RecycleOfSome => ln_recycle_of_some(syns),
        SynTrouble::Loss => ln_series(LOSS, all),
        SynTrouble::ReturnLoss => {
            // A SYN that the server is known to have missed was not answered at all; of the others the answer was lost.
            let missed = outcomes(syns.known_lost.min(all.dropped), 0);
            let late = syns.syn_acks_lost.min(all.answered);
            let answers = outcomes(all.dropped - missed.dropped + late, all.answered - late);
            ln_known(EXCEPTIONS, missed) + ln_series(LOSS, answers)
        }
        SynTrouble::Outage => ln_in_spells(syns, ln_outage),
        // Where the application accepts at a steady pace, a full queue lets just as many pass, after a wait.
        SynTrouble::Backlog => {
            let wait = ln_series(WAITS, syns.served) - ln_series(OPEN, syns.served);
            ln_mixture(&[
                (0.35, ln_in_spells(syns, ln_overload)),
                (
                    0.15,
                    ln_by_second(syns, |second| ln_series(NOW_AND_THEN, second)),
                ),
                (0.25, ln_limit(syns) + wait),
                (0.25, ln_open_limit(&syns.by_open) + wait),
            ])
        }
        SynTrouble::RateLimit => {
            ln_mixture(&[(0.6, ln_limit(syns)), (0.4, ln_open_limit(&syns.by_open))])
        }
        SynTrouble::NewHosts => {
            let first = syns.first_contact;
            ln_series(MOSTLY, first) + ln_series(BACKGROUND, all.less(first))
        }
        SynTrouble::Filter => ln_filter(by_port(&syns.services)),
        SynTrouble::FilterOfClients => {
            ln_filter(syns.services.iter().map(|service| service.outcomes))
        }
        SynTrouble::TimestampsFiltered => {
            ln_selective(with_timestamps(syns), without_timestamps(syns))
        }
        SynTrouble::TimestampsDemanded => {
            ln_selective(without_timestamps(syns), with_timestamps(syns))
        }
        SynTrouble::Unreachable => ln_known(1.0 - EXCEPTIONS, all),
        SynTrouble::OneOfSeveral => ln_four_tuple(syns),
        SynTrouble::PortReuse => ln_series(BACKGROUND, all),
    }
}

/// SYN-ACKs that were lost on the way back, of those that the echo of a timestamp tells about.
fn ln_lost_answers(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    let lost = syns.syn_acks_lost.min(syns.handshakes_with_echo);
    let answers = outcomes(lost, syns.handshakes_with_echo - lost);
    let stray = ln_known(EXCEPTIONS, answers);
    match trouble {
        // They are among its fates.
        SynTrouble::ReturnLoss => 0.0,
        // What loses SYNs may lose SYN-ACKs as well; queues are mostly full one way.
        SynTrouble::Loss => ln_mixture(&[(0.3, ln_series(LOSS, answers)), (0.7, stray)]),
        _ => ln_mixture(&[(0.9, stray), (0.1, ln_series(BACKGROUND, answers))]),
    }
}

/// SYN-ACKs that came again though they had arrived: the server did not take our ACK, or never got it.
fn ln_repeats(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    let repeated = syns.syn_acks_repeated.min(syns.handshakes);
    let answers = outcomes(repeated, syns.handshakes - repeated);
    let stray = ln_known(EXCEPTIONS, answers);
    match trouble {
        // A queue that finds no room for ACKs has dropped SYNs too.
        SynTrouble::Backlog => ln_mixture(&[(0.6, ln_series(REPEATED, answers)), (0.4, stray)]),
        // Data behind a lost ACK acknowledges as well, so that few are missed.
        SynTrouble::Loss => ln_mixture(&[(0.5, ln_series(BACKGROUND, answers)), (0.5, stray)]),
        _ => ln_mixture(&[(0.98, stray), (0.02, ln_series(BACKGROUND, answers))]),
    }
}

/// Handshakes that a RST cut off as soon as they were complete: `tcp_abort_on_overflow`.
fn ln_aborts(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
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
fn ln_reuse(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    // The answered ones are among all SYNs already.
    let dropped = outcomes(syns.reused.dropped, 0);
    let connections = syns.connections;
    let acks = outcomes(
        syns.acks,
        connections.failed + connections.clean + connections.late,
    );
    match trouble {
        SynTrouble::PortReuse => {
            if syns.acks == 0 && syns.reused.dropped == 0 {
                return f64::NEG_INFINITY;
            }
            // Whether TIME-WAIT answers with an ACK or something on the way eats it.
            ln_mixture(&[
                (0.8, ln_series(SOME, acks)),
                (0.2, ln_known(STRAY_ACKS, acks)),
            ]) + ln_series(MOSTLY, syns.reused)
                - ln_series(BACKGROUND, outcomes(0, syns.reused.answered))
        }
        // Chance and load do not care which ports were used before, and a path that worked a moment ago is not dead.
        SynTrouble::Loss
        | SynTrouble::ReturnLoss
        | SynTrouble::Outage
        | SynTrouble::Backlog
        | SynTrouble::NewHosts
        | SynTrouble::OneOfSeveral
        | SynTrouble::RateLimit => {
            let all = syns.all();
            ln_known(STRAY_ACKS, acks) + ln_series(LOSS, all.plus(dropped)) - ln_series(LOSS, all)
        }
        // These may hit just the ports that are used again.
        SynTrouble::Filter
        | SynTrouble::FilterOfClients
        | SynTrouble::Recycle
        | SynTrouble::RecycleOfSome
        | SynTrouble::TimestampsFiltered
        | SynTrouble::TimestampsDemanded
        | SynTrouble::Unreachable => ln_known(STRAY_ACKS, acks) + ln_series(OPEN, dropped),
    }
}

/// Several clocks behind one address are several servers.
fn ln_clocks(trouble: SynTrouble, syns: &SynEvidence) -> f64 {
    /// Of addresses that recycle in part, those that show several clocks; and of all others.
    const SEVERAL: (f64, f64) = (0.7, 0.02);
    let are_several = syns.clocks.count().is_some_and(|clocks| clocks > 1);
    let share = match trouble {
        SynTrouble::RecycleOfSome | SynTrouble::OneOfSeveral => SEVERAL.0,
        _ => SEVERAL.1,
    };
    if are_several {
        share.ln()
    } else {
        (1.0 - share).ln()
    }
}

/// What fails on the way to a network fails for its other hosts too.
fn ln_neighbours(trouble: SynTrouble, neighbours: Neighbours, syns: &SynEvidence) -> f64 {
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

/// The likelihood of good and bad times, in place of one rate, for the seconds that are remembered: a bad second is
/// followed by another more often than not (a hidden Markov chain of two states; the forward algorithm).
fn ln_in_spells(syns: &SynEvidence, ln_bad: impl Fn(Outcomes) -> f64) -> f64 {
    let mut remembered = Outcomes::default();
    // Logarithms of the probabilities of all so far and a good, or a bad, second at the end.
    let (mut good, mut bad) = ((1.0 - BAD).ln(), BAD.ln());
    let mut last: Option<u64> = None;
    for spell in syns.spells.iter() {
        if let Some(last) = last {
            // After a pause nothing is left of what was before.
            let goes_on = if spell.second - last <= PAUSE_SECONDS {
                GOES_ON
            } else {
                BAD
            };
            let begins = BAD * (1.0 - GOES_ON) / (1.0 - BAD);
            let to_bad = ln_mixture(&[(begins, good), (goes_on, bad)]);
            let to_good = ln_mixture(&[(1.0 - begins, good), (1.0 - goes_on, bad)]);
            (good, bad) = (to_good, to_bad);
        }
        good += ln_known(STRAY_LOSS, spell.outcomes);
        bad += ln_bad(spell.outcomes);
        last = Some(spell.second);
        remembered = remembered.plus(spell.outcomes);
    }
    ln_series(LOSS, syns.all()) - ln_series(LOSS, remembered)
        + ln_mixture(&[(1.0, good), (1.0, bad)])
}

/// The likelihood under a rule for single seconds, in place of one rate.
fn ln_by_second(syns: &SynEvidence, ln_second: impl Fn(Outcomes) -> f64) -> f64 {
    let (mut ln, mut remembered) = (0.0, Outcomes::default());
    for spell in syns.spells.iter() {
        ln += ln_second(spell.outcomes);
        remembered = remembered.plus(spell.outcomes);
    }
    ln_series(LOSS, syns.all()) - ln_series(LOSS, remembered) + ln
}

/// A full queue drops all, or some while it is being emptied.
fn ln_overload(second: Outcomes) -> f64 {
    ln_mixture(&[
        (0.5, ln_known(1.0 - EXCEPTIONS, second)),
        (0.5, ln_series(OPEN, second)),
    ])
}

/// All or nothing, but for the seconds in which an outage begins and ends.
fn ln_outage(second: Outcomes) -> f64 {
    ln_mixture(&[
        (0.7, ln_known(1.0 - EXCEPTIONS, second)),
        (0.3, ln_series(OPEN, second)),
    ])
}

/// So many SYNs a second and no more (a token bucket), in place of one rate, for the newest SYNs. That a server takes one
/// whenever there is room makes each fate predictable from those before.
fn ln_limit(syns: &SynEvidence) -> f64 {
    let newest: Vec<(f64, bool)> = syns
        .recent
        .to_vec()
        .iter()
        .filter(|syn| syn.counts)
        .filter_map(|syn| match syn.fate {
            Fate::Answered => Some((seconds(syn.sent), true)),
            Fate::Dropped => Some((seconds(syn.sent), false)),
            Fate::Pending | Fate::Undecided => None,
        })
        .collect();
    let answered = newest.iter().filter(|(_, answered)| *answered).count() as u64;
    let remembered = outcomes(newest.len() as u64 - answered, answered);
    let weight = 1.0 / (f64::from(MAX_LIMIT) * count(BURSTS.len() as u64));
    let mut limits = Vec::new();
    for per_second in 1..=MAX_LIMIT {
        for burst in BURSTS {
            limits.push((weight, ln_bucket(&newest, f64::from(per_second), burst)));
        }
    }
    ln_series(LOSS, syns.all()) - ln_series(LOSS, remembered) + ln_mixture(&limits)
}

fn ln_bucket(newest: &[(f64, bool)], per_second: f64, burst: f64) -> f64 {
    let (mut ln, mut room) = (0.0, burst);
    let mut last = newest.first().map_or(0.0, |(at, _)| *at);
    for (at, answered) in newest {
        room = ((at - last) * per_second + room).min(burst);
        last = *at;
        let probability = if (room - 1.0).abs() < DOUBT {
            0.5
        } else if (room > 1.0) == *answered {
            1.0 - OFF_THE_LIMIT
        } else {
            OFF_THE_LIMIT
        };
        ln += probability.ln();
        if *answered {
            room = (room - 1.0).max(0.0);
        }
    }
    ln
}

/// So many open connections and no more.
fn ln_open_limit(by_open: &[Outcomes]) -> f64 {
    let limits: Vec<(f64, f64)> = (1..=by_open.len())
        .map(|limit| {
            let (below, above) = by_open.split_at(limit.min(by_open.len()));
            let sum = |part: &[Outcomes]| part.iter().fold(Outcomes::default(), |a, b| a.plus(*b));
            let ln =
                ln_known(OFF_THE_LIMIT, sum(below)) + ln_known(1.0 - OFF_THE_LIMIT, sum(above));
            (1.0 / count(by_open.len() as u64), ln)
        })
        .collect();
    ln_mixture(&limits)
}

/// Seconds since 1970, exact to microseconds.
#[expect(clippy::cast_precision_loss, reason = "microseconds are enough")]
fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1e9
}

/// SYNs below a live mark are dropped, others only by the way. Without timestamps it depends on the server's age.
/// What dropped no SYN that it predicts explains nothing, but where marks may have been made that we did not see: by hosts
/// that do not pass here, or before we looked.
fn ln_recycle(syns: &SynEvidence) -> f64 {
    let may_be_unseen = syns.shared_address || syns.early.dropped > 0;
    let unseen = match (predicted_hit(syns).dropped, may_be_unseen) {
        (0, false) => return f64::NEG_INFINITY,
        (0, true) => UNSEEN_ONLY.ln(),
        (_, _) => 0.0,
    };
    let stands = ln_known(1.0 - EXCEPTIONS, syns.predicted_drop);
    let hit = if syns.shared_address {
        // On the circle of timestamps an unseen mark may lie above ours and yet not above the SYN's.
        ln_mixture(&[(0.7, stands), (0.3, ln_series(AGAIN, syns.predicted_drop))])
    } else {
        stands
    };
    unseen + hit + ln_of_either_age(syns, |armed| ln_known(1.0 - EXCEPTIONS, armed))
}

/// As above, where a SYN below the mark may reach a server that does not recycle, or has another mark. What repeats a SYN
/// reaches the same server.
fn ln_recycle_of_some(syns: &SynEvidence) -> f64 {
    let hit = predicted_hit(syns);
    if hit.dropped == 0 {
        return f64::NEG_INFINITY;
    }
    ln_series(OPEN, hit.less(syns.repeated_below))
        + ln_series(AGAIN, syns.repeated_below)
        + ln_series(BACKGROUND, predicted_pass(syns))
}

/// The SYNs that the rule lets pass, and those without timestamps by the age of the server.
fn ln_of_either_age(syns: &SynEvidence, ln_armed: impl Fn(Outcomes) -> f64) -> f64 {
    let pass = predicted_pass(syns);
    let again = syns.repeated.less(syns.repeated_below);
    let ln_later = |later: Outcomes, again: Outcomes| {
        if !syns.shared_address {
            return ln_series(BACKGROUND, later);
        }
        // What met a mark unseen by us meets it again.
        let rivals = ln_series(UNSEEN_RIVALS, later.less(again)) + ln_series(AGAIN, again);
        ln_mixture(&[(0.5, ln_series(BACKGROUND, later)), (0.5, rivals)])
    };
    // Before the first mark that we saw being made there may have been one already: then it decided, again and again.
    let ln_early = ln_series(OPEN, syns.early.less(syns.repeated_early))
        + ln_series(AGAIN, syns.repeated_early);
    let ln_others = |others: Outcomes| {
        let (later, later_again) = (others.less(syns.early), again.less(syns.repeated_early));
        ln_mixture(&[
            (0.5, ln_later(others, again)),
            (0.5, ln_later(later, later_again) + ln_early),
        ])
    };
    let armed = syns.armed_without_timestamps;
    let old = ln_others(pass.plus(armed));
    let young = ln_others(pass) + ln_armed(armed);
    ln_mixture(&[(0.5, old), (0.5, young)])
}

/// One kind of SYN is dropped, others only by the way.
fn ln_selective(dropped: Outcomes, others: Outcomes) -> f64 {
    if dropped.dropped == 0 {
        return f64::NEG_INFINITY;
    }
    ln_known(1.0 - EXCEPTIONS, dropped) + ln_series(BACKGROUND, others)
}

/// Each group is let through or blocked as a whole, at even odds; at least one is blocked.
fn ln_filter(groups: impl Iterator<Item = Outcomes>) -> f64 {
    let (mut any, mut open_all) = (0.0, 0.0);
    for group in groups {
        let blocked = ln_known(1.0 - EXCEPTIONS, group);
        let open = ln_known(STRAY_LOSS, group);
        any += ln_mixture(&[(0.5, blocked), (0.5, open)]);
        open_all += 0.5_f64.ln() + open;
    }
    // Less the case that none is blocked, which is mere loss.
    any + (-(open_all - any).exp()).ln_1p()
}

fn by_port(services: &[Service]) -> impl Iterator<Item = Outcomes> {
    let mut ports = BTreeMap::<u16, Outcomes>::new();
    for service in services {
        let port = ports.entry(service.port).or_default();
        *port = port.plus(service.outcomes);
    }
    ports.into_values()
}

/// Each connection fails or succeeds as a whole.
fn ln_four_tuple(syns: &SynEvidence) -> f64 {
    let connections = syns.connections;
    let whole = outcomes(connections.failed, connections.clean + connections.late);
    ln_series(LOSS, whole) + ln_known(LATE_ALL_THE_SAME, outcomes(connections.late, 0))
}

/// Probability that SYNs beside the named trouble are lost at random, and not just now and then.
pub(super) fn loss_beside(others: Outcomes) -> f64 {
    let lns = [
        0.5_f64.ln() + ln_series(LOSS, others),
        0.5_f64.ln() + ln_known(EXCEPTIONS, others),
    ];
    normalise(&lns).first().copied().unwrap_or(0.0)
}

/// SYNs that a server with tcp_tw_recycle would drop, of one age or the other.
pub(super) fn predicted_hit(syns: &SynEvidence) -> Outcomes {
    syns.predicted_drop.plus(syns.armed_without_timestamps)
}

/// SYNs that it would let pass.
pub(super) fn predicted_pass(syns: &SynEvidence) -> Outcomes {
    syns.predicted_pass.plus(syns.without_timestamps)
}

pub(super) fn with_timestamps(syns: &SynEvidence) -> Outcomes {
    syns.predicted_drop.plus(syns.predicted_pass)
}

pub(super) fn without_timestamps(syns: &SynEvidence) -> Outcomes {
    syns.armed_without_timestamps.plus(syns.without_timestamps)
}

const fn outcomes(dropped: u64, answered: u64) -> Outcomes {
    Outcomes { dropped, answered }
}

#[expect(clippy::cast_precision_loss, reason = "counts of SYNs in a second")]
fn count(number: u64) -> f64 {
    number as f64
}
