//! `cargo xtask evaluate`: how often natdiag is right, and how sure it then was. A simulation of many remote hosts, the
//! captures of real servers, and the scenarios of the lab under several seeds.

mod dice;
mod mix;
mod play;
mod report;
mod simulation;
mod tally;
mod trouble;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};

/// What `cargo xtask evaluate` is asked.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Prints one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// A twentieth of the simulated hosts: rough figures soon
    #[arg(long)]
    quick: bool,
    /// Simulates the hosts by which likelihoods may be mended, in place of those that figures are reported of
    #[arg(long)]
    tuning: bool,
}

/// What part of the simulation `--quick` plays.
const QUICK: u64 = 20;

/// Evaluates natdiag and prints how it did.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let Args {
        json,
        quick,
        tuning,
    } = *args;
    let seed = if tuning {
        mix::TUNING_SEED
    } else {
        mix::HELD_OUT_SEED
    };
    let outcome = simulation::run(seed, if quick { QUICK } else { 1 });
    let mut out = io::stdout().lock();
    if json {
        let text = serde_json::to_string_pretty(&outcome).context("cannot encode the outcome")?;
        writeln!(out, "{text}")
    } else {
        report::write(&mut out, &outcome)
    }
    .context("cannot write the outcome")?;
    let is_right =
        outcome.false_tw_recycle.happened == 0 && outcome.missed_tw_recycle.happened == 0;
    Ok(if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
