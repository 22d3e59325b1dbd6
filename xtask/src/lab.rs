//! The test network.

use std::process::ExitCode;

use anyhow::{Result, bail};

/// What `cargo xtask lab` is asked.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs `cargo xtask lab`.
///
/// # Errors
/// Always.
pub(crate) fn run(_args: Args) -> Result<ExitCode> {
    bail!("there is no test network yet")
}
