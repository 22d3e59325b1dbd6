//! What one snapshot of a million remote hosts costs userspace: take all spills from the ring, merge them, find the
//! most severe, print those.

use std::{io, time::Duration};

use anyhow::{Result, ensure};
use natdiag::{
    analysis::{Analysis, diagnosis::Diagnosis},
    bpf::{counters::Counters, records::Records},
    event::Timestamp,
    names::Names,
    report::{json::JsonView, view::View as _},
    survey::{SourceKind, SourceSurvey, Survey},
};
use natdiag_common::Direction;
use serde::Serialize;

use super::{
    clock,
    driver::{Driver, Hook, Subject},
    kind::Kind,
    statistics::Median,
};

/// Remote hosts: a power of two.
const REMOTES: u32 = 1 << 20;
/// Packets of one burst, one from each remote host: their spills fit the ring.
const BURST: u32 = 1 << 16;
/// Remote hosts shown.
const TOP: usize = 1000;

/// Seconds of CPU time.
#[derive(Serialize)]
pub(super) struct Figures {
    pub(super) remotes: u32,
    /// Taking one spill of each remote host from the ring, and merging it.
    pub(super) merge: Median,
    /// Ranking all of them, and the findings of those shown.
    pub(super) diagnose: Median,
    /// Printing those shown as JSON.
    pub(super) print: Median,
    /// All of that.
    pub(super) total: Median,
}

/// Measures so many snapshots of one table that grows older.
pub(super) fn measure(rounds: usize) -> Result<Figures> {
    clock::have_a_cpu()?;
    let mut watch = super::live::watch_object()?;
    watch.load(Hook::TC_IN.program)?;
    let mut counters = Counters::take(&mut watch)?;
    let mut records = Records::take(&mut watch)?;
    let mut driver = Driver::load()?;
    let kind = Kind::MiddleFragment;
    driver.aim(REMOTES, kind.remote_offset(Direction::Ingress), 0)?;
    let frame = kind.frame();
    let mut analysis = Analysis::default();
    let mut now = Timestamp(1);
    let mut samples: [Vec<f64>; 4] = Default::default();
    // The first round makes the table.
    for round in 0..=rounds {
        now = now.plus(1_000_000_000);
        let mut merge = Duration::ZERO;
        for _ in 0..REMOTES / BURST {
            let (hook, subject) = (Hook::TC_IN, Subject::Watch);
            driver.run(&mut watch, hook, subject, true, &frame, BURST)?;
            let (time, ()) = clock::time(|| {
                let count = |increment: natdiag::bpf::reconcile::Increment| {
                    analysis.count(increment.remote, &increment.counts, now);
                };
                counters.collect(count)?;
                // Those within a budget are in no spill.
                records.drain(usize::MAX);
                for tally in records
                    .release(u64::MAX, true, usize::MAX)
                    .filter_map(|record| record.tally())
                {
                    analysis.count(tally.remote, &tally.counts(), now);
                }
                Ok(())
            })?;
            merge += time;
        }
        let totals = counters.totals()?;
        let unaccounted = counters.unaccounted(&totals, records.charged());
        ensure!(unaccounted == 0, "natdiag has miscounted: {unaccounted}");
        let (diagnose, diagnosis) = clock::time(|| {
            analysis.set_totals(&totals, now);
            analysis.advance(now);
            Ok(analysis.diagnose(now, TOP))
        })?;
        ensure!(
            diagnosis.remotes_known == REMOTES as usize && diagnosis.remotes.len() == TOP,
            "{} remote hosts known, {} shown",
            diagnosis.remotes_known,
            diagnosis.remotes.len()
        );
        let (print, ()) = clock::time(|| print(diagnosis, now))?;
        if round > 0 {
            let parts = [merge, diagnose, print, merge + diagnose + print];
            for (sample, part) in samples.iter_mut().zip(parts) {
                sample.push(part.as_secs_f64());
            }
        }
    }
    let [merge, diagnose, print, total] = samples.map(Median::of);
    Ok(Figures {
        remotes: REMOTES,
        merge,
        diagnose,
        print,
        total,
    })
}

fn print(diagnosis: Diagnosis, now: Timestamp) -> Result<()> {
    let survey = Survey {
        start: Timestamp(0),
        end: now,
        sources: vec![SourceSurvey {
            kind: SourceKind::Interface,
            name: "bench".to_owned(),
            hooks: Vec::new(),
            notes: Vec::new(),
            octets: None,
            looked_at: None,
            diagnosis,
        }],
        blind_to: Vec::new(),
        own_cpu_ns: None,
        names: Names::default(),
    };
    Ok(JsonView::once(io::sink()).finish(&survey)?)
}
