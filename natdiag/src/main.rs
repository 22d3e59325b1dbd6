//! The `natdiag` command: reads the command line, runs it, reports an error in one line.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Parser;
use natdiag::{cli::Cli, colour, command, log::Log, report::exit_code::ExitStatus};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.verbose);
    let status = command::run(&cli).unwrap_or_else(|error| {
        // Nobody is left to be told when standard error is closed as well.
        let _ = writeln!(io::stderr(), "natdiag: {:#}", anyhow::Error::new(error));
        ExitStatus::Error
    });
    status.into()
}

/// Sends log lines to standard error: warnings, more with `-v`; `NATDIAG_LOG` overrides both.
fn start_log(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder()
        .with_env_var("NATDIAG_LOG")
        .with_default_directive(level.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Log)
        .with_ansi(io::stderr().is_terminal() && colour::is_wanted())
        .with_target(false)
        .init();
}
