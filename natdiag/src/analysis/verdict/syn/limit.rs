//! Limits of number: so many SYNs a second, or so many open connections, and no more.

use super::{
    newest::{Decided, ln_older, newest, seconds_between},
    rates::count,
};
use crate::analysis::{
    evidence::{Outcomes, SynEvidence},
    verdict::likelihood::{ln_known, ln_mixture},
};

/// Most connections a second that a rate limit is looked for at.
const MAX_LIMIT: u32 = 40;
/// Bursts that a rate limit is looked for with.
const BURSTS: [f64; 5] = [1.0, 2.0, 4.0, 6.0, 10.0];
/// Share of SYNs of which a limit is wrong: we do not see just when they reach it.
const OFF_THE_LIMIT: f64 = 0.04;
/// Part of a SYN's room for which it cannot be said whether there was room.
const DOUBT: f64 = 0.25;

/// So many SYNs a second and no more (a token bucket), in place of one rate, for the newest SYNs. That a server takes one
/// whenever there is room makes each fate predictable from those before.
pub(super) fn ln_limit(syns: &SynEvidence) -> f64 {
    let newest = newest(syns);
    let weight = 1.0 / (f64::from(MAX_LIMIT) * count(BURSTS.len() as u64));
    let mut limits = Vec::new();
    for per_second in 1..=MAX_LIMIT {
        for burst in BURSTS {
            limits.push((weight, ln_bucket(&newest, f64::from(per_second), burst)));
        }
    }
    ln_older(syns, &newest) + ln_mixture(&limits)
}

fn ln_bucket(newest: &[Decided], per_second: f64, burst: f64) -> f64 {
    let (mut ln, mut room) = (0.0, burst);
    let mut last = newest.first().map(|syn| syn.sent);
    for syn in newest {
        let passed = last.map_or(0.0, |last| seconds_between(last, syn.sent));
        room = (passed * per_second + room).min(burst);
        last = Some(syn.sent);
        let probability = if (room - 1.0).abs() < DOUBT {
            0.5
        } else if (room > 1.0) == syn.is_dropped {
            OFF_THE_LIMIT
        } else {
            1.0 - OFF_THE_LIMIT
        };
        ln += probability.ln();
        if !syn.is_dropped {
            room = (room - 1.0).max(0.0);
        }
    }
    ln
}

/// So many open connections and no more.
pub(super) fn ln_open_limit(by_open: &[Outcomes]) -> f64 {
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
