//! A file system with little room, which a test fills up.

use std::{fs, io::Write as _, path::Path};

use crate::mounted::Mounted;

/// What takes up the room.
const FILLER: &str = "filler";

/// A folder with a file system of its own, for this thread and what it starts.
pub(crate) struct SmallDisk(Mounted);

impl SmallDisk {
    /// A disk of this size, as tmpfs takes it.
    pub(crate) fn new(size: &str) -> Self {
        Self(Mounted::new("tmpfs", &format!("size={size}")))
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
