//! `cargo xtask evaluate`: how often natdiag is right, and how sure it then was. A simulation of many remote hosts,
//! some with troubles that natdiag does not know, the captures of real servers, and the scenarios of the lab under
//! several seeds.

mod dice;
mod docs;
mod micros;
mod mix;
mod play;
mod played;
mod recorded;
mod report;
mod simulation;
mod tally;
mod trouble;
mod unknown;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};

/// What `cargo xtask evaluate` is asked.
#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Args {
    /// The simulation only, or with other parts that are named
    #[arg(long)]
    simulation: bool,
    /// The simulated hosts with troubles that natdiag has no hypothesis for only, or with other parts that are named
    #[arg(long)]
    unknown: bool,
    /// The captures of real servers only, or with other parts that are named
    #[arg(long)]
    captures: bool,
    /// The scenarios of the lab only, each under five seeds, or with other parts that are named; takes root and half an
    /// hour
    #[arg(long)]
    lab: bool,
    /// How many scenarios of the lab run side by side
    #[arg(short, long, value_name = "N", default_value_t = 4)]
    jobs: usize,
    /// Prints one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// A twentieth of the simulated hosts: rough figures soon
    #[arg(long)]
    quick: bool,
    /// Simulates the hosts by which likelihoods may be mended, in place of those that figures are reported of
    #[arg(long)]
    tuning: bool,
    /// Puts the tables into docs/evaluation.md too, in place of those of the same parts
    #[arg(long, conflicts_with_all = ["json", "quick", "tuning"])]
    docs: bool,
}

/// What part of the simulation `--quick` plays.
const QUICK: u64 = 20;

/// What has been evaluated.
#[derive(Default, serde::Serialize)]
struct Outcome {
    simulation: Option<simulation::Outcome>,
    unknown: Option<unknown::Outcome>,
    /// Captures and scenarios.
    played: Option<played::Outcome>,
}

/// Evaluates natdiag and prints how it did. Fails where tcp_tw_recycle was said wrongly in the simulation, or missed
/// where nothing was hidden, or where a capture or a scenario did not give what it must.
///
/// # Errors
/// The lab cannot be built, a capture cannot be read, or standard output or the file of the tables cannot be written.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let is_all = !(args.simulation || args.unknown || args.captures || args.lab);
    let mut outcome = Outcome::default();
    let seed = if args.tuning {
        mix::TUNING_SEED
    } else {
        mix::HELD_OUT_SEED
    };
    let part = if args.quick { QUICK } else { 1 };
    if is_all || args.simulation {
        outcome.simulation = Some(simulation::run(seed, part));
    }
    if is_all || args.unknown {
        outcome.unknown = Some(unknown::run(seed, part));
    }
    if is_all || args.captures {
        outcome
            .played
            .get_or_insert_default()
            .add_captures()
            .context("cannot evaluate the captures")?;
    }
    if is_all || args.lab {
        outcome
            .played
            .get_or_insert_default()
            .add_lab(args.jobs)
            .context("cannot evaluate the lab")?;
    }
    if args.json {
        let text = serde_json::to_string_pretty(&outcome).context("cannot encode the outcome")?;
        writeln!(io::stdout(), "{text}")?;
    } else {
        let sections = report::sections(
            &docs::commit()?,
            outcome.simulation.as_ref(),
            outcome.unknown.as_ref(),
            outcome.played.as_ref(),
        )?;
        for section in &sections {
            writeln!(io::stdout(), "{section}")?;
        }
        if args.docs {
            docs::update(&sections)?;
        }
    }
    Ok(if outcome.is_right() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Outcome {
    fn is_right(&self) -> bool {
        let simulation = self.simulation.as_ref();
        let simulation = simulation.is_none_or(simulation::Outcome::is_right);
        let unknown = self.unknown.as_ref();
        let unknown = unknown.is_none_or(|unknown| unknown.false_tw_recycle.happened == 0);
        let played = self.played.as_ref();
        simulation && unknown && played.is_none_or(|played| played.differences.is_empty())
    }
}
