//! The part of something long that fits the screen.

use crate::tui::keymap::Action;

/// The part of something long that is on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// The line that the cursor is on, or the first one shown where there is no cursor.
    pub(crate) line: usize,
    /// The first line shown.
    pub(crate) first: usize,
    /// Lines that fit.
    pub(crate) height: usize,
    /// Lines that there are.
    pub(crate) lines: usize,
}

impl Window {
    /// Fits the window to `lines` lines, of which `height` fit, with the cursor in sight.
    pub(crate) fn fit_cursor(&mut self, lines: usize, height: usize) {
        (self.height, self.lines) = (height, lines);
        self.line = self.line.min(lines.saturating_sub(1));
        self.first = self
            .first
            .clamp((self.line + 1).saturating_sub(height), self.line)
            .min(lines.saturating_sub(height));
    }

    /// Fits the window to `lines` lines, of which `height` fit.
    pub(crate) fn fit_text(&mut self, lines: usize, height: usize) {
        (self.height, self.lines) = (height, lines);
        self.line = self.line.min(lines.saturating_sub(height));
        self.first = self.line;
    }

    /// Lines below those that are shown.
    pub(crate) const fn below(self) -> usize {
        self.lines.saturating_sub(self.first + self.height)
    }

    /// The line that a key goes to, if it goes anywhere.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a new key moves nothing unless it is written here"
    )]
    pub(crate) const fn moved(self, action: Action) -> Option<usize> {
        let page = if self.height > 1 { self.height - 1 } else { 1 };
        Some(match action {
            Action::Up => self.line.saturating_sub(1),
            Action::Down => self.line.saturating_add(1),
            Action::PageUp => self.line.saturating_sub(page),
            Action::PageDown => self.line.saturating_add(page),
            Action::Top => 0,
            Action::Bottom => usize::MAX - 1,
            _ => return None,
        })
    }
}
