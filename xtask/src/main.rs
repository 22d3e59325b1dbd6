//! The commands of a developer: `cargo xtask COMMAND`.
//!
//! This program must compile before BPF programs can, because it installs what they need. So the commands that
//! load BPF programs live behind the feature `programs`; without it they are in `handover`, which builds xtask
//! once more with the feature and becomes that.
#![cfg_attr(
    feature = "programs",
    expect(
        clippy::disallowed_methods,
        reason = "it measures how long things take, and plays traffic in real time"
    )
)]

#[cfg(feature = "programs")]
mod bench;
mod dist;
mod elf;
#[cfg(feature = "programs")]
mod evaluate;
mod exec;
#[cfg(not(feature = "programs"))]
mod handover;
#[cfg(feature = "programs")]
mod kernels;
#[cfg(feature = "programs")]
mod lab;
mod package;
mod programs;
mod run;
#[cfg(feature = "programs")]
mod screens;
mod setup;
#[cfg(feature = "programs")]
mod soak;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
#[cfg(not(feature = "programs"))]
use handover::{bench, evaluate, kernels, lab, probe, screens, soak};
#[cfg(feature = "programs")]
use lab::probe;

/// Builds, runs and tests natdiag
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what building and testing need, where it is missing
    Setup(setup::Args),
    /// Builds natdiag and runs it, as root when it must
    Run(run::Args),
    /// Runs all tests, and says which could not run
    Test,
    /// Builds natdiag as one static program
    Dist(dist::Args),
    /// Builds the test network in namespaces and plays scenarios
    Lab(lab::Args),
    /// Tests servers of the test network actively
    Probe(probe::Args),
    /// Measures how often natdiag is right: a simulation, captures, the lab
    Evaluate(evaluate::Args),
    /// Measures what watching costs
    Bench(bench::Args),
    /// Runs natdiag on a busy network for long, with faults, and checks that it holds
    Soak(soak::Args),
    /// Loads, attaches and counts on real kernels in QEMU
    Kernels(kernels::Args),
    /// Makes the Debian package, and tries it
    Package(package::Args),
    /// Draws pictures of real screens for the documentation
    Screens(screens::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().task {
        Task::Setup(args) => setup::run(&args),
        Task::Run(args) => run::run(&args),
        Task::Test => test::run(),
        Task::Dist(args) => dist::run(&args),
        Task::Lab(args) => lab::run(args),
        Task::Probe(args) => probe::run(&args),
        Task::Evaluate(args) => evaluate::run(&args),
        Task::Bench(args) => bench::run(args),
        Task::Soak(args) => soak::run(args),
        Task::Kernels(args) => kernels::run(args),
        Task::Package(args) => package::run(&args),
        Task::Screens(args) => screens::run(&args),
    }
}
