//! What a server with tcp_tw_recycle would have done to the newest SYNs where hosts that we do not see share our
//! address: they write marks too, so what the server holds is hidden. But each fate tells something about it, each of
//! our own closings may have replaced it, and it stays what it is in between: a hidden Markov chain, and the forward
//! algorithm.
//!
//! Timestamps lie on a circle, on which of three hosts each may be ahead of the next. So a mark of ours is no lower
//! bound: an unseen host may move it to where a SYN that is older than ours passes.

mod arc;

use self::arc::{Arc, arcs};
use super::{
    newest::{Decided, seconds_between},
    rates::{EXCEPTIONS, STRAY_LOSS, count},
};
use crate::{
    analysis::{
        fates::SynSums,
        mark::{LIFETIME_NS, Mark},
        verdict::likelihood::ln_mixture,
    },
    event::Timestamp,
};

/// How often unseen hosts write a mark, a second.
const WRITES_PER_SECOND: [f64; 3] = [0.03, 0.3, 3.0];
/// Shares of what unseen hosts do: nothing; nothing any more, but what they or ours wrote before is in force; one of
/// them writes, whose clock has one base; they write from anywhere (several hosts, or a base per connection).
const SILENT: f64 = 0.4;
const BEFORE: f64 = 0.1;
const ONE: f64 = 0.3;
const ANYWHERE: f64 = 0.2;
/// How likely it is that those who write had written before the first SYN that is remembered.
const BEGUN: f64 = 0.5;

/// The likelihood of the fates of the newest SYNs.
pub(super) fn ln_under_hidden_mark(syns: &SynSums, newest: &[Decided]) -> f64 {
    let steps = steps(syns, newest);
    let ages: &[bool] = if newest.iter().any(|syn| syn.tsval.is_none()) {
        &[true, false]
    } else {
        &[true]
    };
    let circle = arcs(newest);
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
                let share = ONE * weight * share_of_circle(place);
                add(share, unseen(place, per_second, BEGUN));
            }
        }
    }
    ln_mixture(&parts)
}

/// What part of the circle arcs are together.
fn share_of_circle(places: &[Arc]) -> f64 {
    places.iter().map(|place| place.share()).sum()
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

fn steps(syns: &SynSums, newest: &[Decided]) -> Vec<Step> {
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
    /// Where the timestamps lie that they may write.
    places: &'a [Arc],
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
            Step::Write(mark) => belief.write(Arc::point(mark.tsval), mark.since),
            Step::Syn(syn) => ln += belief.learn(*syn, drops_without_timestamps).ln(),
        }
    }
    ln
}

/// What the server may hold.
#[derive(Clone, Copy)]
struct Held {
    /// The mark, if any, and when it was written.
    mark: Option<(Arc, Timestamp)>,
    probability: f64,
}

impl Held {
    /// How likely the mark still counts and is ahead of a place.
    fn stands_against(&self, place: Arc, now: Timestamp) -> f64 {
        match self.mark {
            Some((mark, since)) if is_live(since, now) => mark.share_ahead_of(place),
            _ => 0.0,
        }
    }
}

/// A part of a time.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "microseconds are enough"
)]
fn scaled(time_ns: u64, share: f64) -> u64 {
    (time_ns as f64 * share) as u64
}

fn is_live(since: Timestamp, now: Timestamp) -> bool {
    now.since(since) < LIFETIME_NS
}

/// All that the server may hold.
struct Belief {
    all: Vec<Held>,
}

impl Belief {
    fn new(unseen: Unseen, now: Timestamp) -> Self {
        let whole = share_of_circle(unseen.places);
        let mut all = vec![Held {
            mark: None,
            probability: 1.0 - unseen.begun,
        }];
        all.extend(unseen.places.iter().map(|place| Held {
            mark: Some((*place, now)),
            probability: unseen.begun * place.share() / whole,
        }));
        Self { all }
    }

    /// Unseen hosts may have written something meanwhile.
    fn pass_time(&mut self, unseen: Unseen, from: Timestamp, to: Timestamp) {
        let written = -(-unseen.per_second * seconds_between(from, to)).exp_m1();
        if written <= 0.0 || unseen.places.is_empty() {
            return;
        }
        let whole = share_of_circle(unseen.places);
        let before = self.all.clone();
        for place in unseen.places {
            let each = written * place.share() / whole;
            let mut moved = 0.0;
            for (held, left) in before.iter().zip(&mut self.all) {
                let replaced = held.probability * each * (1.0 - held.stands_against(*place, to));
                moved += replaced;
                left.probability -= replaced;
            }
            self.add(*place, to, moved);
        }
    }

    /// A connection that we see writes.
    fn write(&mut self, place: Arc, now: Timestamp) {
        let mut moved = 0.0;
        for held in &mut self.all {
            let stays = held.probability * held.stands_against(place, now);
            moved += held.probability - stays;
            held.probability = stays;
        }
        self.all.retain(|held| held.probability > 0.0);
        self.add(place, now, moved);
    }

    fn add(&mut self, place: Arc, now: Timestamp, probability: f64) {
        let known = self
            .all
            .iter_mut()
            .find(|held| held.mark.is_some_and(|(mark, _)| mark == place));
        match known {
            Some(Held {
                mark: Some((_, since)),
                probability: known,
            }) => {
                // Each time at which it may have been written counts by how likely that is.
                let whole = *known + probability;
                if whole > 0.0 {
                    *since = since.plus(scaled(now.since(*since), probability / whole));
                }
                *known = whole;
            }
            _ => self.all.push(Held {
                mark: Some((place, now)),
                probability,
            }),
        }
    }

    /// What the fate of a SYN tells about the mark; returns how probable it was.
    fn learn(&mut self, syn: Decided, drops_without_timestamps: bool) -> f64 {
        let mut whole = 0.0;
        for held in &mut self.all {
            let hit = match (held.mark, syn.tsval) {
                (Some((mark, since)), Some(tsval)) if is_live(since, syn.sent) => {
                    mark.share_hitting(tsval)
                }
                (Some((_, since)), None) if is_live(since, syn.sent) => {
                    f64::from(u8::from(drops_without_timestamps))
                }
                _ => 0.0,
            };
            let dropped = hit * (1.0 - EXCEPTIONS) + (1.0 - hit) * STRAY_LOSS;
            held.probability *= if syn.is_dropped {
                dropped
            } else {
                1.0 - dropped
            };
            whole += held.probability;
        }
        for held in &mut self.all {
            held.probability /= whole;
        }
        whole
    }
}
