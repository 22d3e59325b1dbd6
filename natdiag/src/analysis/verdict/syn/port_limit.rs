//! A NAT beyond the watcher that has no port left: so many connections, open or closed a short time ago, and no more. What
//! the server does is no part of it, so nothing is repeated and nobody waits.

use super::{
    channel,
    data::ln_data,
    finding::finding,
    limit::{BEYOND, ln_within},
    newest::ln_older,
    rates::{OPEN, count},
    room::{Excluded, Room, Seen, are_several_hit, no_others},
};
use crate::{
    analysis::{
        diagnosis::{Cause, Evidence, Finding, Severity},
        fates::{Fate, Outcomes, SynEvidence, recent::RecentSyn},
        verdict::likelihood::{ln_mixture, ln_series},
    },
    event::Timestamp,
};

pub(super) const ROOM: Room = Room {
    prior: 0.008,
    cause: Cause::NatPortExhaustion,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: true,
    ln_fates,
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: are_several_hit,
    finding: |seen| named(seen.syns),
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(|_| {
        "drops do not begin at any number of connections open or closed shortly before".to_owned()
    }),
    against_others: None,
    why_left: |_| "drops come when many connections were open or closed shortly before",
};

/// How long a port rests when its connection has closed, in seconds: not at all, as long as a server holds it, and as
/// managed NATs have it (Google Cloud NAT: 120 s).
const RESTS_S: [u64; 3] = [0, 60, 120];
/// Fewest ports that are looked for: a NAT gives no client less.
const FEWEST: usize = 8;
/// Parts of a limit in which it cannot be said whether it is reached: not each connection is seen to begin and to end just
/// when the NAT sees it.
const DOUBTS: [f64; 3] = [0.0, 0.05, 0.12];

/// A port that does not rest looks like a limit of open connections.
fn ln_fates(seen: &Seen) -> f64 {
    let [at_once, minute, two] = seen.in_order.ports;
    ln_mixture(&[(0.2, at_once), (0.4, minute), (0.4, two)])
}

/// A SYN and how many ports were held when it was sent.
#[derive(Clone, Copy, Debug)]
struct Asking {
    held: usize,
    is_dropped: bool,
}

/// The newest SYNs, each with the ports held then by those before, if a port rests so long.
fn asking(newest: &[RecentSyn], rest_s: u64) -> Vec<Asking> {
    let rest_ns = rest_s * 1_000_000_000;
    let is_held = |syn: &&RecentSyn, now: Timestamp| {
        syn.fate == Fate::Answered && syn.closed.is_none_or(|at| at.plus(rest_ns) > now)
    };
    newest
        .iter()
        .enumerate()
        .filter(|(_, syn)| syn.counts && matches!(syn.fate, Fate::Answered | Fate::Dropped))
        .map(|(place, syn)| Asking {
            held: newest
                .iter()
                .take(place)
                .filter(|earlier| is_held(earlier, syn.sent))
                .count(),
            is_dropped: syn.fate == Fate::Dropped,
        })
        .collect()
}

/// The likelihood of the fates of these SYNs under some limit.
fn ln_limited(asking: &[Asking]) -> f64 {
    let most = asking.iter().map(|it| it.held).max().unwrap_or_default();
    if most < FEWEST {
        return f64::NEG_INFINITY;
    }
    let limits: Vec<usize> = (FEWEST..=most).collect();
    let weight = 1.0 / count((limits.len() * DOUBTS.len()) as u64);
    let parts: Vec<(f64, f64)> = limits
        .iter()
        .flat_map(|limit| DOUBTS.map(|doubt| (weight, ln_under(asking, *limit, doubt))))
        .collect();
    ln_mixture(&parts)
}

/// SYNs that find a port, those that may, and those that find none, by a limit.
fn by_limit(asking: &[Asking], limit: usize, doubt: f64) -> [Outcomes; 3] {
    let doubtful_from = count(limit as u64) * (1.0 - doubt);
    let mut met = [Outcomes::default(); 3];
    for it in asking {
        let [within, doubtful, beyond] = &mut met;
        let outcomes = if it.held >= limit {
            beyond
        } else if count(it.held as u64) >= doubtful_from {
            doubtful
        } else {
            within
        };
        outcomes.count(it.is_dropped);
    }
    met
}

fn ln_under(asking: &[Asking], limit: usize, doubt: f64) -> f64 {
    let [within, doubtful, beyond] = by_limit(asking, limit, doubt);
    if beyond.dropped + doubtful.dropped == 0 {
        return f64::NEG_INFINITY;
    }
    ln_within(within) + ln_series(OPEN, doubtful) + ln_series(BEYOND, beyond)
}

/// The likeliest limit.
fn likeliest(asking: &[Asking]) -> Option<usize> {
    let most = asking.iter().map(|it| it.held).max()?;
    (FEWEST..=most).max_by(|a, b| {
        let ln = |limit| {
            DOUBTS
                .map(|doubt| ln_under(asking, limit, doubt))
                .into_iter()
                .fold(f64::NEG_INFINITY, f64::max)
        };
        ln(*a).total_cmp(&ln(*b))
    })
}

/// The likelihood of the fates of SYNs for each time that ports may rest.
pub(super) fn ln_ports(syns: &SynEvidence) -> [f64; 3] {
    let newest = syns.recent.to_vec();
    let mut decided = Outcomes::default();
    for it in asking(&newest, 0) {
        decided.count(it.is_dropped);
    }
    RESTS_S.map(|rest_s| ln_older(syns, decided) + ln_limited(&asking(&newest, rest_s)))
}

/// The finding in words.
fn named(syns: &SynEvidence) -> Finding {
    let all = syns.all();
    let newest = syns.recent.to_vec();
    let best = RESTS_S
        .map(|rest_s| (rest_s, asking(&newest, rest_s)))
        .into_iter()
        .max_by(|a, b| ln_limited(&a.1).total_cmp(&ln_limited(&b.1)));
    let limit = best
        .as_ref()
        .and_then(|(rest_s, asking)| Some((*rest_s, likeliest(asking)?)));
    let summary = format!(
        "a NAT beyond this machine has no port left for this host at times: {} of {} SYNs got no answer, while about {} connections were open or had closed shortly before",
        all.dropped,
        all.total(),
        limit.map_or(0, |(_, limit)| limit)
    );
    let mut finding = finding(
        Cause::NatPortExhaustion,
        Severity::Critical,
        summary,
        syns,
        remedy(),
    );
    if let Some((rest_s, limit)) = limit {
        finding
            .evidence
            .push(("ports_for_this_host", Evidence::Count(limit as u64)));
        finding
            .evidence
            .push(("ports_rest_seconds", Evidence::Count(rest_s)));
    }
    finding
}

/// What helps where ports are used up.
fn remedy() -> Vec<String> {
    vec![
        "keep connections open and use them again (keep-alive, pools): each new one takes a port, and it rests when closed".to_owned(),
        "give the NAT more ports for this client or more addresses: minimum ports per VM at Google Cloud NAT, SNAT ports or a NAT gateway at Azure, a public address of your own behind a carrier's NAT".to_owned(),
    ]
}
