//! Builds the xtask that carries the BPF programs, for the commands that load them, and natdiag beside it.

use std::process::Command;

use anyhow::Result;

use crate::{
    exec::{self, Profile},
    setup::{self, Purpose},
};

/// A command for the xtask that carries the BPF programs; that xtask is built first.
///
/// # Errors
/// When something that is needed cannot be installed or built.
pub(crate) fn command(name: &str, profile: Profile) -> Result<Command> {
    setup::ensure(Purpose::Test)?;
    exec::run(
        exec::cargo()
            .args([
                "build",
                "--quiet",
                "--package",
                "xtask",
                "--package",
                "natdiag",
            ])
            .args(["--features", "xtask/programs", "--profile", profile.name()]),
    )?;
    let mut command = exec::as_root(exec::built("xtask", profile)?);
    command.arg(name);
    Ok(command)
}
