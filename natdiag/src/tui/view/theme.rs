//! Colours and weights. Colour only adds to what words and marks say: the terminal's own foreground and background, so
//! that light and dark ones work, and two of the eight colours that every terminal has.

use ratatui::style::{Color, Modifier, Style};

use crate::{analysis::diagnosis::Severity, colour};

/// Headings, commands to copy and keys.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
/// What is there to look up.
pub(super) const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
/// The line that the cursor is on.
pub(super) const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(in crate::tui) struct Theme {
    has_colour: bool,
}

impl Theme {
    /// A theme with or without colours.
    pub(in crate::tui) const fn new(has_colour: bool) -> Self {
        Self { has_colour }
    }

    /// The theme that the environment asks for.
    pub(in crate::tui) fn from_environment() -> Self {
        Self::new(colour::is_wanted())
    }

    /// A mark, and what stands for it.
    pub(super) fn severity(self, severity: Option<Severity>) -> Style {
        match severity {
            Some(Severity::Critical) => self.coloured(Color::Red).add_modifier(Modifier::BOLD),
            Some(Severity::Warning) => self.coloured(Color::Yellow).add_modifier(Modifier::BOLD),
            Some(Severity::Info) | None => Style::new(),
        }
    }

    const fn coloured(self, colour: Color) -> Style {
        if self.has_colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}
