//! Which view a watch has: the screen where there is a terminal for it, else a report.

use std::{
    env,
    io::{self, IsTerminal},
};

use thiserror::Error;

use crate::value::output::{LiveOutput, Output};

/// What shows a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A screen to look around in.
    Screen,
    /// Something to read.
    Report(Output),
}

/// The screen was asked for where it cannot be.
#[derive(Debug, Error)]
#[error(
    "`--output tui` needs a terminal, and {why}; ask for `--output text`, or leave `--output` out"
)]
pub struct NoTerminal {
    why: &'static str,
}

/// What the command line and the place that natdiag was started in ask for.
pub(crate) fn choose(asked: Option<LiveOutput>) -> Result<Form, NoTerminal> {
    Ok(match (asked, obstacle()) {
        (Some(LiveOutput::Tui), Some(why)) => return Err(NoTerminal { why }),
        (Some(LiveOutput::Tui) | None, None) => Form::Screen,
        (Some(LiveOutput::Text) | None, _) => Form::Report(Output::Text),
        (Some(LiveOutput::Json), _) => Form::Report(Output::Json),
        (Some(LiveOutput::Jsonl), _) => Form::Report(Output::Jsonl),
        (Some(LiveOutput::Markdown), _) => Form::Report(Output::Markdown),
    })
}

/// What keeps a screen from working here.
fn obstacle() -> Option<&'static str> {
    if !io::stdout().is_terminal() {
        Some("standard output is none")
    } else if !io::stdin().is_terminal() {
        Some("standard input is none")
    } else if env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        Some("this one (see TERM) cannot move its cursor")
    } else {
        None
    }
}
