//! Good and bad times: outages, and queues that are full now and then.

use super::{
    newest::{Decided, counted, ln_older, newest, seconds_between},
    rates::{EXCEPTIONS, STRAY_LOSS},
};
use crate::analysis::{fates::SynSums, verdict::likelihood::ln_mixture};

/// Times of two kinds in turns.
struct Turns {
    /// How long bad times last on average, in seconds.
    length_s: f64,
    /// Which share of all time they take.
    share: f64,
    /// How likely a SYN is dropped in bad times, and in good ones.
    dropped: (f64, f64),
}

/// Outages, and how common such are: a blink, a route that comes and goes, one that is mostly gone, a link that is down
/// for long.
const OUTAGES: [(f64, Turns); 4] = [
    (0.3, outage(1.0, 0.05)),
    (0.5, outage(4.0, 0.1)),
    (0.1, outage(4.0, 0.4)),
    (0.1, outage(20.0, 0.2)),
];
/// Queues that are about full, and how common such are: now and then there is no room, and for a while almost none.
const QUEUES: [(f64, Turns); 4] = [
    (0.25, queue(0.3, 0.2)),
    (0.25, queue(1.0, 0.3)),
    (0.25, queue(1.0, 0.6)),
    (0.25, queue(4.0, 0.3)),
];

const fn outage(length_s: f64, share: f64) -> Turns {
    Turns {
        length_s,
        share,
        dropped: (1.0 - EXCEPTIONS, STRAY_LOSS),
    }
}

const fn queue(length_s: f64, share: f64) -> Turns {
    Turns {
        length_s,
        share,
        dropped: (0.95, 0.1),
    }
}

/// Nothing is answered at times, whatever it carries, for the newest SYNs.
pub(super) fn ln_outage(syns: &SynSums) -> f64 {
    ln_in_turns(syns, &OUTAGES)
}

/// Little is answered at times, for the newest SYNs.
pub(super) fn ln_nearly_full(syns: &SynSums) -> f64 {
    ln_in_turns(syns, &QUEUES)
}

fn ln_in_turns(syns: &SynSums, all: &[(f64, Turns)]) -> f64 {
    let newest = newest(syns);
    let chains: Vec<(f64, f64)> = all
        .iter()
        .map(|(common, turns)| (*common, ln_chain(&newest, turns)))
        .collect();
    ln_older(syns, counted(&newest)) + ln_mixture(&chains)
}

/// A hidden Markov chain of two states in continuous time; the forward algorithm. Less the case that no SYN has met a
/// bad time, which is mere loss.
fn ln_chain(newest: &[Decided], turns: &Turns) -> f64 {
    let Turns {
        length_s,
        share,
        dropped,
    } = *turns;
    let mut ln = 0.0;
    // Probabilities of a bad time, and that there has been none, given all fates so far.
    let (mut bad, mut none_bad) = (share, 1.0 - share);
    let mut last = newest.first().map(|syn| syn.sent);
    for syn in newest {
        let passed = last.map_or(0.0, |last| seconds_between(last, syn.sent));
        last = Some(syn.sent);
        let keeps = (-passed / (length_s * (1.0 - share))).exp();
        bad = share + (bad - share) * keeps;
        let of = |dropped: f64| {
            if syn.is_dropped {
                dropped
            } else {
                1.0 - dropped
            }
        };
        let from_bad = bad * of(dropped.0);
        let whole = from_bad + (1.0 - bad) * of(dropped.1);
        ln += whole.ln();
        bad = from_bad / whole;
        none_bad *= (1.0 - share * (1.0 - keeps)) * of(dropped.1) / whole;
    }
    ln + (1.0 - none_bad).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::mark::Prediction, event::Timestamp};

    /// SYNs 25 ms apart.
    fn syns(is_dropped: impl Fn(u64) -> bool) -> Vec<Decided> {
        (0..256)
            .map(|number| Decided {
                sent: Timestamp(number * 25_000_000),
                tsval: None,
                prediction: Prediction::WithoutTimestamp,
                repeated: false,
                open: 0,
                is_dropped: is_dropped(number),
                counts: true,
            })
            .collect()
    }

    #[test]
    fn drops_far_from_each_other_show_no_bad_time() {
        let apart = syns(|number| number % 10 == 0);
        let in_spells = syns(|number| number % 100 < 10);
        for (_, turns) in QUEUES {
            let at_random = |syns: &[Decided]| {
                let good = turns.dropped.1;
                let drops = syns.iter().filter(|syn| syn.is_dropped).count();
                count(drops) * good.ln() + count(syns.len() - drops) * (1.0 - good).ln()
            };
            assert!(ln_chain(&apart, &turns) < at_random(&apart) - 2.0);
            assert!(ln_chain(&in_spells, &turns) > at_random(&in_spells) + 2.0);
        }
    }

    fn count(number: usize) -> f64 {
        f64::from(u32::try_from(number).unwrap())
    }
}
