//! The tables of hosts with unknown troubles.

use std::io::{self, Write};

use super::{bound, calibration, matrix};
use crate::evaluate::{tally::Calibration, unknown::Outcome};

/// Writes them; with the calibration of all other hosts with a trouble, also that of both together.
pub(super) fn write(
    out: &mut impl Write,
    outcome: &Outcome,
    others: Option<&Calibration>,
) -> io::Result<()> {
    writeln!(out, "| what | happened | of | 95 % upper bound |")?;
    writeln!(out, "|---|---:|---:|---:|")?;
    bound(
        out,
        "`tw-recycle` said of a host with an unknown trouble",
        outcome.false_tw_recycle,
    )?;
    for (kind, of_kind) in &outcome.false_tw_recycle_of {
        if of_kind.happened > 0 {
            bound(out, &format!("of these, {}", kind.as_str()), *of_kind)?;
        }
    }
    writeln!(out)?;
    matrix(out, &outcome.matrix)?;
    writeln!(
        out,
        "\nCauses that claim something, first or not; true are those whose words fit the trouble:\n"
    )?;
    named(out, outcome)?;
    writeln!(out, "\nConfidence, of these hosts alone:\n")?;
    calibration(out, &outcome.calibration)?;
    if let Some(others) = others {
        writeln!(
            out,
            "\nConfidence, where they are one in twenty of all hosts with a trouble:\n"
        )?;
        calibration(out, &others.with(&outcome.calibration_of_counted))?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of findings")]
fn named(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    writeln!(
        out,
        "| trouble | named | is true | times | mean confidence | highest |"
    )?;
    writeln!(out, "|---|---|---|---:|---:|---:|")?;
    for (kind, causes) in &outcome.named {
        for (cause, named) in causes {
            writeln!(
                out,
                "| {} | {cause} | {} | {} | {:.2} % | {:.2} % |",
                kind.as_str(),
                if named.is_true { "yes" } else { "no" },
                named.times,
                named.claimed / named.times.max(1) as f64 * 100.0,
                named.most * 100.0
            )?;
        }
    }
    Ok(())
}
