//! So many ports and no more: each is held by a connection, and rests for a while when that has closed.

use super::{
    limit::{BEYOND, ln_within},
    newest::ln_older,
    rates::{OPEN, count},
};
use crate::{
    analysis::{
        fates::{Fate, Outcomes, SynSums, recent::RecentSyn},
        verdict::likelihood::{ln_mixture, ln_series},
    },
    event::Timestamp,
};

/// How long a port rests when its connection has closed, in seconds: not at all, as long as a server holds it, and as
/// managed NATs have it (Google Cloud NAT: 120 s).
const RESTS_S: [u64; 3] = [0, 60, 120];
/// Fewest ports that are looked for: a NAT gives no client less.
const FEWEST: usize = 8;
/// Parts of a limit in which it cannot be said whether it is reached: not each connection is seen to begin and to end
/// just when the NAT sees it.
const DOUBTS: [f64; 3] = [0.0, 0.05, 0.12];

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
pub(super) fn ln_ports(syns: &SynSums) -> [f64; 3] {
    let newest = syns.recent.to_vec();
    let mut decided = Outcomes::default();
    for it in asking(&newest, 0) {
        decided.count(it.is_dropped);
    }
    RESTS_S.map(|rest_s| ln_older(syns, decided) + ln_limited(&asking(&newest, rest_s)))
}

/// The likeliest limit, and how long a port then rests, in seconds.
pub(super) fn likeliest_limit(syns: &SynSums) -> Option<(u64, usize)> {
    let newest = syns.recent.to_vec();
    let (rest_s, asking) = RESTS_S
        .map(|rest_s| (rest_s, asking(&newest, rest_s)))
        .into_iter()
        .max_by(|a, b| ln_limited(&a.1).total_cmp(&ln_limited(&b.1)))?;
    Some((rest_s, likeliest(&asking)?))
}
