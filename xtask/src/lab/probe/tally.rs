//! What all plays of each case come to, as a table of Markdown.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use super::Outcome;

/// The sums of all cases.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<&'static str, Sums>);

#[derive(Debug, Default)]
struct Sums {
    plays: u32,
    right: u32,
    connections: u64,
    elapsed: Duration,
}

impl Tally {
    /// Takes a play in.
    pub(super) fn add(&mut self, outcome: &Outcome) {
        let sums = self.0.entry(outcome.play.case.name).or_default();
        sums.plays += 1;
        sums.right += u32::from(outcome.differences.is_empty());
        sums.connections = sums.connections.max(outcome.connections);
        sums.elapsed = sums.elapsed.max(outcome.elapsed);
    }

    /// Whether there is more to say than each play has said.
    pub(super) fn has_several_plays(&self) -> bool {
        self.0.values().any(|sums| sums.plays > 1)
    }

    /// Writes the table.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "| case | right | most connections | longest |")?;
        writeln!(out, "|---|---:|---:|---:|")?;
        for (case, sums) in &self.0 {
            writeln!(
                out,
                "| {case} | {} of {} | {} | {:.1} s |",
                sums.right,
                sums.plays,
                sums.connections,
                sums.elapsed.as_secs_f64()
            )?;
        }
        Ok(())
    }
}
