//! Where lines of the log go: to standard error, or, while a screen is on the same terminal, to where they wait.

mod form;

use std::{
    env,
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use self::form::ForJournal;
use crate::colour;

/// Octets that wait at most; what comes after is counted.
const ROOM: usize = 1 << 16;

static WAITING: Mutex<Option<Waiting>> = Mutex::new(None);

#[derive(Debug, Default)]
struct Waiting {
    octets: Vec<u8>,
    left_out: u64,
}

/// Writes to the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.as_mut() {
            Some(waiting) if waiting.octets.len() + octets.len() <= ROOM => {
                waiting.octets.extend_from_slice(octets);
                Ok(octets.len())
            }
            Some(waiting) => {
                waiting.left_out += 1;
                Ok(octets.len())
            }
            None => io::stderr().write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends log lines to standard error: warnings, more with each step of verbosity; `NATDIAG_LOG` overrides that.
pub fn start(verbosity: u8) {
    let level = match verbosity {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder()
        .with_env_var("NATDIAG_LOG")
        .with_default_directive(level.into())
        .from_env_lossy();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Log)
        .with_target(false);
    // systemd sets it where standard error is its journal (systemd.exec(5)).
    if env::var_os("JOURNAL_STREAM").is_some() && !io::stderr().is_terminal() {
        log.with_ansi(false).event_format(ForJournal).init();
    } else {
        let has_colours = io::stderr().is_terminal() && colour::is_wanted();
        log.with_ansi(has_colours).init();
    }
}

/// From here on lines wait, unless standard error goes elsewhere.
pub(crate) fn hold() {
    if io::stderr().is_terminal() {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get_or_insert_default();
    }
}

/// Writes the lines that have waited, and from here on all at once.
pub(crate) fn let_go() {
    let waiting = WAITING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let Some(waiting) = waiting else { return };
    let mut stderr = io::stderr();
    // Nobody is left to be told when standard error is closed.
    let _ = stderr.write_all(&waiting.octets);
    if waiting.left_out > 0 {
        let _ = writeln!(
            stderr,
            "natdiag: {} more log lines were not kept; `2> FILE` keeps all",
            waiting.left_out
        );
    }
}
