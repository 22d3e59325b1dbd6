//! The folder of one interface: taken charge of, marked as whole, checked before it is gone on with, and removed.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
};

use aya::{
    maps::{Map, MapData},
    programs::ProgramInfo,
};
use natdiag_common::Direction;

use super::{
    super::{filter, ladder::Rung, map::MapsError, program::LoadOptions},
    FOLDER_MODE, MAPS, MARK, PinError, hook_name, marker, program_beside_link,
};
use crate::host::{link::Link, lock};

const GENERATION: &str = "generation";

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

impl PinFolder {
    /// Makes a folder where it is missing, and takes charge of it.
    pub(super) fn take(shown: PathBuf, path: PathBuf) -> Result<Self, PinError> {
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
        Ok(Self {
            shown,
            path,
            _lock: lock,
        })
    }

    /// As people know it.
    #[must_use]
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// Where an object of this name is, or will be.
    pub(in crate::bpf) fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A map that is pinned in it.
    pub(in crate::bpf) fn map(&self, name: &'static str) -> Result<Map, MapsError> {
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
    pub(in crate::bpf) fn complete(
        &self,
        link: &Link,
        options: LoadOptions,
    ) -> Result<String, PinError> {
        let mark = || {
            let generation = marker::generation()?;
            symlink(marker::text(link, options)?, self.place(MARK))?;
            symlink(&generation, self.place(GENERATION))?;
            Ok(generation)
        };
        mark().map_err(|source| self.at(source))
    }

    /// Makes sure that what is pinned is what this natdiag would pin for the interface, and returns the hook of each
    /// direction. `generation` is what the state belongs to that would be gone on with.
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
