//! The outward forms of a survey. They word and lay out; what is wrong was decided before.

pub mod event;
pub mod exit_code;
#[cfg(test)]
pub(crate) mod fixture;
pub mod graded;
pub mod host;
pub mod json;
mod json_layout;
pub(crate) mod live;
pub(crate) mod markdown;
pub mod model;
pub(crate) mod note;
pub(crate) mod outlet;
pub mod probe;
pub(crate) mod ranking;
#[cfg(test)]
pub(crate) mod schema;
pub(crate) mod table;
pub mod text;
pub mod view;
pub(crate) mod wording;

use std::io::{self, BufWriter};

use self::view::View;
use crate::value::output::Output;

/// The view of this form, on standard output; `rows` bounds its table of remote hosts.
#[must_use]
pub fn view(output: Output, rows: Option<usize>) -> Box<dyn View> {
    let out = BufWriter::new(io::stdout());
    match output {
        Output::Text => Box::new(live::TextView::new(out, rows)),
        Output::Json => Box::new(json::JsonView::once(out)),
        Output::Jsonl => Box::new(json::JsonView::lines(out)),
        Output::Markdown => Box::new(markdown::MarkdownView::new(out, rows)),
    }
}
