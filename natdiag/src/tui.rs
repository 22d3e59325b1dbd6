//! The live screen.

use std::io;

use crate::{
    config::Output,
    report,
    survey::{Survey, View},
};

/// The live screen.
pub struct Tui(Box<dyn View>);

impl Tui {
    /// A screen.
    #[must_use]
    pub fn new(rows: Option<usize>) -> Self {
        Self(report::view(Output::Text, rows))
    }
}

impl View for Tui {
    fn interim(&mut self, survey: Survey) -> io::Result<()> {
        self.0.interim(survey)
    }

    fn finish(&mut self, survey: &Survey) -> io::Result<()> {
        self.0.finish(survey)
    }
}
