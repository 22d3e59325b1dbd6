//! A name that stands for the server and for the host beside it: a hosts file that one process sees and nobody else.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    process::Command,
};

use anyhow::{Context as _, Result};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use tempfile::NamedTempFile;

use crate::lab::network::{BACKEND, SERVER};

/// The name.
pub(super) const NAME: &str = "both.test";

/// Where names are looked up first (hosts(5)).
const HOSTS: &str = "/etc/hosts";

/// The hosts file; it goes when this does.
pub(super) struct HostsFile(NamedTempFile);

impl HostsFile {
    /// Writes it.
    pub(super) fn write() -> Result<Self> {
        let mut file = NamedTempFile::new().context("cannot make a file")?;
        let before = fs::read_to_string(HOSTS).unwrap_or_default();
        write!(file, "{before}\n{SERVER} {NAME}\n{BACKEND} {NAME}\n")?;
        Ok(Self(file))
    }

    /// Makes a command see it in place of the machine's, in a view of the file system that goes with the process.
    pub(super) fn show_to(&self, command: &mut Command) {
        let file = self.0.path().to_owned();
        let see = move || {
            let nothing = None::<&str>;
            unshare(CloneFlags::CLONE_NEWNS)?;
            // What is mounted here from now on is not seen outside.
            let apart = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(nothing, "/", nothing, apart, nothing)?;
            mount(Some(&file), HOSTS, nothing, MsFlags::MS_BIND, nothing)?;
            Ok::<_, io::Error>(())
        };
        // SAFETY: between fork and exec only unshare(2) and mount(2) are called; short paths are copied on the stack.
        unsafe { command.pre_exec(see) };
    }
}
