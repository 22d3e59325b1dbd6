//! What was measured in a soak, and whether it holds.

use std::{process::ExitCode, time::Duration};

use super::traffic::Load;
use crate::exec::say;

/// CPU time of userspace, in shares of a core for 10,000 handshakes a second.
const MAX_CPU: f64 = 0.03;
/// How much more memory than after warming up is no growth: tables double their room at some time.
const MAX_GROWTH: f64 = 1.1;

/// What was measured in a time without faults.
pub(super) struct Sample {
    pub(super) load: Load,
    pub(super) seconds: f64,
    pub(super) handshakes: u64,
    /// CPU time of natdiag's own.
    pub(super) cpu: Duration,
    /// Records and packets of remote hosts.
    pub(super) missed: u64,
    pub(super) resident_kib: u64,
}

impl Sample {
    /// Handshakes a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn rate(&self) -> f64 {
        self.handshakes as f64 / self.seconds
    }

    /// Share of a core for 10,000 handshakes a second.
    fn cpu_per_10_000(&self) -> f64 {
        self.cpu.as_secs_f64() / self.seconds / (self.rate() / 10_000.0)
    }
}

/// What was seen under one load.
struct Under {
    rate: f64,
    missed: u64,
}

/// Everything that was measured.
#[derive(Default)]
pub(super) struct Ledger {
    calm: Vec<Sample>,
    events_lost: Vec<f64>,
    overloaded: Vec<u64>,
    miscounted: bool,
}

impl Ledger {
    /// Takes what was measured without faults, and shows it.
    pub(super) fn calm(&mut self, sample: Sample) {
        say(format_args!(
            "{:>8.0} handshakes/s, {:>5.2} % of a core for 10,000 of them, missed {}, resident {} MiB",
            sample.rate(),
            100.0 * sample.cpu_per_10_000(),
            sample.missed,
            sample.resident_kib / 1024,
        ));
        self.calm.push(sample);
    }

    /// Takes how many events were lost while the disk was full.
    pub(super) fn events_lost(&mut self, events: f64) {
        say(format_args!("{events} events lost while the disk was full"));
        self.events_lost.push(events);
    }

    /// Takes what was missed while natdiag was stopped.
    pub(super) fn overloaded(&mut self, missed: u64) {
        say(format_args!(
            "{missed} records missed while natdiag was stopped"
        ));
        self.overloaded.push(missed);
    }

    /// Takes whether natdiag says that its counts do not add up.
    pub(super) fn sums(&mut self, miscounted: bool) {
        self.miscounted |= miscounted;
    }

    /// Prints what holds and what does not.
    pub(super) fn conclude(&self) -> ExitCode {
        let warm = self.calm.get(1).map_or(0, |sample| sample.resident_kib);
        let most = self.calm.iter().skip(1).map(|sample| sample.resident_kib);
        let most = most.max().unwrap_or(0);
        let under = |load| self.calm.iter().filter(move |sample| sample.load == load);
        let cpu = median(under(Load::Full).map(Sample::cpu_per_10_000).collect());
        let [limit, full] = [Load::UpToLimit, Load::Full].map(|load| Under {
            rate: median(under(load).map(Sample::rate).collect()),
            missed: under(load).map(|sample| sample.missed).sum(),
        });
        let lines = [
            (
                format!(
                    "missed without a fault, at {:.0} handshakes/s: {}, must be 0",
                    limit.rate, limit.missed
                ),
                limit.missed == 0,
            ),
            (
                format!(
                    "missed while stopped: {:?}, must be counted",
                    self.overloaded
                ),
                self.overloaded.iter().all(|missed| *missed > 0),
            ),
            (
                format!(
                    "userspace at {:.0} handshakes/s, median: {:.2} % of a core for 10,000 of them, at most {:.0} %; missed and counted: {}",
                    full.rate,
                    100.0 * cpu,
                    100.0 * MAX_CPU,
                    full.missed
                ),
                cpu <= MAX_CPU,
            ),
            (
                format!(
                    "resident after warming up {} MiB, most {} MiB, at most {MAX_GROWTH} times as much",
                    warm / 1024,
                    most / 1024
                ),
                grows_not(warm, most),
            ),
            (
                format!(
                    "events lost on a full disk: {:?}, must be counted",
                    self.events_lost
                ),
                self.events_lost.iter().all(|events| *events > 0.0),
            ),
            ("counts add up to the total".to_owned(), !self.miscounted),
        ];
        for (line, holds) in &lines {
            say(format_args!(
                "{} {line}",
                if *holds { "ok  " } else { "FAIL" }
            ));
        }
        if lines.iter().all(|(_, holds)| *holds) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn grows_not(warm: u64, most: u64) -> bool {
    most as f64 <= warm as f64 * MAX_GROWTH
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
