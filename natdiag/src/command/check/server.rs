//! `natdiag check server`: facts to a verdict to a report.

use std::io::{self, Write};

use thiserror::Error;

use crate::{
    check::server::{
        read::{ReadError, read},
        script::COLLECT,
        verdict::judge,
    },
    cli::CheckServerArgs,
    report::{exit_code::ExitStatus, host::server, text::paper::Paper},
    value::output::CheckOutput,
};

/// Why a check of a server came to no report.
#[derive(Debug, Error)]
pub enum CheckServerError {
    /// There is nothing to read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Standard output cannot be written.
    #[error("cannot write the report")]
    Output(#[source] io::Error),
}

/// Looks at a host as the server, or prints the script that does.
///
/// # Errors
/// There is nothing to read, or the report cannot be written.
pub fn check(args: &CheckServerArgs, out: &mut dyn Write) -> Result<ExitStatus, CheckServerError> {
    if args.script {
        out.write_all(COLLECT.as_bytes())
            .and_then(|()| out.flush())
            .map_err(CheckServerError::Output)?;
        return Ok(ExitStatus::Clear);
    }
    let facts = read(&args.root, args.duration)?;
    let verdict = judge(&facts);
    let status = ExitStatus::of_findings(&verdict.findings);
    match args.output {
        CheckOutput::Text => server::write_text(&facts, &verdict, out, Paper::of_stdout()),
        CheckOutput::Json => server::write_json_report(&facts, &verdict, out),
    }
    .and_then(|()| out.flush())
    .map(|()| status)
    .map_err(CheckServerError::Output)
}
