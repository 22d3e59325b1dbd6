//! Where a report goes that is written once.

use std::io::{self, BufWriter, Stdout, Write};

/// Standard output. A reader who has seen enough and leaves is no error: the command does what is left to do, and ends
/// as it would have with him.
#[derive(Debug)]
pub(crate) struct Outlet(Stdout);

/// Standard output, to be flushed at the end.
#[must_use]
pub(crate) fn outlet() -> BufWriter<Outlet> {
    BufWriter::new(Outlet(io::stdout()))
}

impl Write for Outlet {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        unless_reader_left(self.0.write(octets), octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_reader_left(self.0.flush(), ())
    }
}

fn unless_reader_left<T>(written: io::Result<T>, whole: T) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(whole),
        written => written,
    }
}
