//! What outlives the process: the maps and links of an interface, pinned in a BPF file system, so that the kernel counts
//! on while natdiag is being replaced.
//!
//! `ROOT/INTERFACE/` holds the maps by their names; `ingress-HOOK` and `egress-HOOK`, each the link of that hook, or for
//! clsact its program, whose filter stays by itself; `ingress-program` and `egress-program` beside links; and two symbolic links whose texts say what this is: `mark` and,
//! made last, `generation`. Whoever has the folder locked is in charge of it.
//!
//! The root is reached through its open descriptor, so that a user who may not enter the folders above it still can.

pub mod elsewhere;
mod marker;

use std::{
    fs::{self, DirBuilder, File, Metadata, TryLockError},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, fchown, symlink},
    },
    path::{Path, PathBuf},
};

use aya::{
    maps::{Map, MapData},
    programs::ProgramInfo,
};
use natdiag_common::{Direction, names};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use thiserror::Error;

use super::{filter, ladder::Rung, map::MapsError, program::LoadOptions};
use crate::host::{link::Link, lock};

/// Nobody else has any business there.
const FOLDER_MODE: u32 = 0o700;
const MARK: &str = "mark";
const GENERATION: &str = "generation";
/// The maps that userspace reads, and those that it writes.
pub(super) const MAPS: [&str; 9] = [
    names::MAP_TOTALS,
    names::MAP_REMOTE_SLOTS,
    names::MAP_SPILLS,
    names::MAP_RECORDS,
    names::MAP_SAMPLE_ONE_IN,
    names::MAP_SAMPLER_XDP,
    names::MAP_SAMPLER_XDP_FRAGS,
    names::MAP_SAMPLER_INGRESS,
    names::MAP_SAMPLER_EGRESS,
];

/// Why something cannot be pinned, or what is pinned cannot be used.
#[derive(Debug, Error)]
pub enum PinError {
    /// The folder would not be on a BPF file system.
    #[error(
        "`{}` is on no BPF file system; `mount -t bpf -o mode=700 bpf {}` makes one", .folder.display(), mount_point(.folder).display()
    )]
    NoBpfFileSystem {
        /// The folder.
        folder: PathBuf,
    },
    /// Another natdiag is in charge of the folder.
    #[error("`{}` belongs to a natdiag that runs{}", .folder.display(), process(*.holder))]
    Held {
        /// The folder.
        folder: PathBuf,
        /// Its process, where that can be known.
        holder: Option<u32>,
    },
    /// A folder or file cannot be made, read or removed.
    #[error("cannot use `{}`", .path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel does not pin or give back an object.
    #[error("cannot use the pinned `{name}`: {why}")]
    Object {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
    /// What is there is not what this natdiag could read on.
    #[error("{0}")]
    Foreign(String),
}

/// The folder under which natdiag pins.
#[derive(Debug)]
pub struct PinRoot {
    folder: PathBuf,
    open: File,
}

/// The folder of one interface, of which this process is in charge as long as it has this.
#[derive(Debug)]
pub struct PinFolder {
    /// As people know it.
    shown: PathBuf,
    /// As this process reaches it.
    path: PathBuf,
    /// Keeps `path` valid for this process alone.
    _lock: File,
}

/// What was removed of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Hooks, such as `tcx ingress`.
    pub hooks: Vec<String>,
    /// Maps.
    pub maps: usize,
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
        let at = |source| PinError::Files {
            path: shown.clone(),
            source,
        };
        match DirBuilder::new().mode(FOLDER_MODE).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(error)),
            _ => {}
        }
        let lock = File::open(&path).map_err(at)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let metadata = lock.metadata().ok();
                let holder = metadata.as_ref().and_then(lock::holder);
                return Err(PinError::Held {
                    folder: shown,
                    holder,
                });
            }
            Err(TryLockError::Error(source)) => return Err(at(source)),
        }
        Ok(PinFolder {
            shown,
            path,
            _lock: lock,
        })
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

impl PinFolder {
    /// As people know it.
    #[must_use]
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// Where an object of this name is, or will be.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A map that is pinned in it.
    pub(super) fn map(&self, name: &'static str) -> Result<Map, MapsError> {
        MapData::from_pin(self.place(name))
            .and_then(Map::from_map_data)
            .map_err(MapsError::refused(name))
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// Marks what is pinned as whole, and returns the name that nothing else has.
    pub(super) fn complete(&self, link: &Link, options: LoadOptions) -> Result<String, PinError> {
        let mark = || {
            let generation = marker::generation()?;
            symlink(marker::text(link, options)?, self.place(MARK))?;
            symlink(&generation, self.place(GENERATION))?;
            Ok(generation)
        };
        mark().map_err(|source| self.at(source))
    }

    /// Makes sure that what is pinned is what this natdiag would pin for the interface, and returns the hook of each direction.
    /// `generation` is what the state belongs to that would be gone on with.
    pub fn check(
        &self,
        link: &Link,
        options: LoadOptions,
        generation: &str,
    ) -> Result<[Rung; 2], PinError> {
        let foreign = |why: &str| PinError::Foreign(why.to_owned());
        let found = self.text(GENERATION);
        let found = found.ok_or_else(|| foreign("it is incomplete"))?;
        let mark = self.text(MARK).unwrap_or_default();
        let wanted = marker::text(link, options).map_err(|source| self.at(source))?;
        if mark != wanted {
            return Err(PinError::Foreign(marker::difference(&mark, &wanted)));
        }
        if found != generation {
            return Err(foreign("the saved state belongs to an earlier one"));
        }
        let hook = |direction| {
            let mut rungs = Rung::ALL.into_iter();
            rungs
                .find(|rung| self.place(&hook_name(*rung, direction)).exists())
                .ok_or_else(|| foreign("a hook is missing"))
        };
        Ok([hook(Direction::Ingress)?, hook(Direction::Egress)?])
    }

    /// Removes everything that is pinned, and so detaches it, and the folder.
    pub fn remove(self) -> Result<Removed, PinError> {
        let removed = self.clear()?;
        fs::remove_dir(&self.path).map_err(|source| self.at(source))?;
        Ok(removed)
    }

    /// Removes everything that is pinned, and so detaches it.
    pub fn clear(&self) -> Result<Removed, PinError> {
        let mut removed = Removed::default();
        let interface = self.text(MARK).and_then(|mark| marker::interface(&mark));
        // What is not whole is not taken over, should this be interrupted.
        self.unlink(GENERATION)?;
        for direction in [Direction::Ingress, Direction::Egress] {
            for rung in Rung::ALL {
                let name = hook_name(rung, direction);
                if rung == Rung::Clsact
                    && let Ok(program) = ProgramInfo::from_pin(self.place(&name))
                    && let Some(index) = interface
                {
                    match filter::delete_of(index, direction, program.id()) {
                        // With the interface its filters have gone.
                        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
                        deleted => drop(deleted.map_err(|source| self.at(source))?),
                    }
                }
                if self.unlink(&name)? {
                    let direction = direction.as_str();
                    removed.hooks.push(format!("{} {direction}", rung.as_str()));
                }
            }
            self.unlink(&program_beside_link(direction))?;
        }
        for map in MAPS {
            removed.maps += usize::from(self.unlink(map)?);
        }
        self.unlink(MARK)?;
        Ok(removed)
    }

    /// The text of a symbolic link.
    fn text(&self, name: &str) -> Option<String> {
        let text = fs::read_link(self.place(name)).ok()?;
        Some(text.to_string_lossy().into_owned())
    }

    /// Removes a file. Returns whether it was there.
    fn unlink(&self, name: &str) -> Result<bool, PinError> {
        match fs::remove_file(self.place(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(self.at(source)),
        }
    }

    fn at(&self, source: io::Error) -> PinError {
        PinError::Files {
            path: self.shown.clone(),
            source,
        }
    }
}

/// Removes the clsact filters of an interface that no natdiag holds, also those that were to outlive theirs. Returns how
/// many there were.
pub fn remove_filters_left(link: &Link) -> io::Result<usize> {
    filter::delete_all_left(link.index)
}

/// Name of the file of a hook. Both kinds of native XDP have one name.
pub(super) fn hook_name(rung: Rung, direction: Direction) -> String {
    format!("{}-{}", direction.as_str(), rung.as_str())
}

/// Name of the file of a program.
pub(super) fn program_name(rung: Rung, direction: Direction) -> String {
    if rung == Rung::Clsact {
        hook_name(rung, direction)
    } else {
        program_beside_link(direction)
    }
}

/// Name of the file of a program whose hook is a link.
fn program_beside_link(direction: Direction) -> String {
    format!("{}-program", direction.as_str())
}

/// A BPF file system takes no dots in names, and the name of an interface has no colon (`dev_valid_name`, net/core/dev.c).
fn file_name(interface: &str) -> String {
    interface.replace('.', ":")
}

fn interface_name(file: &str) -> String {
    file.replace(':', ".")
}

/// Where to mount a BPF file system for a folder.
fn mount_point(folder: &Path) -> &Path {
    let usual = Path::new("/sys/fs/bpf");
    if folder.starts_with(usual) {
        usual
    } else {
        folder
    }
}

fn process(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |holder| format!(" (process {holder})"))
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
