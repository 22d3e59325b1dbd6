//! A view that remembers how the last survey it showed would end the run, and whether anybody still reads.

use std::io::{self, IsTerminal};

use crate::{
    report::exit_code::ExitStatus,
    survey::{Survey, View, Wish},
};

/// A view, graded.
pub struct Graded {
    view: Box<dyn View>,
    status: ExitStatus,
    reader_left: bool,
    is_on_terminal: bool,
}

impl Graded {
    /// Grades what `view` shows.
    #[must_use]
    pub fn new(view: Box<dyn View>) -> Self {
        Self {
            view,
            status: ExitStatus::default(),
            reader_left: false,
            is_on_terminal: io::stdout().is_terminal(),
        }
    }

    /// How the run would end with the last survey shown.
    #[must_use]
    pub const fn status(&self) -> ExitStatus {
        self.status
    }

    /// Whether standard output is a pipe that its reader has closed, or a terminal that is gone.
    #[must_use]
    pub const fn reader_left(&self) -> bool {
        self.reader_left
    }

    fn note<T>(&mut self, shown: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &shown {
            self.reader_left = error.kind() == io::ErrorKind::BrokenPipe
                || self.is_on_terminal && error.raw_os_error() == Some(libc::EIO);
        }
        shown
    }
}

impl View for Graded {
    fn begin(&mut self, survey: Survey) -> io::Result<()> {
        let shown = self.view.begin(survey);
        self.note(shown)
    }

    fn attend(&mut self) -> io::Result<Wish> {
        let wish = self.view.attend();
        self.note(wish)
    }

    fn may_be_late(&self) -> bool {
        self.view.may_be_late()
    }

    fn release(&mut self) {
        self.view.release();
    }

    fn interim(&mut self, survey: Survey) -> io::Result<()> {
        self.status = ExitStatus::of(&survey);
        let shown = self.view.interim(survey);
        self.note(shown)
    }

    fn finish(&mut self, survey: &Survey) -> io::Result<()> {
        self.status = ExitStatus::of(survey);
        let shown = self.view.finish(survey);
        self.note(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::diagnosis::{Cause, Severity},
        report::fixture::{finding, survey_of},
    };

    struct Broken(io::ErrorKind);

    impl View for Broken {
        fn interim(&mut self, _survey: Survey) -> io::Result<()> {
            Err(self.0.into())
        }

        fn finish(&mut self, _survey: &Survey) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn closed_pipe_is_told_from_a_full_disk_and_the_grade_stays() {
        let survey = survey_of(vec![finding(Cause::TwRecycle, Severity::Critical)], vec![]);
        for (kind, left) in [
            (io::ErrorKind::BrokenPipe, true),
            (io::ErrorKind::StorageFull, false),
        ] {
            let mut view = Graded::new(Box::new(Broken(kind)));
            assert!(view.interim(survey.clone()).is_err());
            assert_eq!(view.reader_left(), left, "{kind}");
            assert_eq!(view.status(), ExitStatus::Harm, "{kind}");
        }
    }
}
