//! Runs the simulation: false verdicts among the innocent, missed ones among the guilty, the matrix and the calibration
//! over all troubles, and how many SYNs a verdict takes.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use natdiag::{
    analysis::{
        Analysis,
        diagnosis::{Cause, Finding, RemoteCounters},
    },
    event::{Event, Timestamp},
};
use natdiag_common::counter::{RemoteCounter, RemoteCounts};

use super::{
    mix::{self, SynTrouble},
    play::{Play, Sight},
    tally::{Bound, Calibration, Matrix},
    trouble::MARK_US,
};

/// Confidence from which on a wrong finding is told apart.
const SURE: f64 = 0.99;
/// Until marks have expired that were made before the watch, and what was sent under them has its fate.
const SETTLED_NS: u64 = MARK_US * 1000 + 2_000_000_000;
/// How long is watched after the last packet.
pub(crate) const AFTERWARDS_NS: u64 = 5_000_000_000;

/// What the simulation has shown.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Outcome {
    /// Healthy and lossy hosts that were said to have tcp_tw_recycle on.
    pub(crate) false_tw_recycle: Bound,
    /// Healthy hosts about which anything was said.
    pub(crate) false_findings: Bound,
    /// Hosts with tcp_tw_recycle and enough evidence about which it was not said.
    pub(crate) missed_tw_recycle: Bound,
    /// Missed hosts by what the watcher saw, with those of which it could not know enough.
    pub(crate) missed_by_sight: BTreeMap<Sight, Bound>,
    /// Dropped SYNs after the first that the rule predicts, until the verdict: the median.
    pub(crate) median_dropped_syns_to_verdict: u64,
    /// Seconds from the first such SYN to the verdict: the median.
    pub(crate) median_seconds_to_verdict: f64,
    /// Hosts that were timed and came to a verdict.
    pub(crate) timed: u64,
    /// True trouble against named cause.
    pub(crate) matrix: Matrix,
    /// How often confidence was right.
    pub(crate) calibration: Calibration,
    /// What was said wrongly at a confidence of 0.99 and more, and how often.
    pub(crate) wrong: BTreeMap<String, u64>,
    /// What was said in place of a missed `tw-recycle`, and how often.
    pub(crate) missed_as: BTreeMap<String, u64>,
}

impl Outcome {
    /// Whether tcp_tw_recycle was never said wrongly, nor missed where the watcher saw all that tells of it.
    pub(crate) fn is_right(&self) -> bool {
        self.false_tw_recycle.happened == 0 && self.missed_tw_recycle.happened == 0
    }
}

/// Runs everything with hosts of a seed, one in `part` of them.
pub(crate) fn run(seed: u64, part: u64) -> Outcome {
    let mut outcome = Outcome::default();
    innocent(&mut outcome, seed, mix::INNOCENT / part);
    guilty(&mut outcome, seed ^ 1, mix::GUILTY / part);
    troubled(&mut outcome, seed ^ 2, mix::TROUBLED / part);
    timed(&mut outcome, seed ^ 3, mix::TIMED / part);
    outcome
}

/// Calls `each` for the numbers below `count`, on all CPUs. The results come in the order of the numbers.
pub(crate) fn in_parallel<T: Send>(count: u64, each: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let results = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut own = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    own.push((number, each(number)));
                }
                if let Ok(mut results) = results.lock() {
                    results.extend(own);
                }
            });
        }
    });
    let mut results: Vec<(u64, T)> = results.into_inner().unwrap_or_default();
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// A host that was played, and what natdiag found out.
struct Diagnosed {
    predicted: Predicted,
    /// Those of these since [`SETTLED_NS`].
    predicted_when_settled: Predicted,
    findings: Vec<Finding>,
    sight: Sight,
    /// Whether answers are lost too, at random.
    loses_answers: bool,
}

/// SYNs whose fate the rule of tcp_tw_recycle predicts.
#[derive(Clone, Copy, Default)]
struct Predicted {
    drop: u64,
    pass: u64,
}

impl Predicted {
    fn of(counters: &RemoteCounters) -> Self {
        Self {
            drop: counters.syn_predicted_drop_dropped + counters.syn_predicted_drop_answered,
            pass: counters.syn_predicted_pass_dropped + counters.syn_predicted_pass_answered,
        }
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            drop: self.drop.saturating_sub(earlier.drop),
            pass: self.pass.saturating_sub(earlier.pass),
        }
    }

    const fn is_enough(self) -> bool {
        self.drop >= mix::ENOUGH && self.pass >= mix::ENOUGH
    }
}

fn diagnose(seed: u64, number: u64, trouble: Option<SynTrouble>) -> Diagnosed {
    let play = Play::draw(seed, number, trouble);
    let remote = play.remote;
    let sight = play.sight();
    let (world, mut events) = play.events();
    if trouble == Some(SynTrouble::Unreachable) {
        // Nothing of its network answers.
        for neighbour in 1..=3_u8 {
            let mut play = Play::draw(
                seed ^ u64::from(neighbour),
                number,
                Some(SynTrouble::Unreachable),
            );
            let [a, b, c, _] = remote.octets();
            play.remote = [a, b, c, neighbour].into();
            events.extend(play.events().1);
        }
        events.sort_by_key(|event| event.time);
    }
    let mut analysis = Analysis::default();
    let mut now = Timestamp(0);
    count(&mut analysis, remote.into(), now);
    let settled = events
        .first()
        .map_or(now, |first| first.time.plus(SETTLED_NS));
    let mut before = None;
    for event in &events {
        now = event.time;
        if now >= settled && before.is_none() {
            let (counters, _) = about(&analysis, remote.into(), now);
            before = Some(Predicted::of(&counters));
        }
        analysis.observe(event);
    }
    now = now.plus(AFTERWARDS_NS);
    analysis.advance(now);
    let (counters, findings) = about(&analysis, remote.into(), now);
    let predicted = Predicted::of(&counters);
    Diagnosed {
        predicted,
        predicted_when_settled: predicted.since(before.unwrap_or(predicted)),
        findings,
        sight,
        loses_answers: world.loss_back > 0.0,
    }
}

/// Makes a host known.
pub(crate) fn count(analysis: &mut Analysis, remote: IpAddr, now: Timestamp) {
    let mut counts = RemoteCounts::ZERO;
    if let Some(count) = counts.at(RemoteCounter::SynSent as usize) {
        *count = 1;
    }
    analysis.count(remote.into(), &counts, now);
}

fn about(analysis: &Analysis, remote: IpAddr, now: Timestamp) -> (RemoteCounters, Vec<Finding>) {
    let diagnosis = analysis.diagnose(now, 4);
    diagnosis
        .remotes
        .into_iter()
        .find(|diagnosed| diagnosed.address == remote)
        .map(|diagnosed| (diagnosed.counters, diagnosed.findings))
        .unwrap_or_default()
}

fn names(findings: &[Finding], cause: Cause) -> bool {
    findings.iter().any(|finding| finding.cause == cause)
}

/// Healthy and lossy hosts.
fn innocent(outcome: &mut Outcome, seed: u64, hosts: u64) {
    let share = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of 53 bits"
    )]
    let bound = (mix::LOSSY * (1_u64 << 53) as f64) as u64;
    let said = in_parallel(hosts, |number| {
        let trouble = (share(number) < bound).then_some(SynTrouble::Loss);
        let findings = diagnose(seed, number, trouble).findings;
        (
            trouble.is_none(),
            names(&findings, Cause::TwRecycle),
            !findings.is_empty(),
        )
    });
    for (is_healthy, is_accused, is_said) in said {
        outcome.false_tw_recycle.add(is_accused);
        if is_healthy {
            outcome.false_findings.add(is_said);
        }
    }
}

/// Hosts with tcp_tw_recycle that have shown enough.
fn guilty(outcome: &mut Outcome, seed: u64, hosts: u64) {
    let said = in_parallel(hosts * mix::PLAYED_FOR_ONE, |number| {
        let diagnosed = diagnose(seed, number, Some(SynTrouble::Recycle));
        diagnosed.predicted.is_enough().then(|| {
            let mut sight = diagnosed.sight;
            if sight == Sight::Late && diagnosed.predicted_when_settled.is_enough() {
                sight = Sight::Settled;
            }
            let findings = diagnosed.findings;
            let missed_as = (!names(&findings, Cause::TwRecycle))
                .then(|| findings.first().map_or("none", |it| it.cause.as_str()));
            (sight, missed_as)
        })
    });
    let wanted = usize::try_from(hosts).unwrap_or(usize::MAX);
    for (sight, missed_as) in said.into_iter().flatten().take(wanted) {
        if sight.is_clear() {
            outcome.missed_tw_recycle.add(missed_as.is_some());
        }
        let by_sight = outcome.missed_by_sight.entry(sight).or_default();
        by_sight.add(missed_as.is_some());
        if let Some(cause) = missed_as {
            *outcome.missed_as.entry(cause.to_owned()).or_default() += 1;
        }
    }
}

/// Hosts with each trouble, as often as the verdict supposes.
fn troubled(outcome: &mut Outcome, seed: u64, hosts: u64) {
    let said = in_parallel(hosts, |number| {
        let mut dice = super::dice::Dice::new(seed, number);
        let place = dice.one_of(SynTrouble::shares().map(|(_, share)| share));
        let trouble = SynTrouble::shares().nth(place).map(|(trouble, _)| trouble);
        trouble.map(|trouble| (trouble, diagnose(seed, number, Some(trouble))))
    });
    for (trouble, diagnosed) in said.into_iter().flatten() {
        let findings = &diagnosed.findings;
        let first = findings.first().map(|it| it.cause.as_str());
        outcome.matrix.add(&format!("{trouble:?}"), first);
        for finding in findings.iter().filter(|it| is_verdict(it.cause)) {
            let is_right = trouble.is_named_by(finding.cause)
                || (finding.cause == Cause::ReturnPathLoss && diagnosed.loses_answers);
            outcome.calibration.add(finding.confidence, is_right);
            if !is_right && finding.confidence >= SURE {
                let what = format!("{trouble:?} as {}", finding.cause.as_str());
                *outcome.wrong.entry(what).or_default() += 1;
            }
        }
    }
}

/// Whether a cause is a claim that may be wrong.
pub(crate) fn is_verdict(cause: Cause) -> bool {
    !matches!(
        cause,
        Cause::InsufficientEvidence | Cause::Blind | Cause::TimestampsStripped
    )
}

/// How many SYNs a verdict takes.
fn timed(outcome: &mut Outcome, seed: u64, hosts: u64) {
    let taken = in_parallel(hosts, |number| {
        let play = Play::draw(seed, number, Some(SynTrouble::Recycle));
        let remote = IpAddr::from(play.remote);
        time_to_verdict(remote, &play.events().1)
    });
    let mut taken: Vec<(u64, f64)> = taken.into_iter().flatten().collect();
    outcome.timed = taken.len() as u64;
    let middle = taken.len() / 2;
    taken.sort_by_key(|(syns, _)| *syns);
    outcome.median_dropped_syns_to_verdict = taken.get(middle).map_or(0, |(syns, _)| *syns);
    taken.sort_by(|a, b| a.1.total_cmp(&b.1));
    outcome.median_seconds_to_verdict = taken.get(middle).map_or(0.0, |(_, seconds)| *seconds);
}

fn time_to_verdict(remote: IpAddr, events: &[Event]) -> Option<(u64, f64)> {
    let mut analysis = Analysis::default();
    count(&mut analysis, remote, Timestamp(0));
    let mut first = None;
    let mut seen = 0;
    for event in events {
        analysis.observe(event);
        let (counters, findings) = about(&analysis, remote, event.time);
        let dropped =
            counters.syn_predicted_drop_dropped + counters.syn_without_timestamps_armed_dropped;
        if dropped > seen {
            seen = dropped;
            let first = *first.get_or_insert(event.time);
            if names(&findings, Cause::TwRecycle) {
                #[expect(clippy::cast_precision_loss, reason = "seconds")]
                let seconds = event.time.since(first) as f64 / 1e9;
                return Some((dropped - 1, seconds));
            }
        }
    }
    None
}
