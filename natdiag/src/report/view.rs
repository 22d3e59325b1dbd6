//! What every form of output has in common: it shows a run as it goes on, and its end.

use std::io;

use crate::survey::Survey;

/// What a person at the terminal wants of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing.
    GoOn,
    /// That it ends.
    End,
}

/// Something that shows a run.
pub trait View {
    /// Shows what is watched, as soon as it is.
    ///
    /// # Errors
    /// Standard output cannot be written; a closed pipe ends the run quietly.
    fn begin(&mut self, _survey: Survey) -> io::Result<()> {
        Ok(())
    }

    /// Shows how things stand, once per interval.
    ///
    /// # Errors
    /// The output cannot be written.
    fn interim(&mut self, survey: Survey) -> io::Result<()>;

    /// Whether it may rather be late than take much of a core: a screen may, lines that a program reads may not.
    fn may_be_late(&self) -> bool {
        false
    }

    /// Takes what the person at the terminal has typed, many times a second.
    ///
    /// # Errors
    /// The output cannot be written.
    fn attend(&mut self) -> io::Result<Wish> {
        Ok(Wish::GoOn)
    }

    /// Gives the terminal back. Only `finish` comes after this.
    fn release(&mut self) {}

    /// Shows the final report.
    ///
    /// # Errors
    /// The output cannot be written.
    fn finish(&mut self, survey: &Survey) -> io::Result<()>;
}
