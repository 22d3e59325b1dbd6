//! The folder under which natdiag pins. It is reached through its open descriptor, so that a user who may not enter the
//! folders above it still can.

use std::{
    fs::{self, DirBuilder, File, Metadata},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, fchown},
    },
    path::{Path, PathBuf},
};

use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use super::{FOLDER_MODE, PinError, PinFolder};

/// The folder under which natdiag pins.
#[derive(Debug)]
pub struct PinRoot {
    folder: PathBuf,
    open: File,
}

impl PinRoot {
    /// Makes the folder where it is missing, and opens it.
    pub fn open(folder: &Path) -> Result<Self, PinError> {
        let at = |source| PinError::Files {
            path: folder.to_owned(),
            source,
        };
        let there = folder.ancestors().find(|above| above.exists());
        let system = there
            .map(statfs)
            .transpose()
            .map_err(|error| at(error.into()))?;
        if system.is_none_or(|system| system.filesystem_type() != BPF_FS_MAGIC) {
            return Err(PinError::NoBpfFileSystem {
                folder: folder.to_owned(),
            });
        }
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)
            .map_err(at)?;
        Ok(Self {
            folder: folder.to_owned(),
            open: File::open(folder).map_err(at)?,
        })
    }

    /// Opens the folder, if it is there.
    pub fn existing(folder: &Path) -> Result<Option<Self>, PinError> {
        folder.exists().then(|| Self::open(folder)).transpose()
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path by which this process reaches the folder, whoever it becomes.
    #[must_use]
    pub fn reach(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.open.as_raw_fd()))
    }

    /// Gives the folder and those in it to another user, as whom this process goes on.
    ///
    /// # Errors
    /// This process may not.
    pub fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        fchown(&self.open, Some(user), Some(group))?;
        for entry in fs::read_dir(self.reach())? {
            let folder = File::open(entry?.path())?;
            fchown(&folder, Some(user), Some(group))?;
        }
        Ok(())
    }

    /// Makes the folder of an interface where it is missing, and takes charge of it.
    pub fn of_interface(&self, name: &str) -> Result<PinFolder, PinError> {
        let folder = file_name(name);
        let path = self.reach().join(&folder);
        let shown = self.folder.join(folder);
        PinFolder::take(shown, path)
    }

    /// The interfaces for which something is pinned, or was going to be.
    pub fn interfaces(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.reach())? {
            let entry = entry?;
            if entry.metadata().as_ref().is_ok_and(Metadata::is_dir) {
                names.push(interface_name(&entry.file_name().to_string_lossy()));
            }
        }
        names.sort();
        Ok(names)
    }
}

/// A BPF file system takes no dots in names, and the name of an interface has no colon (`dev_valid_name`,
/// net/core/dev.c).
fn file_name(interface: &str) -> String {
    interface.replace('.', ":")
}

fn interface_name(file: &str) -> String {
    file.replace(':', ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_with_a_dot_has_a_folder() {
        assert_eq!(file_name("eth0.100"), "eth0:100");
        assert_eq!(interface_name(&file_name("eth0.100")), "eth0.100");
    }

    #[test]
    fn a_folder_elsewhere_is_refused_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let error = PinRoot::open(&folder.path().join("a/b")).unwrap_err();
        assert!(matches!(error, PinError::NoBpfFileSystem { .. }), "{error}");
        assert!(!folder.path().join("a").exists());
        let usual = PinError::NoBpfFileSystem {
            folder: "/sys/fs/bpf/natdiag".into(),
        };
        assert!(
            usual
                .to_string()
                .contains("`mount -t bpf -o mode=700 bpf /sys/fs/bpf`")
        );
    }
}
