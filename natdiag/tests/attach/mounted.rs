//! A file system for one test.

use std::path::Path;

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};

/// A folder with a file system of its own, for this thread and what it starts.
pub(crate) struct Mounted(tempfile::TempDir);

impl Mounted {
    /// One of a kind, such as `tmpfs`, with its options.
    pub(crate) fn new(kind: &str, options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let nothing = MsFlags::empty();
        mount(
            Some(kind),
            folder.path(),
            Some(kind),
            nothing,
            Some(options),
        )
        .unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}
