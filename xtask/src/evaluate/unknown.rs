//! Troubles of which natdiag has no hypothesis that fits: what it names about hosts with them, how sure it is, and
//! whether it stays away from tcp_tw_recycle.
//!
//! Their hosts are drawn by a seed of their own, so that those of the other parts stay what they are. They are drawn
//! with the freedom that trouble reports show: rates of any size, limits of any height, drops that repeats escape or do
//! not.

use std::{collections::BTreeMap, net::IpAddr};

use natdiag::{
    analysis::{
        Analysis,
        diagnosis::{Cause, Finding},
    },
    event::{Event, Timestamp},
};

use super::{
    dice::Dice,
    mix,
    play::Play,
    simulation::{self, AFTERWARDS_NS},
    tally::{Bound, Calibration, Matrix},
    trouble::unknown::Kind,
};

/// Tells the hosts apart from those of the other parts.
const SEED: u64 = 0x756e_6b6e_6f77_6e00;

/// Between the numbers of hosts that share a trouble: more than there are hosts, so that no two have one address.
const APART: u64 = 1_000_000;

/// What the hosts with unknown troubles have shown.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Outcome {
    /// Hosts that were said to have tcp_tw_recycle on.
    pub(crate) false_tw_recycle: Bound,
    /// Hosts that were said to have tcp_tw_recycle on, by trouble.
    pub(crate) false_tw_recycle_of: BTreeMap<Kind, Bound>,
    /// True trouble against the cause named first.
    pub(crate) matrix: Matrix,
    /// How often confidence was right.
    pub(crate) calibration: Calibration,
    /// How often confidence was right about as many hosts as there may be among all hosts with a trouble.
    pub(crate) calibration_of_counted: Calibration,
    /// What was named of which trouble.
    pub(crate) named: BTreeMap<Kind, BTreeMap<&'static str, Named>>,
}

/// A cause that was named.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Named {
    /// How often.
    pub(crate) times: u64,
    /// Whether it is true of the trouble in words.
    pub(crate) is_true: bool,
    /// Sum of its confidences.
    pub(crate) claimed: f64,
    /// The highest.
    pub(crate) most: f64,
}

/// What was said of one host.
struct Said {
    kind: Kind,
    findings: Vec<Finding>,
}

/// Plays the hosts of a seed, one in `part` of them.
pub(crate) fn run(seed: u64, part: u64) -> Outcome {
    let mut outcome = Outcome::default();
    let seed = seed ^ SEED;
    let said = simulation::in_parallel(mix::UNKNOWN / part, |number| diagnose(seed, number));
    for (number, said) in (0_u64..).zip(said) {
        outcome.add(&said);
        if number < mix::UNKNOWN_COUNTED / part {
            said.weigh(&mut outcome.calibration_of_counted);
        }
    }
    outcome
}

impl Outcome {
    fn add(&mut self, said: &Said) {
        let is_accused = said
            .findings
            .iter()
            .any(|finding| finding.cause == Cause::TwRecycle);
        self.false_tw_recycle.add(is_accused);
        let of_kind = self.false_tw_recycle_of.entry(said.kind).or_default();
        of_kind.add(is_accused);
        let first = said.findings.first().map(|it| it.cause.as_str());
        self.matrix.add(said.kind.as_str(), first);
        said.weigh(&mut self.calibration);
        let causes = self.named.entry(said.kind).or_default();
        for finding in said.verdicts() {
            let named = causes.entry(finding.cause.as_str()).or_default();
            named.times += 1;
            named.is_true = said.kind.is_true(finding.cause);
            named.claimed += finding.confidence;
            named.most = named.most.max(finding.confidence);
        }
    }
}

impl Said {
    /// Findings that claim something.
    fn verdicts(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(|finding| simulation::is_verdict(finding.cause))
    }

    /// Adds how sure was said what is true, and what is not.
    fn weigh(&self, calibration: &mut Calibration) {
        for finding in self.verdicts() {
            calibration.add(finding.confidence, self.kind.is_true(finding.cause));
        }
    }
}

/// Plays one host, or several that fail at the same times, and asks natdiag.
fn diagnose(seed: u64, number: u64) -> Said {
    let mut dice = Dice::new(!seed, number);
    let kind = Kind::draw(&mut dice);
    let hosts = if kind == Kind::SharedLine {
        3 + u64::from(dice.below(6))
    } else {
        1
    };
    let mut remotes = Vec::new();
    let mut events = Vec::new();
    for host in 0..hosts {
        let play = Play::draw(seed, number + host * APART, None);
        // Hosts that share a trouble have it by the same dice.
        let mut dice = Dice::new(!seed ^ 1, number);
        let play = play.with_unknown(kind, &mut dice);
        remotes.push(IpAddr::from(play.remote));
        events.extend(play.events().1);
    }
    events.sort_by_key(|event| event.time);
    Said {
        kind,
        findings: ask(&remotes, &events),
    }
}

/// What natdiag says about these hosts, and beside them.
fn ask(remotes: &[IpAddr], events: &[Event]) -> Vec<Finding> {
    let mut analysis = Analysis::default();
    let mut now = Timestamp(0);
    for remote in remotes {
        simulation::count(&mut analysis, *remote, now);
    }
    for event in events {
        now = event.time;
        analysis.observe(event);
    }
    now = now.plus(AFTERWARDS_NS);
    analysis.advance(now);
    let diagnosis = analysis.diagnose(now, remotes.len() + 3);
    let of_remotes = diagnosis.remotes.into_iter().flat_map(|it| it.findings);
    diagnosis.findings.into_iter().chain(of_remotes).collect()
}
