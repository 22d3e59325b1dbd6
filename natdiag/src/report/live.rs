//! The text view while it runs: a table that refreshes in place on a terminal, lines elsewhere; then the report.

mod lines;
mod pace;
mod screen;
mod terminal;

use std::{
    env,
    io::{self, IsTerminal, Write},
};

pub(crate) use self::terminal::Size;
use self::{lines::Lines, pace::Pace, screen::Screen};
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
    pace: Pace,
    progress: Progress,
    size: fn() -> Option<Size>,
}

/// How things stand in between.
enum Progress {
    Screen(Screen),
    Lines(Lines),
}

impl<W: Write> TextView<W> {
    /// Shows a run on standard output `out`. With `log`, lines of the log may come in between, so that a table
    /// cannot refresh in place.
    pub(crate) fn new(out: W, log: bool) -> Self {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        if !io::stdout().is_terminal() {
            Self::lines(out, || None)
        } else if dumb || log {
            Self::lines(out, terminal::size)
        } else {
            Self::screen(out, !is_set("NO_COLOR"), terminal::size)
        }
    }

    /// Refreshes a table in place.
    pub(crate) fn screen(out: W, colour: bool, size: fn() -> Option<Size>) -> Self {
        Self::with(out, Progress::Screen(Screen::new(colour)), size)
    }

    /// Writes lines.
    pub(crate) fn lines(out: W, size: fn() -> Option<Size>) -> Self {
        Self::with(out, Progress::Lines(Lines::default()), size)
    }

    fn with(out: W, progress: Progress, size: fn() -> Option<Size>) -> Self {
        let pace = Pace::default();
        Self {
            out,
            pace,
            progress,
            size,
        }
    }
}

impl<W: Write> View for TextView<W> {
    fn interim(&mut self, survey: &Survey) -> io::Result<()> {
        let rates = self.pace.rates(survey);
        match &mut self.progress {
            Progress::Screen(screen) => {
                let size = (self.size)().unwrap_or_default();
                screen.draw(&mut self.out, survey, &rates, size)?;
            }
            Progress::Lines(lines) => lines.write(&mut self.out, survey, &rates)?,
        }
        self.out.flush()
    }

    fn finish(&mut self, survey: &Survey) -> io::Result<()> {
        let size = (self.size)();
        if let Progress::Screen(screen) = &mut self.progress {
            screen.erase(&mut self.out, size.unwrap_or_default())?;
        }
        let columns = size.map_or(PAGE_COLUMNS, |size| size.columns.min(MAX_COLUMNS));
        text::write(survey, &mut self.out, columns)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
