//! The outward forms of a survey. They word and lay out; what is wrong was decided before.

pub mod exit_code;
#[cfg(test)]
mod fixture;
pub mod graded;
pub mod json;
mod json_layout;
mod live;
pub mod model;
mod ranking;
mod table;
mod text;
mod wording;

use std::io::{self, BufWriter};

use crate::{
    cli::{Cli, Command},
    config::Output,
    survey::View,
};

/// The view that the command line asks for, on standard output.
#[must_use]
pub fn view(cli: &Cli) -> Box<dyn View> {
    let out = BufWriter::new(io::stdout());
    let (output, log) = match &cli.command {
        Command::Watch(args) => (args.output, cli.verbose > 0),
        Command::Replay(args) => (args.output, true),
    };
    match output {
        Output::Text => Box::new(live::TextView::new(out, log)),
        Output::Json => Box::new(json::JsonView::once(out)),
        Output::Jsonl => Box::new(json::JsonView::lines(out)),
    }
}
