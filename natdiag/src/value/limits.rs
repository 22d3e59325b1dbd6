//! Bounds of files that a folder is filled with.

use std::time::Duration;

use bytesize::ByteSize;

/// How the files of a folder are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of one file.
    pub size: ByteSize,
    /// How long one file is written to.
    pub age: Duration,
    /// Size of all files together.
    pub total: ByteSize,
}
