//! Where what is known is saved, when, and what of it another run can go on with.

use std::{
    fs::{DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, chown},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::failure::DaemonError;
use crate::{
    bpf::pins::PinRoot,
    changes::Changes,
    checkpoint::{self, CheckpointError, Current, Earlier},
    config::daemon::StateConfig,
    engine::Engine,
    error::in_full,
    host::lock,
};

/// Others have no business with what is known here.
const FOLDER_MODE: u32 = 0o750;
/// How many times as long as saving has taken it is not done again: it keeps everything else waiting.
const REST: u32 = 99;

/// What is saved beside what the engine knows.
pub(super) struct About<'a> {
    /// The findings that last.
    pub(super) changes: &'a Changes,
    /// Events that could not be written.
    pub(super) events_lost: u64,
    /// Whether nothing is taken from the kernel after this.
    pub(super) is_last: bool,
}

/// Where the state of a run is kept.
pub(super) struct StateFolder {
    folder: PathBuf,
    pub(super) pins: Arc<PinRoot>,
    is_failing: bool,
    /// Keeps another natdiag from the folder.
    _lock: File,
}

impl StateFolder {
    /// Makes the folders. Without a BPF file system nothing is kept, which is said.
    pub(super) fn open(config: &StateConfig) -> Result<Option<Self>, DaemonError> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(&config.folder);
        made.map_err(|source| DaemonError::Folder {
            key: "state",
            folder: config.folder.clone(),
            source,
        })?;
        let lock = lock(&config.folder).map_err(|source| DaemonError::Folder {
            key: "state",
            folder: config.folder.clone(),
            source,
        })?;
        match PinRoot::open(&config.pin) {
            Ok(pins) => Ok(Some(Self {
                _lock: lock,
                folder: config.folder.clone(),
                pins: Arc::new(pins),
                is_failing: false,
            })),
            Err(error) => {
                let why = in_full(&error);
                tracing::warn!(why, "nothing is pinned: a restart will begin anew");
                Ok(None)
            }
        }
    }

    /// What an earlier run has saved. What cannot be read is told.
    pub(super) fn read(&self) -> Option<Earlier> {
        match checkpoint::read(&self.folder) {
            Ok(earlier) => earlier.filter(|earlier| !earlier.engine.is_empty()),
            Err(error) => {
                let why = in_full(&error);
                tracing::warn!(why, "what an earlier natdiag knew is not gone on with");
                None
            }
        }
    }

    /// Saves what is known. What went wrong is told once until it goes well.
    pub(super) fn write(&mut self, engine: &mut Engine, about: &About<'_>) {
        let folder = &self.folder;
        let saved = engine.save(about.is_last, |engine| {
            let current = Current {
                engine,
                changes: about.changes,
                events_lost: about.events_lost,
            };
            let is_empty = current.engine.is_empty();
            (!is_empty).then(|| checkpoint::write(folder, &current))
        });
        match saved
            .map_err(CheckpointError::Thread)
            .and_then(Option::transpose)
        {
            Ok(None) => {}
            Ok(Some(octets)) => {
                tracing::debug!(octets, "what is known was saved");
                if std::mem::take(&mut self.is_failing) {
                    tracing::warn!(folder = %self.folder.display(), "the state can be saved again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    let why = in_full(&error);
                    tracing::error!(why, "cannot save what is known; it is tried again");
                }
            }
        }
    }

    /// Gives the folders to another user, as whom this process goes on.
    pub(super) fn give_to(&self, user: u32, group: u32) -> Result<(), DaemonError> {
        let at = |folder: &Path, key, source: io::Error| DaemonError::Folder {
            key,
            folder: folder.to_owned(),
            source,
        };
        chown(&self.folder, Some(user), Some(group))
            .map_err(|source| at(&self.folder, "state", source))?;
        self.pins
            .give_to(user, group)
            .map_err(|source| at(self.pins.folder(), "pin", source))
    }

    /// The folders that must stay writable.
    pub(super) fn folders(&self) -> [PathBuf; 2] {
        [self.folder.clone(), self.pins.reach()]
    }
}

/// Takes charge of a folder, as long as the file is open.
fn lock(folder: &Path) -> io::Result<File> {
    let open = File::open(folder)?;
    match open.try_lock() {
        Ok(()) => Ok(open),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => {
            let holder = open.metadata().ok().as_ref().and_then(lock::holder);
            let who = holder.map_or_else(String::new, |process| format!(" (process {process})"));
            Err(io::Error::other(format!(
                "a natdiag that runs uses it{who}"
            )))
        }
    }
}

/// How long to wait until what is known is saved again, when that took so long.
pub(super) fn rest(interval: Duration, took: Duration) -> Duration {
    interval.max(took.saturating_mul(REST))
}
