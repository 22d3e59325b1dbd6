//! Takes the command line to the command it names. It decides nothing and words nothing.

pub mod replay;
pub mod watch;

use std::io;

use thiserror::Error;

use self::{
    replay::ReplayError,
    watch::{
        WatchError,
        view::{Form, NoTerminal},
    },
};
use crate::{
    cli::{Cli, Command},
    config::{ConfigError, Output, ReplayConfig, Top, WatchConfig},
    report::{self, exit_code::ExitStatus, graded::Graded},
    survey::View,
    tui::Tui,
};

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The command line makes no sense as a whole.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Watching failed.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Reading captures failed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The screen has nowhere to be.
    #[error(transparent)]
    NoTerminal(#[from] NoTerminal),
    /// The system gives no event loop.
    #[error("cannot start the event loop")]
    EventLoop(#[source] io::Error),
}

/// Runs the command, and says how it ended.
///
/// # Errors
/// Whatever keeps the command from its report. A reader who closes the pipe is no error.
pub fn run(cli: &Cli) -> Result<ExitStatus, CommandError> {
    let mut view = Graded::new(view(&cli.command)?);
    let outcome = match &cli.command {
        Command::Watch(args) => watch(&args.try_into()?, &mut view),
        Command::Replay(args) => replay(&args.try_into()?, &mut view),
    };
    match outcome {
        Err(error) if !view.reader_left() => Err(error),
        _ => Ok(view.status()),
    }
}

/// The view that the command line asks for.
fn view(command: &Command) -> Result<Box<dyn View>, CommandError> {
    let (output, top) = match command {
        Command::Watch(args) => (watch::view::choose(args.output)?, args.top),
        Command::Replay(args) => (Form::Report(args.output), args.top),
    };
    let rows = top.map(Top::limit);
    Ok(match output {
        Form::Screen => Box::new(Tui::new(report::view(Output::Text, rows), rows)),
        Form::Report(output) => report::view(output, rows),
    })
}

fn watch(config: &WatchConfig, view: &mut Graded) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::EventLoop)?;
    runtime.block_on(watch::watch(config, view))?;
    Ok(())
}

fn replay(config: &ReplayConfig, view: &mut Graded) -> Result<(), CommandError> {
    replay::replay(config, view)?;
    Ok(())
}
