//! How likely each trouble makes what was observed. A likelihood is a product over channels that do not overlap: fates
//! of SYNs, SYN-ACKs that were lost, SYN-ACKs that came again, reused four-tuples, clocks, neighbours.

use std::collections::BTreeMap;

use crate::analysis::{
    diagnosis::Cause,
    evidence::{Outcomes, Service, SynEvidence, spells::Spell},
    verdict::{
        Case, Neighbours,
        base_rates::{SYN_TROUBLES, SynTrouble},
        likelihood::{Rate, ln_choose, ln_known, ln_mixture, ln_series, normalise},
    },
};

/// Share of SYNs that do not do what a rule of all or nothing says: real servers with tcp_tw_recycle dropped 7,518 of
/// 7,518 SYNs below the mark, and the marks of hosts that we do not see blur this a little.
const EXCEPTIONS: f64 = 0.001;
/// Share of packets lost beside a trouble that lets others pass.
const STRAY_LOSS: f64 = 0.01;
/// Share of connections that get through late though something is wrong with their four-tuple.
const LATE_ALL_THE_SAME: f64 = 0.02;
/// Share of SYNs that a bare ACK answers where no port is reused: nothing else is known to do so.
const STRAY_ACKS: f64 = 0.000_01;
/// Share of seconds within an outage, where there are outages at all.
const OUT: f64 = 0.1;
/// Most connections a second that a rate limit is looked for at.
const MAX_LIMIT: u64 = 40;
/// Share of seconds in which a rate limit lets just so many pass, give or take one; in others it fills or empties a burst.
const AT_THE_LIMIT: f64 = 0.85;

/// Loss on a path is mostly small: as if 1 of 10 had been lost before.
const LOSS: Rate = Rate::new(1.0, 9.0);
/// Loss beside a rule that drops others.
const BACKGROUND: Rate = Rate::new(1.0, 19.0);
/// Where hosts that we do not see share our address, any SYN may meet a mark of theirs.
const UNSEEN_RIVALS: Rate = Rate::new(1.0, 3.0);
/// Share of servers that only hosts unseen by us make marks at: ours would make some too.
const UNSEEN_ONLY: f64 = 0.05;
/// A full backlog drops nothing, some, or all within a second.
const SPELL: Rate = Rate::new(0.25, 0.75);
/// A server with a full accept queue repeats its SYN-ACK to a third of those that it answers.
const REPEATED: Rate = Rate::new(1.0, 2.0);
/// Most are dropped, how many is open.
const MOSTLY: Rate = Rate::new(3.0, 1.0);
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
        SynTrouble::Outage => ln_by_second(syns, ln_second_of_outage),
        SynTrouble::Backlog => ln_by_second(syns, |spell| ln_series(SPELL, spell.outcomes)),
        SynTrouble::RateLimit => {
            let limits: Vec<(f64, f64)> = (1..=MAX_LIMIT)
                .map(|limit| {
                    let ln = ln_by_second(syns, |spell| ln_second_of_limit(spell, limit));
                    (1.0 / count(MAX_LIMIT), ln)
                })
                .collect();
            ln_mixture(&limits)
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
        SynTrouble::Backlog => ln_mixture(&[(0.5, ln_series(REPEATED, answers)), (0.5, stray)]),
        // Data behind a lost ACK acknowledges as well, so that few are missed.
        SynTrouble::Loss => ln_mixture(&[(0.5, ln_series(BACKGROUND, answers)), (0.5, stray)]),
        _ => ln_mixture(&[(0.95, stray), (0.05, ln_series(BACKGROUND, answers))]),
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
        | SynTrouble::RateLimit => ln_known(STRAY_ACKS, acks) + ln_series(LOSS, dropped),
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

/// The likelihood under a rule for single seconds, in place of one rate, for the seconds that are remembered.
fn ln_by_second(syns: &SynEvidence, ln_second: impl Fn(Spell) -> f64) -> f64 {
    let (mut ln, mut remembered) = (0.0, Outcomes::default());
    for spell in syns.spells.iter() {
        ln += ln_second(spell);
        remembered = remembered.plus(spell.outcomes);
    }
    ln_series(LOSS, syns.all()) - ln_series(LOSS, remembered) + ln
}

fn ln_second_of_outage(spell: Spell) -> f64 {
    ln_mixture(&[
        (1.0 - OUT, ln_known(STRAY_LOSS, spell.outcomes)),
        (OUT, ln_known(1.0 - EXCEPTIONS, spell.outcomes)),
    ])
}

/// Up to `limit` SYNs pass; of more, about so many.
fn ln_second_of_limit(spell: Spell, limit: u64) -> f64 {
    let Outcomes { dropped, answered } = spell.outcomes;
    let total = dropped + answered;
    if total <= limit {
        return ln_known(STRAY_LOSS, spell.outcomes);
    }
    let elsewhere = (1.0 - AT_THE_LIMIT) / count(total + 1);
    let probability = if answered.abs_diff(limit) <= 1 {
        AT_THE_LIMIT / 3.0 + elsewhere
    } else {
        elsewhere
    };
    probability.ln() - ln_choose(total, answered)
}

/// SYNs below a live mark are dropped, others only by the way. Without timestamps it depends on the server's age.
/// What dropped no SYN that it predicts explains nothing, but where hosts that we do not see may have made marks.
fn ln_recycle(syns: &SynEvidence) -> f64 {
    let unseen = match (predicted_hit(syns).dropped, syns.shared_address) {
        (0, false) => return f64::NEG_INFINITY,
        (0, true) => UNSEEN_ONLY.ln(),
        (_, _) => 0.0,
    };
    unseen
        + ln_known(1.0 - EXCEPTIONS, syns.predicted_drop)
        + ln_of_either_age(syns, |armed| ln_known(1.0 - EXCEPTIONS, armed))
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
    let others = if syns.shared_address {
        UNSEEN_RIVALS
    } else {
        BACKGROUND
    };
    let pass = predicted_pass(syns);
    let armed = syns.armed_without_timestamps;
    let old = ln_series(others, pass.plus(armed));
    let young = ln_series(others, pass) + ln_armed(armed);
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
