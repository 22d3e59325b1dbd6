//! A file system with little room, which a test fills up.

use std::{fs, io::Write as _, path::Path};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};

/// What takes up the room.
const FILLER: &str = "filler";

/// A folder with a file system of its own, for this thread and what it starts.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// A disk of this size, as tmpfs takes it.
    pub(crate) fn new(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let (kind, size) = (Some("tmpfs"), format!("size={size}"));
        let nothing = MsFlags::empty();
        mount(kind, folder.path(), kind, nothing, Some(size.as_str())).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let mut filler = fs::File::create(self.path().join(FILLER)).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    /// Gives back what was taken.
    pub(crate) fn make_room(&self) {
        fs::remove_file(self.path().join(FILLER)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}
