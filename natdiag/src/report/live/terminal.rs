//! The size of the terminal.

use std::{io, os::fd::AsRawFd};

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Characters in a line.
    pub(crate) columns: usize,
    /// Lines.
    pub(crate) rows: usize,
}

impl Default for Size {
    /// A terminal that does not tell its size: that of a VT100.
    fn default() -> Self {
        Self {
            columns: 80,
            rows: 24,
        }
    }
}

/// The size of the terminal on standard output.
pub(super) fn size() -> Option<Size> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes one `winsize`, and `size` is one that nothing else refers to.
    let result = unsafe { libc::ioctl(io::stdout().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    // A serial line has no size to tell and says 0.
    (result == 0 && size.ws_col > 0 && size.ws_row > 0).then(|| Size {
        columns: size.ws_col.into(),
        rows: size.ws_row.into(),
    })
}
