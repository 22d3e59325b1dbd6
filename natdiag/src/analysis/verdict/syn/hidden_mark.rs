//! What a server with tcp_tw_recycle would have done to the newest SYNs where hosts that we do not see share our address:
//! they write marks too, so what the server holds is hidden. But each fate tells something about it, each of our own
//! closings may have replaced it, and it stays what it is in between: a hidden Markov chain, and the forward algorithm.
//!
//! Timestamps lie on a circle, on which of three hosts each may be ahead of the next. So a mark of ours is no lower bound:
//! an unseen host may move it to where a SYN that is older than ours passes.

use natdiag_common::wire::seq::TsVal;

use super::{
    newest::{Decided, seconds_between},
    rates::{EXCEPTIONS, STRAY_LOSS, count},
};
use crate::{
    analysis::{
        evidence::SynEvidence,
        mark::{Mark, Prediction, predict_under},
        verdict::likelihood::ln_mixture,
    },
    event::Timestamp,
};

/// Places on the circle at which the clock of an unseen host is looked for. Its clock moves by less than one within a
/// day.
const PLACES: u32 = 16;
/// How often unseen hosts write a mark, a second.
const WRITES_PER_SECOND: [f64; 3] = [0.03, 0.3, 3.0];
/// Shares of what unseen hosts do: nothing; nothing any more, but what they or ours wrote before is in force; one of them
/// writes, whose clock has one base; they write from anywhere (several hosts, or a base per connection).
const SILENT: f64 = 0.4;
const BEFORE: f64 = 0.1;
const ONE: f64 = 0.3;
const ANYWHERE: f64 = 0.2;
/// How likely it is that those who write had written before the first SYN that is remembered.
const BEGUN: f64 = 0.5;

/// The likelihood of the fates of the newest SYNs.
pub(super) fn ln_under_hidden_mark(syns: &SynEvidence, newest: &[Decided]) -> f64 {
    let steps = steps(syns, newest);
    let ages: &[bool] = if newest.iter().any(|syn| syn.tsval.is_none()) {
        &[true, false]
    } else {
        &[true]
    };
    let circle: Vec<TsVal> = (0..PLACES)
        .map(|place| TsVal(place * (u32::MAX / PLACES)))
        .collect();
    let mut parts = Vec::new();
    for drops_without_timestamps in ages {
        let mut add = |share: f64, unseen: Unseen| {
            let ln = ln_of(&steps, unseen, *drops_without_timestamps);
            parts.push((share / count(ages.len() as u64), ln));
        };
        let unseen = |places, per_second, begun| Unseen {
            places,
            per_second,
            begun,
        };
        add(SILENT, unseen(&[], 0.0, 0.0));
        add(BEFORE, unseen(&circle, 0.0, 1.0));
        for per_second in WRITES_PER_SECOND {
            let weight = 1.0 / count(WRITES_PER_SECOND.len() as u64);
            add(ANYWHERE * weight, unseen(&circle, per_second, BEGUN));
            for place in circle.chunks(1) {
                let share = ONE * weight / f64::from(PLACES);
                add(share, unseen(place, per_second, BEGUN));
            }
        }
    }
    ln_mixture(&parts)
}

/// What happens, in order.
#[derive(Clone, Copy)]
enum Step {
    /// A connection that we see ends.
    Write(Mark),
    /// A SYN is sent.
    Syn(Decided),
}

impl Step {
    const fn at(&self) -> Timestamp {
        match self {
            Self::Write(mark) => mark.since,
            Self::Syn(syn) => syn.sent,
        }
    }
}

fn steps(syns: &SynEvidence, newest: &[Decided]) -> Vec<Step> {
    let writes = syns.writes.iter().map(Step::Write);
    let mut steps: Vec<Step> = writes
        .chain(newest.iter().copied().map(Step::Syn))
        .collect();
    steps.sort_by_key(Step::at);
    steps
}

/// What hosts that we do not see do.
#[derive(Clone, Copy)]
struct Unseen<'a> {
    /// The timestamps that they may write.
    places: &'a [TsVal],
    per_second: f64,
    /// The probability that one is in force at the beginning.
    begun: f64,
}

fn ln_of(steps: &[Step], unseen: Unseen, drops_without_timestamps: bool) -> f64 {
    let Some(mut last) = steps.first().map(Step::at) else {
        return 0.0;
    };
    let mut belief = Belief::new(unseen, last);
    let mut ln = 0.0;
    for step in steps {
        belief.pass_time(unseen, last, step.at());
        last = step.at();
        match step {
            Step::Write(mark) => belief.write(mark.tsval, mark.since, 1.0),
            Step::Syn(syn) => ln += belief.learn(*syn, drops_without_timestamps).ln(),
        }
    }
    ln
}

/// What the server may hold, with the probability of each.
struct Belief {
    marks: Vec<(Option<Mark>, f64)>,
}

impl Belief {
    fn new(unseen: Unseen, now: Timestamp) -> Self {
        let each = unseen.begun / count(unseen.places.len().max(1) as u64);
        let mut marks = vec![(None, 1.0 - unseen.begun)];
        marks.extend(unseen.places.iter().map(|tsval| {
            let mark = Mark {
                tsval: *tsval,
                since: now,
            };
            (Some(mark), each)
        }));
        Self { marks }
    }

    /// Unseen hosts may have written something meanwhile.
    fn pass_time(&mut self, unseen: Unseen, from: Timestamp, to: Timestamp) {
        let written = -(-unseen.per_second * seconds_between(from, to)).exp_m1();
        if written <= 0.0 || unseen.places.is_empty() {
            return;
        }
        let each = written / count(unseen.places.len() as u64);
        let before = self.marks.clone();
        for tsval in unseen.places {
            let mut moved = 0.0;
            for ((mark, probability), (_, left)) in before.iter().zip(&mut self.marks) {
                if mark.is_none_or(|mark| !mark.stands_against(*tsval, to)) {
                    moved += probability * each;
                    *left -= probability * each;
                }
            }
            self.add(*tsval, to, moved);
        }
    }

    /// A connection writes, with a probability.
    fn write(&mut self, tsval: TsVal, now: Timestamp, probability: f64) {
        let mut moved = 0.0;
        for (mark, left) in &mut self.marks {
            if mark.is_none_or(|mark| !mark.stands_against(tsval, now)) {
                moved += *left * probability;
                *left *= 1.0 - probability;
            }
        }
        self.marks.retain(|(_, left)| *left > 0.0);
        self.add(tsval, now, moved);
    }

    fn add(&mut self, tsval: TsVal, now: Timestamp, probability: f64) {
        let known = self
            .marks
            .iter_mut()
            .find(|(mark, _)| mark.is_some_and(|mark| mark.tsval == tsval));
        match known {
            Some((Some(mark), known)) => {
                mark.since = now;
                *known += probability;
            }
            _ => self
                .marks
                .push((Some(Mark { tsval, since: now }), probability)),
        }
    }

    /// What the fate of a SYN tells about the mark; returns how probable it was.
    fn learn(&mut self, syn: Decided, drops_without_timestamps: bool) -> f64 {
        let mut whole = 0.0;
        for (mark, probability) in &mut self.marks {
            let is_hit = match predict_under(*mark, syn.tsval, syn.sent) {
                Prediction::Drop => true,
                Prediction::ArmedWithoutTimestamp => drops_without_timestamps,
                Prediction::Pass | Prediction::WithoutTimestamp => false,
            };
            let dropped = if is_hit { 1.0 - EXCEPTIONS } else { STRAY_LOSS };
            *probability *= if syn.is_dropped {
                dropped
            } else {
                1.0 - dropped
            };
            whole += *probability;
        }
        for (_, probability) in &mut self.marks {
            *probability /= whole;
        }
        whole
    }
}
