//! What watching costs, measured. Every figure is a difference to the same thing without natdiag in the same run:
//! this machine's speed at this moment is in both.

mod clock;
mod driver;
mod kind;
pub(crate) mod live;
mod programs;
mod replay;
mod rig;
mod snapshot;
mod statistics;
mod stream;
mod table;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::Serialize;

/// What `cargo xtask bench` is asked.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Parts to measure; all if none is named
    parts: Vec<Part>,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// How often everything is measured; the median counts
    #[arg(long, default_value_t = 31, value_name = "N")]
    rounds: usize,
    /// Few rounds: rough figures soon
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Nanoseconds per packet of every program, and instructions verified
    Programs,
    /// CPU time per packet on a veth pair: nobody, an empty program, natdiag, tcpdump
    Live,
    /// Throughput of one TCP stream over veth with natdiag and without
    Stream,
    /// CPU time of a snapshot of a million remote hosts
    Snapshot,
    /// `natdiag replay` beside tshark on a capture of 5 GB; only if named
    Replay,
}

/// What was measured.
#[derive(Default, Serialize)]
struct Figures {
    kernel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    programs: Option<programs::Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Vec<live::Figure>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<stream::Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<snapshot::Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<replay::Figures>,
}

/// Runs `cargo xtask bench`.
///
/// # Errors
/// Something could not be measured, or was not what it was taken for.
#[expect(clippy::needless_pass_by_value, reason = "as all commands are called")]
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    ensure!(nix::unistd::geteuid().is_root(), "measuring needs root");
    let rounds = if args.quick { 5 } else { args.rounds.max(1) };
    let wanted = |part: Part| args.parts.is_empty() || args.parts.contains(&part);
    let mut figures = Figures {
        kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")?
            .trim()
            .to_owned(),
        ..Figures::default()
    };
    if wanted(Part::Programs) {
        figures.programs = Some(programs::measure(rounds)?);
    }
    if wanted(Part::Live) {
        figures.live = Some(live::measure(rounds)?);
    }
    if wanted(Part::Stream) {
        figures.stream = Some(stream::measure(rounds)?);
    }
    if wanted(Part::Snapshot) {
        figures.snapshot = Some(snapshot::measure(rounds)?);
    }
    if args.parts.contains(&Part::Replay) {
        figures.replay = Some(replay::measure()?);
    }
    table::show(&figures, args.json)?;
    Ok(ExitCode::SUCCESS)
}
