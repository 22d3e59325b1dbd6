//! A stretch of a stream in memory: what has been read and not yet used. It grows to hold one element of the file,
//! whose length the caller bounds, and knows the place of each octet in the stream.

use std::io::{self, Read};

/// Octets held at first: many packets to one read.
const INITIAL_LEN: usize = 128 * 1024;

/// A stretch of a stream.
pub(super) struct Window {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
}

impl Window {
    /// A window at the beginning of a stream.
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            buffer: vec![0; INITIAL_LEN],
            start: 0,
            end: 0,
            offset: 0,
        }
    }

    /// What was read and not yet used.
    pub(super) fn octets(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Place of the first of these octets in the stream.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves past the first `len` octets.
    pub(super) fn consume(&mut self, len: usize) {
        let len = len.min(self.end - self.start);
        self.start += len;
        self.offset += len as u64;
    }

    /// Reads more. Returns whether there was more.
    ///
    /// # Errors
    /// The stream cannot be read.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(len) => {
                    self.end += len;
                    return Ok(len != 0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_grows_until_an_element_fits() {
        let stream: Vec<u8> = (0..=255).cycle().take(3 * INITIAL_LEN).collect();
        let mut window = Window::new(Box::new(io::Cursor::new(stream.clone())));

        window.fill().unwrap();
        window.consume(5);
        while window.fill().unwrap() {}

        assert_eq!(window.octets(), &stream[5..]);
        assert_eq!(window.offset(), 5);
    }
}
