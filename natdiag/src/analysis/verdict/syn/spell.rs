//! Good and bad times: outages, and queues that are full now and then.

use super::{
    newest::{Decided, ln_older, newest, outcomes_of, seconds_between},
    rates::{EXCEPTIONS, OPEN, STRAY_LOSS},
};
use crate::analysis::{
    evidence::{Outcomes, SynEvidence, spells::Spell},
    verdict::likelihood::{ln_known, ln_mixture, ln_series},
};

/// How long outages last on average, in seconds, which share of the time they take, and how common such are: a blink, a
/// route that comes and goes, one that is mostly gone, a link that is down for long.
const OUTAGES: [(f64, f64, f64); 4] = [
    (1.0, 0.05, 0.3),
    (4.0, 0.1, 0.5),
    (4.0, 0.4, 0.1),
    (20.0, 0.2, 0.1),
];
/// Share of seconds within a spell of overload, where there are any.
const BAD: f64 = 0.1;
/// How often a bad second is followed by another: spells of three seconds.
const GOES_ON: f64 = 0.7;
/// Seconds without SYNs after which nothing is left of what was before.
const PAUSE_SECONDS: u64 = 3;

/// The likelihood of good and bad times, in place of one rate, for the seconds that are remembered: a bad second is
/// followed by another more often than not (a hidden Markov chain of two states; the forward algorithm).
pub(super) fn ln_in_spells(syns: &SynEvidence, ln_bad: impl Fn(Outcomes) -> f64) -> f64 {
    let newest = newest(syns);
    // Logarithms of the probabilities of all so far and a good, or a bad, second at the end.
    let (mut good, mut bad) = ((1.0 - BAD).ln(), BAD.ln());
    let mut last: Option<u64> = None;
    for spell in by_second(&newest) {
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
    }
    ln_older(syns, &newest) + ln_mixture(&[(1.0, good), (1.0, bad)])
}

/// The likelihood under a rule for single seconds, in place of one rate.
pub(super) fn ln_by_second(syns: &SynEvidence, ln_second: impl Fn(Outcomes) -> f64) -> f64 {
    let newest = newest(syns);
    let ln: f64 = by_second(&newest)
        .iter()
        .map(|spell| ln_second(spell.outcomes))
        .sum();
    ln_older(syns, &newest) + ln
}

/// The newest SYNs by the second in which they were sent.
fn by_second(newest: &[Decided]) -> Vec<Spell> {
    let mut spells = Vec::<Spell>::new();
    for of_second in newest.chunk_by(|a, b| second(a) == second(b)) {
        if let Some(first) = of_second.first() {
            spells.push(Spell {
                second: second(first),
                outcomes: outcomes_of(of_second, |_| true),
            });
        }
    }
    spells
}

const fn second(syn: &Decided) -> u64 {
    syn.sent.0 / 1_000_000_000
}

/// A full queue drops all, or some while it is being emptied.
pub(super) fn ln_overload(second: Outcomes) -> f64 {
    ln_mixture(&[
        (0.5, ln_known(1.0 - EXCEPTIONS, second)),
        (0.5, ln_series(OPEN, second)),
    ])
}

/// Nothing is answered at times: two states in turns, of unknown lengths, for the newest SYNs (a hidden Markov chain in
/// continuous time; the forward algorithm). Within such a time no SYN is answered, whatever it carries.
pub(super) fn ln_outage(syns: &SynEvidence) -> f64 {
    let newest = newest(syns);
    let chains =
        OUTAGES.map(|(length_s, share, common)| (common, ln_chain(&newest, length_s, share)));
    ln_older(syns, &newest) + ln_mixture(&chains)
}

fn ln_chain(newest: &[Decided], length_s: f64, share: f64) -> f64 {
    let mut ln = 0.0;
    // Probability of being within an outage, given all fates so far.
    let mut bad = share;
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
        let from_bad = bad * of(1.0 - EXCEPTIONS);
        let whole = from_bad + (1.0 - bad) * of(STRAY_LOSS);
        ln += whole.ln();
        bad = from_bad / whole;
    }
    ln
}
