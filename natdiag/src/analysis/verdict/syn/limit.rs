//! Limits of number: so many SYNs a second, or so many open connections, and no more.

use super::{
    newest::{Decided, counted, decided, ln_older, seconds_between},
    rates::{STRAY_LOSS, count},
};
use crate::analysis::{
    fates::{Outcomes, SynSums},
    verdict::likelihood::{Rate, ln_known, ln_mixture, ln_series},
};

/// Limits that are looked for, in connections a second: from the first, each a twentieth above the one before.
const SLOWEST: f64 = 0.3;
const LIMITS: u32 = 100;
const NEXT: f64 = 1.05;
/// Bursts that a limit is looked for with.
const BURSTS: [f64; 6] = [1.0, 2.0, 3.0, 5.0, 8.0, 12.0];
/// Most open connections that a limit is looked for at.
const MAX_OPEN: usize = 32;
/// Beyond a limit few SYNs pass: we do not see just when they reach it.
pub(super) const BEYOND: Rate = Rate::new(24.0, 1.0);
/// Part of a SYN's room for which it cannot be said whether there was room.
const DOUBT: f64 = 0.25;

/// So many SYNs a second and no more (a token bucket), in place of one rate, for the newest SYNs. That a server takes
/// one whenever there is room makes each fate predictable from those before.
pub(super) fn ln_limit(syns: &SynSums) -> f64 {
    let newest = decided(syns);
    ln_older(syns, counted(&newest)) + ln_number_a_second(&newest)
}

/// How likely these fates are where so many SYNs pass a second, whatever the number is.
pub(in crate::analysis::verdict) fn ln_number_a_second(newest: &[Decided]) -> f64 {
    let weight = 1.0 / (f64::from(LIMITS) * count(BURSTS.len() as u64));
    let mut limits = Vec::new();
    let mut per_second = SLOWEST;
    for _ in 0..LIMITS {
        limits.extend(BURSTS.map(|burst| (weight, ln_bucket(newest, per_second, burst))));
        per_second *= NEXT;
    }
    ln_mixture(&limits)
}

fn ln_bucket(newest: &[Decided], per_second: f64, burst: f64) -> f64 {
    let (mut doubtful, mut room) = (0.0, burst);
    // SYNs for which there is room, and those for which there is none.
    let (mut within, mut beyond) = (Outcomes::default(), Outcomes::default());
    let mut last = newest.first().map(|syn| syn.sent);
    for syn in newest {
        let passed = last.map_or(0.0, |last| seconds_between(last, syn.sent));
        room = (passed * per_second + room).min(burst);
        last = Some(syn.sent);
        if !syn.counts {
            // It takes its room all the same.
        } else if (room - 1.0).abs() < DOUBT {
            doubtful += 1.0;
        } else if room > 1.0 {
            within.count(syn.is_dropped);
        } else {
            beyond.count(syn.is_dropped);
        }
        if !syn.is_dropped {
            room = (room - 1.0).max(0.0);
        }
    }
    ln_within(within) + ln_series(BEYOND, beyond) + doubtful * 0.5_f64.ln()
}

/// A limit that is not reached drops nothing, and must not pass for loss.
pub(super) fn ln_within(within: Outcomes) -> f64 {
    ln_known(STRAY_LOSS, within)
}

/// So many open connections and no more, for the newest SYNs.
pub(super) fn ln_open_limit(syns: &SynSums) -> f64 {
    let newest = decided(syns);
    ln_older(syns, counted(&newest)) + ln_number_open(&newest)
}

/// How likely these fates are where so many connections may be open, whatever the number is.
pub(in crate::analysis::verdict) fn ln_number_open(newest: &[Decided]) -> f64 {
    let mut within = [Outcomes::default(); MAX_OPEN];
    let mut beyond = within;
    // Those that are on their way to be opened count as well, and are not seen to be open yet.
    let (mut open, mut under_way) = (0, 0);
    for syn in newest {
        if syn.open != open {
            (open, under_way) = (syn.open, 0);
        }
        for ((limit, within), beyond) in (1..).zip(&mut within).zip(&mut beyond) {
            let met = if open + under_way < limit {
                within
            } else {
                beyond
            };
            met.count(syn.is_dropped);
        }
        under_way += u16::from(!syn.is_dropped);
    }
    let weight = 1.0 / count(MAX_OPEN as u64);
    let limits: Vec<(f64, f64)> = within
        .iter()
        .zip(&beyond)
        .map(|(within, beyond)| (weight, ln_within(*within) + ln_series(BEYOND, *beyond)))
        .collect();
    ln_mixture(&limits)
}
