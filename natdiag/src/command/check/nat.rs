//! `natdiag check nat`: facts to a verdict to a report.

use std::io::{self, Write};

use thiserror::Error;

use crate::{
    check::nat::{
        read::{ReadError, read},
        script::COLLECT,
        verdict::judge,
    },
    cli::CheckNatArgs,
    report::{exit_code::ExitStatus, host::nat, text::paper::Paper},
    value::output::NatOutput,
};

/// Why a check of a NAT came to no report.
#[derive(Debug, Error)]
pub enum CheckNatError {
    /// There is nothing to read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Standard output cannot be written.
    #[error("cannot write the report")]
    Output(#[source] io::Error),
}

/// Looks at a host as the NAT, or prints the script that does.
///
/// # Errors
/// There is nothing to read, or the report cannot be written.
pub fn check(args: &CheckNatArgs, out: &mut dyn Write) -> Result<ExitStatus, CheckNatError> {
    if args.script {
        out.write_all(COLLECT.as_bytes())
            .and_then(|()| out.flush())
            .map_err(CheckNatError::Output)?;
        return Ok(ExitStatus::Clear);
    }
    let facts = read(&args.root, args.duration, &args.interfaces)?;
    let verdict = judge(&facts);
    let status = ExitStatus::of_findings(&verdict.findings);
    match args.output {
        NatOutput::Text => nat::write_text(&facts, &verdict, out, Paper::of_stdout()),
        NatOutput::Json => nat::write_json_report(&facts, &verdict, out),
        NatOutput::Markdown => nat::write_markdown(&facts, &verdict, out),
    }
    .and_then(|()| out.flush())
    .map(|()| status)
    .map_err(CheckNatError::Output)
}
