//! The figures as tables, or as JSON.

use std::io::{self, Write};

use anyhow::Result;

use super::{Figures, kind::Kind, programs};

/// Prints everything.
pub(super) fn show(figures: &Figures, json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, figures)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "Linux {}", figures.kernel)?;
    if let Some(programs) = &figures.programs {
        show_programs(&mut out, programs)?;
    }
    Ok(())
}

fn show_programs(out: &mut impl Write, figures: &programs::Figures) -> Result<()> {
    writeln!(
        out,
        "\nNanoseconds per packet over an empty program (median; * over the limit)"
    )?;
    for (name, verified) in &figures.verified_instructions {
        write!(out, "\n{name}: ")?;
        match verified {
            Some(verified) => writeln!(out, "{verified} instructions verified")?,
            None => writeln!(out, "instructions verified: unknown to this kernel")?,
        }
        for kind in Kind::ALL {
            let cases: Vec<_> = figures
                .cases
                .iter()
                .filter(|case| case.program == *name && case.kind == kind)
                .collect();
            if !cases.is_empty() {
                show_kind(out, kind, cases)?;
            }
        }
    }
    Ok(())
}

fn show_kind(out: &mut impl Write, kind: Kind, mut cases: Vec<&programs::Figure>) -> Result<()> {
    cases.sort_by_key(|case| case.remotes);
    write!(out, "  {kind:32}")?;
    for case in cases {
        let mark = if case.ns.median > case.limit_ns {
            '*'
        } else {
            ' '
        };
        write!(
            out,
            " {:6.1}{mark} ({:.1} to {:.1})",
            case.ns.median, case.ns.low, case.ns.high
        )?;
    }
    writeln!(out)?;
    Ok(())
}
