//! Nanoseconds per packet of every program over an empty one, by kind of packet and number of remote hosts.
//!
//! Many short bursts of CPU time, the program's and the empty one's in turn, spread over the whole run; of each the
//! lowest decile, and the difference of those two.

use anyhow::{Context as _, Result, bail, ensure};
use natdiag::bpf::program::WatchProgram;
use natdiag_common::{
    Direction,
    counter::{Counter, Totals},
    slot::BUDGET_BURST,
    testkit::Random,
};
use serde::Serialize;

use super::{
    clock,
    driver::{Hook, Subject},
    kind::{Kind, Outcome},
    rig::Rig,
    statistics::{Median, undisturbed},
};

/// Numbers of remote hosts: powers of two.
const REMOTES: [u32; 3] = [1, 1 << 16, 1 << 20];
/// Packets of one burst at TC. It is over in less than a millisecond, so that many are undisturbed.
const BURST_TC: u32 = 10_000;
/// Packets of one burst at XDP, so many that what the kernel does before and after it (`bpf_prog_change_xdp`) hardly
/// counts. Their records and spills fit the rings.
const BURST_XDP: u32 = 80_000;
/// Packets of one burst from one remote host, all within its budget.
const BURST_WITHIN_BUDGET: u32 = 250;
/// Bursts from one remote host that count as one.
const BURSTS_WITHIN_BUDGET: u32 = 20;
/// Packets of one burst that should give no records: long, as what is earned before it is used up first.
const BURST_WITHOUT_BUDGET: u32 = 50_000;
/// Most attempts at such a burst.
const MOST_ATTEMPTS: u32 = 20;
/// Of such a burst, less than one packet in so many may give a record.
const FEW: u64 = 5;

/// One packet in so many, and fewer, may be of a connection that was drawn where none should be.
const HARDLY_ANY: u32 = 1000;

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
    /// Over the empty program, undisturbed.
    pub(super) ns: f64,
    /// The empty program, undisturbed.
    pub(super) empty_ns: f64,
    /// Over the empty program, from burst to burst.
    pub(super) difference_ns: Median,
    pub(super) limit_ns: f64,
}

struct Case {
    hook: Hook,
    kind: Kind,
    outcome: Outcome,
    remotes: u32,
    frame: Vec<u8>,
    watch: Vec<f64>,
    empty: Vec<f64>,
}

/// Measures every case in every round, in a new order each time.
pub(super) fn measure(rounds: usize) -> Result<Figures> {
    clock::have_a_cpu()?;
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
                watch: Vec::new(),
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
    rig.draw(case.outcome == Outcome::Drawn)?;
    rig.driver.aim(case.remotes, offset, random.u32())?;
    let empty_first = random.once_in(2);
    let mut empty = 0.0;
    if empty_first {
        empty = case.run_empty(rig)?;
    }
    let watch = case.run_watch(rig)?;
    if !empty_first {
        empty = case.run_empty(rig)?;
    }
    case.empty.push(empty);
    case.watch.push(watch);
    Ok(())
}

impl Case {
    /// How many bursts make one measurement, and how many packets each has.
    fn bursts(&self) -> (u32, u32) {
        match (self.outcome, self.remotes) {
            (Outcome::WithinBudget, 1) => (BURSTS_WITHIN_BUDGET, BURST_WITHIN_BUDGET),
            (Outcome::Counted, _) => (1, BURST_WITHOUT_BUDGET),
            (Outcome::Drawn, _) => (1, BURST_TC),
            (Outcome::Boring | Outcome::Recorded | Outcome::WithinBudget, _) => (
                1,
                if self.hook.is_xdp() {
                    BURST_XDP
                } else {
                    BURST_TC
                },
            ),
        }
    }

    fn run(&self, rig: &mut Rig, subject: Subject, packets: u32) -> Result<f64> {
        let (watch, many) = (&mut rig.watch, self.remotes > 1);
        rig.driver
            .run(watch, self.hook, subject, many, &self.frame, packets)
    }

    fn run_empty(&self, rig: &mut Rig) -> Result<f64> {
        let (bursts, packets) = self.bursts();
        self.run(rig, Subject::Empty, packets)?;
        let mut ns = 0.0;
        for _ in 0..bursts {
            ns += self.run(rig, Subject::Empty, packets)?;
        }
        Ok(ns / f64::from(bursts))
    }

    fn run_watch(&self, rig: &mut Rig) -> Result<f64> {
        let (bursts, packets) = self.bursts();
        let mut ns = 0.0;
        for _ in 0..bursts {
            ns += if self.outcome == Outcome::Counted {
                self.run_without_budget(rig, packets)?
            } else {
                self.run_warm(rig, packets)?
            };
        }
        Ok(ns / f64::from(bursts))
    }

    /// Runs once to warm up, and once to measure.
    fn run_warm(&self, rig: &mut Rig, packets: u32) -> Result<f64> {
        self.run(rig, Subject::Watch, packets)?;
        if self.outcome == Outcome::WithinBudget {
            rig.set_budgets(BUDGET_BURST)?;
        }
        rig.drain();
        rig.drain_drawn()?;
        let before = rig.totals()?;
        let ns = self.run(rig, Subject::Watch, packets)?;
        let after = rig.totals()?;
        self.check(&before, &after, packets)?;
        // The least share draws hardly any.
        let drawn = match rig.drain_drawn()? {
            drawn if drawn < packets / HARDLY_ANY => 0,
            drawn => drawn,
        };
        let records = rig.drain();
        let want = match self.outcome {
            Outcome::Boring => (0, 0),
            Outcome::Drawn => (0, packets),
            Outcome::Recorded | Outcome::WithinBudget | Outcome::Counted => (packets, 0),
        };
        ensure!(
            (records, drawn) == want,
            "{records} records and {drawn} segments drawn of {packets} packets"
        );
        Ok(ns)
    }

    /// Runs until a burst finds hardly any budget left. Before each run of an XDP program the kernel waits for a few
    /// jiffies (`bpf_prog_change_xdp`), and each slot earns so many records.
    fn run_without_budget(&self, rig: &mut Rig, packets: u32) -> Result<f64> {
        rig.drain();
        self.run(rig, Subject::Watch, packets)?;
        for _ in 0..MOST_ATTEMPTS {
            rig.drain();
            rig.set_budgets(0)?;
            let before = rig.totals()?;
            let ns = self.run(rig, Subject::Watch, packets)?;
            let after = rig.totals()?;
            self.check(&before, &after, packets)?;
            let refused = after.value(Counter::MissedRecordsBudget)
                - before.value(Counter::MissedRecordsBudget);
            let granted = u64::from(packets) - refused;
            if self.never_recorded() || granted * FEW < u64::from(packets) {
                return Ok(ns);
            }
        }
        bail!("it gives records without end")
    }

    /// No fragment sent gives a record, whatever the budget.
    fn never_recorded(&self) -> bool {
        self.hook.direction == Direction::Egress && self.kind != Kind::Rst
    }

    /// Makes sure that the program did what the case is named for.
    fn check(&self, before: &Totals, after: &Totals, packets: u32) -> Result<()> {
        let came = |counter| after.value(counter) - before.value(counter);
        let charges =
            !matches!(self.outcome, Outcome::Boring | Outcome::Drawn) && self.kind != Kind::Fin;
        let charged = if charges { u64::from(packets) } else { 0 };
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
        Ok(())
    }

    fn figure(self) -> Figure {
        let differences = self.watch.iter().zip(&self.empty);
        let differences = differences.map(|(watch, empty)| watch - empty);
        Figure {
            program: self.hook.program.name(),
            kind: self.kind,
            remotes: self.remotes,
            limit_ns: Kind::limit_ns(self.outcome, self.remotes),
            ns: undisturbed(&self.watch) - undisturbed(&self.empty),
            empty_ns: undisturbed(&self.empty),
            difference_ns: Median::of(differences.collect()),
        }
    }
}
