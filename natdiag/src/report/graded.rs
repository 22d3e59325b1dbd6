//! A view that remembers how the last survey it showed would end the run, and whether anybody still reads.

use std::{
    io::{self, IsTerminal},
    os::fd::AsFd,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{
    report::{
        exit_code::ExitStatus,
        view::{View, Wish},
    },
    survey::Survey,
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
        // Who waits for the next line would write it to nobody, an hour from now perhaps.
        let wish = if has_no_reader(io::stdout()) {
            Err(io::ErrorKind::BrokenPipe.into())
        } else {
            self.view.attend()
        };
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

/// Whether this is a pipe that nobody reads any more, or a terminal that is gone.
fn has_no_reader(out: impl AsFd) -> bool {
    let mut out = [PollFd::new(out.as_fd(), PollFlags::empty())];
    // These are told without being asked for (poll(2)).
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    poll(&mut out, PollTimeout::ZERO).is_ok()
        && out
            .iter()
            .any(|out| out.revents().is_some_and(|told| told.intersects(gone)))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

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

    #[test]
    fn pipe_loses_its_reader_and_a_file_needs_none() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!has_no_reader(&writer));
        drop(reader);
        assert!(has_no_reader(&writer));
        assert!(!has_no_reader(File::open("/dev/null").unwrap()));
    }
}
