//! The text view: lines while it runs, then the report.

mod lines;
pub(crate) mod pace;

use std::io::{self, Write};

use self::{lines::Lines, pace::Pace};
use crate::{
    report::{
        text::{self, paper::Paper},
        view::View,
    },
    survey::Survey,
};

/// Shows a run to people.
pub(crate) struct TextView<W> {
    out: W,
    rows: Option<usize>,
    pace: Pace,
    lines: Lines,
    /// The terminal, if it goes to one: its size may change.
    terminal: fn() -> Option<Paper>,
}

impl<W: Write> TextView<W> {
    /// Shows a run on standard output `out`, with at most `rows` remote hosts in its table.
    pub(crate) fn new(out: W, rows: Option<usize>) -> Self {
        Self::with(out, rows, Paper::of_terminal)
    }

    fn with(out: W, rows: Option<usize>, terminal: fn() -> Option<Paper>) -> Self {
        Self {
            out,
            rows,
            pace: Pace::default(),
            lines: Lines::default(),
            terminal,
        }
    }
}

impl<W: Write> View for TextView<W> {
    fn interim(&mut self, survey: Survey) -> io::Result<()> {
        let rates = self.pace.rates(&survey);
        // Without a terminal a line stays a line.
        let paper = (self.terminal)().unwrap_or(Paper::plain(usize::MAX));
        self.lines.write(&mut self.out, &survey, &rates, paper)?;
        self.out.flush()
    }

    fn finish(&mut self, survey: &Survey) -> io::Result<()> {
        let paper = (self.terminal)().unwrap_or_else(Paper::of_stdout);
        text::write(survey, &mut self.out, paper, self.rows)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
