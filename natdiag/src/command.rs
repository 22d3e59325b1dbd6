//! Takes the command line to the command it names. It decides nothing and words nothing.

pub mod check;
pub mod daemon;
pub mod detach;
pub mod pages;
pub mod probe;
pub mod replay;
pub mod watch;

use std::{io, time::Duration};

use thiserror::Error;
use tokio::runtime::{Builder, Runtime};

use self::{
    check::{attach::CheckAttachError, nat::CheckNatError, server::CheckServerError},
    daemon::DaemonError,
    detach::DetachError,
    pages::PagesError,
    probe::ProbeError,
    replay::ReplayError,
    watch::{
        WatchError,
        view::{Form, NoTerminal},
    },
};
use crate::{
    cli::{Check, Cli, Command, daemon::DaemonArgs},
    config::{ConfigError, ReplayConfig, WatchConfig},
    names::Names,
    report::{self, exit_code::ExitStatus, graded::Graded, outlet::outlet, view::View},
    survey::Survey,
    tui::Tui,
    value::{output::Output, top::Top},
};

/// Remote hosts of a source whose names a report waits for: more than a text shows.
const NAMED: usize = 128;
/// How long a report waits for names.
const PATIENCE_FOR_NAMES: Duration = Duration::from_secs(2);

/// Why a command failed.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The command line makes no sense as a whole.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Watching failed.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Watching unattended failed.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// Detaching failed.
    #[error(transparent)]
    Detach(#[from] DetachError),
    /// Reading captures failed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The screen has nowhere to be.
    #[error(transparent)]
    NoTerminal(#[from] NoTerminal),
    /// Looking at a server failed.
    #[error(transparent)]
    CheckServer(#[from] CheckServerError),
    /// Testing failed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// Looking at interfaces failed.
    #[error(transparent)]
    CheckAttach(#[from] CheckAttachError),
    /// Looking at a NAT failed.
    #[error(transparent)]
    CheckNat(#[from] CheckNatError),
    /// Completions or manual pages cannot be written.
    #[error(transparent)]
    Pages(#[from] PagesError),
    /// The system gives no event loop.
    #[error("cannot start the event loop")]
    EventLoop(#[source] io::Error),
}

/// Runs the command, and says how it ended.
///
/// # Errors
/// Whatever keeps the command from its report. A reader who closes the pipe is no error.
pub fn run(cli: &Cli) -> Result<ExitStatus, CommandError> {
    match &cli.command {
        Command::Watch(args) => {
            let form = watch::view::choose(args.output)?;
            graded(form, args.top, |view| watch(&args.try_into()?, view))
        }
        Command::Daemon(args) => daemon(args),
        Command::Detach(args) => Ok(detach::detach(args, &mut outlet())?),
        Command::Replay(args) => graded(Form::Report(args.output), args.top, |view| {
            replay(&args.try_into()?, view)
        }),
        Command::Probe(args) => Ok(probe::run(args, &mut outlet())?),
        Command::Check(Check::Server(args)) => Ok(check::server::check(args, &mut outlet())?),
        Command::Check(Check::Attach(args)) => Ok(check::attach::check(args, &mut outlet())?),
        Command::Check(Check::Nat(args)) => Ok(check::nat::check(args, &mut outlet())?),
        Command::Completions { shell } => Ok(pages::completions(*shell)?),
        Command::Man { folder } => Ok(pages::man(folder.as_deref())?),
    }
}

/// Names of remote hosts, if they were asked for.
fn names(are_wanted: bool) -> Names {
    if are_wanted {
        Names::of_resolver()
    } else {
        Names::default()
    }
}

/// Asks for the names that a report is about to show, and gives the resolver a moment for those that it does not know
/// yet.
fn wait_for_names(survey: &Survey) {
    for source in survey.sources.iter().filter(|_| survey.names.are_on()) {
        for remote in source.diagnosis.remotes.iter().take(NAMED) {
            // What it is called is asked again by the view.
            let _ = survey.names.of(remote.address);
        }
    }
    survey.names.settle(PATIENCE_FOR_NAMES);
}

/// Runs a command that shows surveys; the last one decides how it ended.
fn graded(
    form: Form,
    top: Option<Top>,
    command: impl FnOnce(&mut Graded) -> Result<(), CommandError>,
) -> Result<ExitStatus, CommandError> {
    let rows = top.map(Top::limit);
    let shown: Box<dyn View> = match form {
        Form::Screen => Box::new(Tui::new(report::view(Output::Text, rows), rows)),
        Form::Report(output) => report::view(output, rows),
    };
    let mut view = Graded::new(shown);
    match command(&mut view) {
        Err(error) if !view.reader_left() => Err(error),
        _ => Ok(view.status()),
    }
}

fn watch(config: &WatchConfig, view: &mut Graded) -> Result<(), CommandError> {
    event_loop()?.block_on(watch::watch(config, view))?;
    Ok(())
}

fn daemon(args: &DaemonArgs) -> Result<ExitStatus, CommandError> {
    if let Some(file) = &args.check {
        daemon::check(file, &mut outlet())?;
    } else {
        event_loop()?.block_on(daemon::daemon(args))?;
    }
    Ok(ExitStatus::Clear)
}

fn event_loop() -> Result<Runtime, CommandError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::EventLoop)
}

fn replay(config: &ReplayConfig, view: &mut Graded) -> Result<(), CommandError> {
    replay::replay(config, view)?;
    Ok(())
}
