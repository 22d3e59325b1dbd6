//! `natdiag check attach`: facts about interfaces to a report. Nothing is attached.

use std::io::{self, Write};

use thiserror::Error;

use crate::{
    check::attach::{Facts, read::read},
    cli::CheckAttachArgs,
    clock::Clock,
    command::watch::{WatchError, choose_links},
    report::{exit_code::ExitStatus, host::attach, text::paper::Paper},
    value::output::CheckOutput,
};

/// Why a check of interfaces came to no report.
#[derive(Debug, Error)]
pub enum CheckAttachError {
    /// There is no such interface.
    #[error(transparent)]
    Links(#[from] WatchError),
    /// Standard output cannot be written.
    #[error("cannot write the report")]
    Output(#[source] io::Error),
}

/// Looks what could be attached to interfaces.
///
/// # Errors
/// There is no such interface, or the report cannot be written.
pub fn check(args: &CheckAttachArgs, out: &mut dyn Write) -> Result<ExitStatus, CheckAttachError> {
    let links = choose_links(&args.interfaces)?;
    let all: Vec<_> = links.into_iter().map(read).collect();
    match args.output {
        CheckOutput::Text => attach::write_text(&all, out, Paper::of_stdout()),
        CheckOutput::Json => attach::write_json_report(&all, Clock::start().now(), out),
    }
    .and_then(|()| out.flush())
    .map_err(CheckAttachError::Output)?;
    Ok(if all.iter().all(Facts::can_attach) {
        ExitStatus::Clear
    } else {
        ExitStatus::Harm
    })
}
