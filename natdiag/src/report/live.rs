//! The text view: lines while it runs, then the report.

mod lines;
pub(crate) mod pace;
mod terminal;

use std::io::{self, IsTerminal, Write};

use self::{lines::Lines, pace::Pace, terminal::Size};
use crate::{
    report::text,
    survey::{Survey, View},
};

/// Width of a report that goes to no terminal.
const PAGE_COLUMNS: usize = 100;
/// Width beyond which lines are hard to read.
const MAX_COLUMNS: usize = 120;

/// Shows a run to people.
pub(crate) struct TextView<W> {
    out: W,
    rows: Option<usize>,
    pace: Pace,
    lines: Lines,
    size: fn() -> Option<Size>,
}

impl<W: Write> TextView<W> {
    /// Shows a run on standard output `out`, with at most `rows` remote hosts in its table.
    pub(crate) fn new(out: W, rows: Option<usize>) -> Self {
        if io::stdout().is_terminal() {
            Self::with(out, rows, terminal::size)
        } else {
            Self::with(out, rows, || None)
        }
    }

    fn with(out: W, rows: Option<usize>, size: fn() -> Option<Size>) -> Self {
        Self {
            out,
            rows,
            pace: Pace::default(),
            lines: Lines::default(),
            size,
        }
    }

    /// The width of the terminal, if it goes to one.
    fn columns(&self) -> Option<usize> {
        (self.size)().map(|size| size.columns.min(MAX_COLUMNS))
    }
}

impl<W: Write> View for TextView<W> {
    fn interim(&mut self, survey: Survey) -> io::Result<()> {
        let rates = self.pace.rates(&survey);
        let columns = self.columns();
        self.lines.write(&mut self.out, &survey, &rates, columns)?;
        self.out.flush()
    }

    fn finish(&mut self, survey: &Survey) -> io::Result<()> {
        let columns = self.columns().unwrap_or(PAGE_COLUMNS);
        text::write(survey, &mut self.out, columns, self.rows)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
