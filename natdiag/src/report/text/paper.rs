//! What a text is written on: how wide it is, and whether it shows weights and colours.

use console::{Style, Term};

use crate::{analysis::diagnosis::Severity, colour};

/// Width of a text that goes to no terminal.
const PAGE_COLUMNS: usize = 100;
/// Width beyond which lines are hard to read.
const MAX_COLUMNS: usize = 120;
/// Width of a terminal that does not tell its size, such as one on a serial line: that of a VT100.
const USUAL_COLUMNS: usize = 80;
/// Narrower terminals get lines that they have to break.
const MIN_COLUMNS: usize = 20;

/// What a text is written on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    /// Characters in a line.
    pub columns: usize,
    is_coloured: bool,
}

impl Paper {
    /// Standard output: the terminal, or a file or pipe of the usual width and without colours.
    #[must_use]
    pub fn of_stdout() -> Self {
        Self::of_terminal().unwrap_or(Self::plain(PAGE_COLUMNS))
    }

    /// The terminal on standard output, if there is one that tells its size.
    pub(crate) fn of_terminal() -> Option<Self> {
        let term = Term::stdout();
        if !term.is_term() {
            return None;
        }
        let columns = match term.size_checked() {
            Some((_, columns @ 1..)) => columns.into(),
            _ => USUAL_COLUMNS,
        };
        Some(Self {
            columns: columns.clamp(MIN_COLUMNS, MAX_COLUMNS),
            is_coloured: colour::is_wanted(),
        })
    }

    /// So many columns, and nothing but letters.
    #[must_use]
    pub const fn plain(columns: usize) -> Self {
        Self {
            columns,
            is_coloured: false,
        }
    }

    /// Paper of so many columns, with weights and colours.
    #[cfg(test)]
    pub(crate) const fn coloured(columns: usize) -> Self {
        Self {
            columns,
            is_coloured: true,
        }
    }

    /// Headings.
    pub(super) fn strong(self, text: &str) -> String {
        self.styled(text, Style::new().bold())
    }

    /// What is there to look up.
    pub(super) fn faint(self, text: &str) -> String {
        self.styled(text, Style::new().dim())
    }

    /// What stands for a severity: two of the eight colours that every terminal has, as on the screen.
    pub(super) fn severity(self, text: &str, severity: Option<Severity>) -> String {
        match severity {
            Some(Severity::Critical) => self.styled(text, Style::new().red().bold()),
            Some(Severity::Warning) => self.styled(text, Style::new().yellow().bold()),
            Some(Severity::Info) | None => text.to_owned(),
        }
    }

    /// A line in which what stands in backticks is strong.
    pub(super) fn with_commands(self, line: &str) -> String {
        if !self.is_coloured || line.matches('`').count() % 2 == 1 {
            return line.to_owned();
        }
        let parts = line.split('`').enumerate();
        let parts = parts.map(|(place, part)| match place % 2 {
            0 => part.to_owned(),
            _ => self.strong(&format!("`{part}`")),
        });
        parts.collect()
    }

    fn styled(self, text: &str, style: Style) -> String {
        if self.is_coloured && !text.trim().is_empty() {
            style.force_styling(true).apply_to(text).to_string()
        } else {
            text.to_owned()
        }
    }
}
