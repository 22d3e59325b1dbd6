//! The outcome as tables in Markdown, fit for `docs/evaluation.md`.

mod unknown;

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Write},
};

use super::{
    mix,
    play::Sight,
    played, simulation,
    tally::{Bound, Calibration, Matrix},
    unknown as unknowns,
};

/// A part of `docs/evaluation.md`.
pub(crate) struct Section {
    /// Its heading.
    pub(crate) title: &'static str,
    /// What stands below.
    pub(crate) body: String,
}

impl Section {
    /// Draws up one by what writes its tables.
    fn of(
        title: &'static str,
        commit: &str,
        write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut body = format!("Measured on commit {commit}.\n\n").into_bytes();
        write(&mut body)?;
        Ok(Self {
            title,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "## {}\n\n{}", self.title, self.body)
    }
}

/// The tables of what has been evaluated on a commit.
pub(crate) fn sections(
    commit: &str,
    simulated: Option<&simulation::Outcome>,
    unknown: Option<&unknowns::Outcome>,
    played: Option<&played::Outcome>,
) -> io::Result<Vec<Section>> {
    let all = simulated.map(|outcome| &outcome.calibration);
    let unknown = unknown.map(|outcome| {
        Section::of("Simulated hosts with unknown troubles", commit, |out| {
            unknown::write(out, outcome, all)
        })
    });
    let simulated = simulated.map(|outcome| {
        Section::of("Simulated hosts", commit, |out| {
            write_simulated(out, outcome)
        })
    });
    let played = played.map(|outcome| {
        Section::of("Captures and scenarios", commit, |out| {
            write_played(out, outcome)
        })
    });
    simulated.into_iter().chain(unknown).chain(played).collect()
}

fn write_played(out: &mut impl Write, outcome: &played::Outcome) -> io::Result<()> {
    write!(
        out,
        "{} runs: each capture once, each scenario under {} seeds. ",
        outcome.played,
        mix::LAB_SEEDS.len()
    )?;
    if outcome.differences.is_empty() {
        writeln!(out, "All were as they must be.")?;
    } else {
        writeln!(out, "These differ from what they must be:\n")?;
    }
    for difference in &outcome.differences {
        writeln!(out, "- {difference}")?;
    }
    writeln!(
        out,
        "\n| cause | verdicts | dropped SYNs after the first, median | seconds, median |"
    )?;
    writeln!(out, "|---|---:|---:|---:|")?;
    for (cause, took) in &outcome.took {
        let mut syns: Vec<u64> = took.iter().map(|took| took.dropped_syns).collect();
        let mut seconds: Vec<f64> = took.iter().map(|took| took.seconds).collect();
        syns.sort_unstable();
        seconds.sort_by(f64::total_cmp);
        let middle = took.len() / 2;
        writeln!(
            out,
            "| {cause} | {} | {} | {:.1} |",
            took.len(),
            syns.get(middle).copied().unwrap_or_default(),
            seconds.get(middle).copied().unwrap_or_default()
        )?;
    }
    writeln!(out)?;
    calibration(out, &outcome.calibration)?;
    writeln!(out)?;
    named(out, &outcome.matrix)
}

/// The matrix where nearly all stands on its diagonal.
fn named(out: &mut impl Write, matrix: &Matrix) -> io::Result<()> {
    writeln!(out, "| true | runs | named | named first in its place |")?;
    writeln!(out, "|---|---:|---:|---|")?;
    for (truth, row) in &matrix.rows {
        let others: Vec<String> = row
            .iter()
            .filter(|(cause, _)| *cause != truth)
            .map(|(cause, count)| format!("{cause} {count}"))
            .collect();
        writeln!(
            out,
            "| {truth} | {} | {} | {} |",
            row.values().sum::<u64>(),
            row.get(truth).copied().unwrap_or_default(),
            others.join(", ")
        )?;
    }
    Ok(())
}

fn write_simulated(out: &mut impl Write, outcome: &simulation::Outcome) -> io::Result<()> {
    writeln!(out, "| what | happened | of | 95 % upper bound |")?;
    writeln!(out, "|---|---:|---:|---:|")?;
    bound(
        out,
        "`tw-recycle` said of a healthy or lossy host",
        outcome.false_tw_recycle,
    )?;
    bound(
        out,
        "anything said of a healthy host",
        outcome.false_findings,
    )?;
    bound(
        out,
        "`tw-recycle` not said with 10 predicted drops and 10 predicted passes",
        outcome.missed_tw_recycle,
    )?;
    for (sight, missed) in &outcome.missed_by_sight {
        let what = match sight {
            Sight::All => {
                "of these, where every host that shares the address passes the watcher, from its first connection on"
            }
            Sight::Settled => {
                "of these, where the watch began later, and so many came when marks from before had expired"
            }
            Sight::NotAllHosts => {
                "not among these: where some of the hosts that share the address do not pass the watcher"
            }
            Sight::Late => {
                "not among these: where the watch began later, and fewer came when marks from before had expired"
            }
        };
        bound(out, what, *missed)?;
    }
    writeln!(
        out,
        "\nTime to a verdict of `tw-recycle`, median of {} hosts: {} dropped SYNs after the first, {:.1} s after it.\n",
        outcome.timed, outcome.median_dropped_syns_to_verdict, outcome.median_seconds_to_verdict
    )?;
    for (title, rows) in [
        ("Said in place of a missed `tw-recycle`", &outcome.missed_as),
        ("Wrong at a confidence of 0.99 and more", &outcome.wrong),
    ] {
        let rows: Vec<String> = rows
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        if !rows.is_empty() {
            writeln!(out, "{title}: {}.\n", rows.join(", "))?;
        }
    }
    calibration(out, &outcome.calibration)?;
    writeln!(out)?;
    matrix(out, &outcome.matrix)
}

fn bound(out: &mut impl Write, what: &str, bound: Bound) -> io::Result<()> {
    writeln!(
        out,
        "| {what} | {} | {} | 1 in {:.0} |",
        bound.happened,
        bound.of,
        1.0 / bound.upper()
    )
}

#[expect(clippy::cast_precision_loss, reason = "shares of counts")]
fn calibration(out: &mut impl Write, calibration: &Calibration) -> io::Result<()> {
    writeln!(
        out,
        "| confidence from | findings | mean confidence | right |"
    )?;
    writeln!(out, "|---:|---:|---:|---:|")?;
    for bin in calibration.bins.iter().filter(|bin| bin.findings > 0) {
        let findings = bin.findings as f64;
        writeln!(
            out,
            "| {} | {} | {:.2} % | {:.2} % |",
            bin.from,
            bin.findings,
            bin.claimed / findings * 100.0,
            bin.right as f64 / findings * 100.0
        )?;
    }
    Ok(())
}

fn matrix(out: &mut impl Write, matrix: &Matrix) -> io::Result<()> {
    let named: BTreeSet<&String> = matrix.rows.values().flat_map(|row| row.keys()).collect();
    write!(out, "| true \\ named first |")?;
    for cause in &named {
        write!(out, " {cause} |")?;
    }
    write!(out, "\n|---|")?;
    for _ in &named {
        write!(out, "---:|")?;
    }
    writeln!(out)?;
    for (truth, row) in &matrix.rows {
        write!(out, "| {truth} |")?;
        for cause in &named {
            match row.get(*cause) {
                Some(count) => write!(out, " {count} |")?,
                None => write!(out, " |")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}
