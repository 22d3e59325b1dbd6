//! The outward forms of a survey. They word and lay out; what is wrong was decided before.

pub mod exit_code;
#[cfg(test)]
mod fixture;
pub mod graded;
pub mod host;
pub mod json;
mod json_layout;
mod live;
pub mod model;
mod ranking;
mod table;
mod text;
mod wording;

use std::io::{self, BufWriter};

use crate::{config::Output, survey::View};

/// The view of this form, on standard output. With `log`, lines of the log may come in between.
#[must_use]
pub fn view(output: Output, log: bool) -> Box<dyn View> {
    let out = BufWriter::new(io::stdout());
    match output {
        Output::Text => Box::new(live::TextView::new(out, log)),
        Output::Json => Box::new(json::JsonView::once(out)),
        Output::Jsonl => Box::new(json::JsonView::lines(out)),
    }
}
