//! Where lines of the log go: to standard error, or, while a screen is on the same terminal, to where they wait.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

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
