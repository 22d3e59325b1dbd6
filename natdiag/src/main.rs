//! The `natdiag` command: reads the command line, runs it, reports an error in one line.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use natdiag::{
    cli::{Cli, Command},
    command,
    error::told,
    log,
    report::exit_code::ExitStatus,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Who runs unattended tells what comes and goes.
    let is_unattended = matches!(cli.command, Command::Daemon(_));
    log::start(cli.verbose.saturating_add(is_unattended.into()));
    let status = command::run(&cli).unwrap_or_else(|error| {
        // Nobody is left to be told when standard error is closed as well.
        let _ = writeln!(io::stderr(), "natdiag: {}", told(&error));
        ExitStatus::Error
    });
    status.into()
}
