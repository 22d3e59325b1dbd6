//! Nanoseconds per packet of every program over an empty one, by kind of packet and number of remote hosts.

use anyhow::{Context as _, Result, ensure};
use natdiag::bpf::load::WatchProgram;
use natdiag_common::{
    counter::{Counter, Totals},
    testkit::Random,
};
use serde::Serialize;

use super::{
    driver::{Hook, Subject},
    kind::{Kind, Outcome},
    rig::Rig,
    statistics::Median,
};

/// Numbers of remote hosts: powers of two.
const REMOTES: [u32; 3] = [1, 1 << 16, 1 << 20];
/// Packets of one burst: their records and spills fit the rings.
const BURST: u32 = 20_000;
/// Packets of one burst from one remote host, all within its budget.
const BURST_WITHIN_BUDGET: u32 = 250;
/// Bursts from one remote host that count as one.
const BURSTS_WITHIN_BUDGET: u32 = 20;
/// Most bursts until all budgets are used up: each slot has at most 256 records to give.
const MOST_WARMING_BURSTS: u32 = 100;
/// Of a burst without budget, at most one packet in so many may give a record: one jiffy's budget of all slots.
const FEW: u32 = 10;

/// What was measured.
#[derive(Serialize)]
pub(super) struct Figures {
    pub(super) verified_instructions: Vec<(&'static str, Option<u32>)>,
    pub(super) cases: Vec<Figure>,
}

/// What one case costs.
#[derive(Serialize)]
pub(super) struct Figure {
    pub(super) program: &'static str,
    pub(super) kind: Kind,
    pub(super) remotes: u32,
    /// Over the empty program.
    pub(super) ns: Median,
    pub(super) empty_ns: Median,
    pub(super) limit_ns: f64,
}

struct Case {
    hook: Hook,
    kind: Kind,
    outcome: Outcome,
    remotes: u32,
    frame: Vec<u8>,
    over: Vec<f64>,
    empty: Vec<f64>,
}

/// Measures every case in every round, in a new order each time.
pub(super) fn measure(rounds: usize) -> Result<Figures> {
    let mut rig = Rig::new()?;
    let mut random = Random::new(1);
    let mut cases = cases();
    for _ in 0..rounds {
        shuffle(&mut cases, &mut random);
        for case in &mut cases {
            visit(&mut rig, case, &mut random).with_context(|| {
                let Case { kind, remotes, .. } = case;
                format!("{}, {kind}, {remotes} remote hosts", case.hook.program)
            })?;
        }
    }
    Ok(Figures {
        verified_instructions: WatchProgram::ALL
            .map(|program| (program.name(), rig.watch.verified_instructions(program)))
            .to_vec(),
        cases: cases.into_iter().map(Case::figure).collect(),
    })
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for hook in Hook::ALL {
        for kind in Kind::ALL {
            let Some(outcome) = kind.outcome(hook.direction) else {
                continue;
            };
            cases.extend(REMOTES.map(|remotes| Case {
                hook,
                kind,
                outcome,
                remotes,
                frame: kind.frame(),
                over: Vec::new(),
                empty: Vec::new(),
            }));
        }
    }
    cases
}

/// Fisher and Yates.
pub(super) fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for end in (1..items.len()).rev() {
        items.swap(end, random.below(end + 1));
    }
}

/// Measures one case once: the empty program and the one under test, whichever comes first.
fn visit(rig: &mut Rig, case: &mut Case, random: &mut Random) -> Result<()> {
    let offset = case.kind.remote_offset(case.hook.direction);
    rig.driver.aim(case.remotes, offset, random.u32())?;
    use_up_budgets(rig, case)?;
    let subjects = if random.below(2) == 0 {
        [Subject::Empty, Subject::Watch]
    } else {
        [Subject::Watch, Subject::Empty]
    };
    let (mut empty, mut watch) = (0.0, 0.0);
    for subject in subjects {
        match subject {
            Subject::Empty => empty = case.run_bursts(rig, subject)?,
            Subject::Watch => watch = case.run_bursts(rig, subject)?,
        }
    }
    case.empty.push(empty);
    case.over.push(watch - empty);
    Ok(())
}

/// Runs the program until it gives no more records where it must give none; elsewhere just once, to warm up.
fn use_up_budgets(rig: &mut Rig, case: &Case) -> Result<()> {
    for _ in 0..MOST_WARMING_BURSTS {
        rig.drain();
        case.run(rig, Subject::Watch, BURST)?;
        if case.outcome != Outcome::Counted || rig.drain() * FEW < BURST {
            return Ok(());
        }
    }
    anyhow::bail!("it gives records without end")
}

impl Case {
    fn run(&self, rig: &mut Rig, subject: Subject, packets: u32) -> Result<f64> {
        let (watch, many) = (&mut rig.watch, self.remotes > 1);
        rig.driver
            .run(watch, self.hook, subject, many, &self.frame, packets)
    }

    fn run_bursts(&self, rig: &mut Rig, subject: Subject) -> Result<f64> {
        let (bursts, packets) = if self.outcome == Outcome::WithinBudget && self.remotes == 1 {
            (BURSTS_WITHIN_BUDGET, BURST_WITHIN_BUDGET)
        } else {
            (1, BURST)
        };
        let mut ns = 0.0;
        for _ in 0..bursts {
            if self.outcome == Outcome::WithinBudget {
                rig.fill_budgets()?;
            }
            rig.drain();
            let before = rig.totals()?;
            ns += self.run(rig, subject, packets)?;
            if subject == Subject::Watch {
                let after = rig.totals()?;
                self.check(&before, &after, rig.drain(), packets)?;
            }
        }
        Ok(ns / f64::from(bursts))
    }

    /// Makes sure that the program did what the case is named for.
    fn check(&self, before: &Totals, after: &Totals, records: u32, packets: u32) -> Result<()> {
        let came = |counter| after.value(counter) - before.value(counter);
        let charged = u64::from(match self.outcome {
            Outcome::Boring => 0,
            _ if self.kind == Kind::Fin => 0,
            Outcome::Recorded | Outcome::WithinBudget | Outcome::Counted => packets,
        });
        let seen = came(Counter::PacketsIngress) + came(Counter::PacketsEgress);
        ensure!(
            seen == u64::from(packets),
            "{seen} of {packets} packets seen"
        );
        ensure!(
            came(Counter::Charged) == charged,
            "{} of {charged} packets charged",
            came(Counter::Charged)
        );
        let missed = came(Counter::MissedRemotes) + came(Counter::MissedRecordsRing);
        ensure!(missed == 0, "{missed} did not fit the rings");
        let as_named = match self.outcome {
            Outcome::Boring => records == 0,
            Outcome::Recorded | Outcome::WithinBudget => records == packets,
            Outcome::Counted => records * FEW < packets,
        };
        ensure!(as_named, "{records} records of {packets} packets");
        Ok(())
    }

    fn figure(self) -> Figure {
        Figure {
            program: self.hook.program.name(),
            kind: self.kind,
            remotes: self.remotes,
            limit_ns: self.kind.limit_ns(self.outcome, self.remotes),
            ns: Median::of(self.over),
            empty_ns: Median::of(self.empty),
        }
    }
}
