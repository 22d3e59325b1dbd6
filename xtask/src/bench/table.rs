//! The figures as tables, or as JSON.

use std::{
    fmt,
    io::{self, Write},
};

use anyhow::Result;

use super::{Figures, kind::Kind, live, programs, replay, snapshot, statistics::Median, stream};

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
    if let Some(live) = &figures.live {
        show_live(&mut out, live)?;
    }
    if let Some(stream) = &figures.stream {
        show_stream(&mut out, stream)?;
    }
    if let Some(snapshot) = &figures.snapshot {
        show_snapshot(&mut out, snapshot)?;
    }
    if let Some(replay) = &figures.replay {
        show_replay(&mut out, replay)?;
    }
    Ok(())
}

fn show_replay(out: &mut impl Write, figures: &replay::Figures) -> Result<()> {
    let (octets, packets) = (figures.octets, figures.packets);
    writeln!(out, "\nReplay of {packets} packets, {octets} octets\n")?;
    for (name, cost) in [("natdiag", &figures.natdiag), ("tshark", &figures.tshark)] {
        let mega = cost.resident_octets / 1_000_000;
        writeln!(
            out,
            "  {name:<8} {:>7.2} s, of processors {:>7.2} s, {mega:>6} MB resident",
            cost.seconds, cost.cpu_seconds
        )?;
    }
    let times = figures.tshark.seconds / figures.natdiag.seconds;
    let cpu_times = figures.tshark.cpu_seconds / figures.natdiag.cpu_seconds;
    writeln!(
        out,
        "  natdiag is {times:.1} times as fast, by the time of processors {cpu_times:.1} times"
    )?;
    Ok(())
}

fn show_programs(out: &mut impl Write, figures: &programs::Figures) -> Result<()> {
    writeln!(
        out,
        "\nNanoseconds per packet over an empty program, from 1, 65,536 and 1,048,576 remote hosts: undisturbed (* over the \
         limit), and the median from burst to burst"
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
        let mark = if case.ns > case.limit_ns { '*' } else { ' ' };
        let difference = Rounded(case.difference_ns, 1).to_string();
        write!(out, " {mark}{:6.1} {difference:24}", case.ns)?;
    }
    writeln!(out)?;
    Ok(())
}

fn show_live(out: &mut impl Write, figures: &[live::Figure]) -> Result<()> {
    writeln!(
        out,
        "\nCPU time per packet on a veth pair, the sender's and the receiver's, nanoseconds and over nobody"
    )?;
    for figure in figures {
        let observer = match figure.observer {
            live::Observer::Nobody => "nobody",
            live::Observer::EmptyProgram => "empty TCX program",
            live::Observer::Natdiag => "natdiag (TCX)",
            live::Observer::Tcpdump => "tcpdump with a filter",
        };
        let (ns, ratio) = (Rounded(figure.ns, 0), Rounded(figure.ratio, 3));
        writeln!(out, "  {:32} {observer:24} {ns}   {ratio}", figure.kind)?;
    }
    Ok(())
}

fn show_stream(out: &mut impl Write, figures: &stream::Figures) -> Result<()> {
    writeln!(
        out,
        "\nOne TCP stream over veth, {} pairs of windows with natdiag (TCX) and without",
        figures.pairs
    )?;
    for (name, figure, digits) in [
        ("throughput, with over without", figures.throughput, 3),
        ("octets per CPU second, likewise", figures.octets_per_cpu, 3),
        ("Gbit/s without", figures.gbit_per_second_without, 1),
    ] {
        writeln!(out, "  {name:32} {}", Rounded(figure, digits))?;
    }
    Ok(())
}

fn show_snapshot(out: &mut impl Write, figures: &snapshot::Figures) -> Result<()> {
    writeln!(
        out,
        "\nA snapshot of {} remote hosts, milliseconds of CPU time",
        figures.remotes
    )?;
    for (name, figure) in [
        ("drain and merge", figures.merge),
        ("rank and diagnose", figures.diagnose),
        ("print the 1,000 worst as JSON", figures.print),
        ("all", figures.total),
    ] {
        writeln!(out, "  {name:32} {}", Rounded(figure.times(1e3), 1))?;
    }
    Ok(())
}

/// A median and its interval with so many digits.
struct Rounded(Median, usize);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Median { median, low, high }, digits) = self;
        write!(f, "{median:8.digits$} ({low:.digits$} to {high:.digits$})")
    }
}
