//! The script that collects what [`super::read`] reads, for machines on which natdiag does not run. It writes a folder
//! of the same shape as a root, with the second look at the counters under `later`.

/// A script for any POSIX shell, such as those of Linux 2.6.32's time.
pub const COLLECT: &str = include_str!("collect.sh");
