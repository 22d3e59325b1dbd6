//! The script that collects what [`super::read`] reads, for machines on which natdiag does not run. It writes a folder
//! of the shape of a root, what programs print beside `proc`, and the second look at the counters under `later`.

/// A script for any POSIX shell.
pub const COLLECT: &str = include_str!("collect.sh");
