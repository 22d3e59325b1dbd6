//! How much of large captures has been read, on standard error where that is a terminal.

use std::{fmt, fs, time::Duration};

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use crate::{capture::Stream, config::ReplayConfig};

/// Octets from which on a replay takes long enough to be looked at.
const LARGE: u64 = 1 << 28;
/// How often standard input, which has no end that could be known, shows that it moves.
const BETWEEN_SIGNS: Duration = Duration::from_millis(250);

/// How long is looked before it is said how long it will take.
const BEFORE_A_GUESS: Duration = Duration::from_secs(1);

/// A line that moves, or none.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A line for the captures of a replay, where they are large or of unknown size. With an interval, lines of the
    /// report come in between, so that there is none.
    pub(super) fn over(config: &ReplayConfig) -> Self {
        let sizes = config.files.iter().map(|file| {
            let metadata = fs::metadata(file).ok()?;
            metadata.is_file().then_some(metadata.len())
        });
        let whole: Option<u64> = sizes.sum();
        if config.interval.is_some() || whole.is_some_and(|whole| whole < LARGE) {
            return Self(ProgressBar::hidden());
        }
        let template = match whole {
            Some(_) => "reading {bytes} of {total_bytes} [{bar:30}] {left}",
            None => "read {bytes}, {bytes_per_sec}",
        };
        // The bar is drawn on a terminal only.
        let bar = ProgressBar::no_length();
        if let Some(whole) = whole {
            bar.set_length(whole);
        } else {
            bar.enable_steady_tick(BETWEEN_SIGNS);
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> ").with_key("left", left));
        }
        Self(bar)
    }

    /// Shows what is read from a stream.
    pub(super) fn watch(&self, stream: Stream) -> Stream {
        if self.0.is_hidden() {
            return stream;
        }
        Box::new(self.0.wrap_read(stream))
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// How long it will take, once that can be told.
fn left(state: &ProgressState, out: &mut dyn fmt::Write) {
    if state.elapsed() >= BEFORE_A_GUESS {
        // A line of progress is no report: where it cannot be written nothing is lost.
        let _ = write!(out, "{:#} left", HumanDuration(state.eta()));
    }
}
