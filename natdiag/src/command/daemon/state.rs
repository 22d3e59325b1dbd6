//! Where what is known is saved, when, and what of it another run can go on with.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::{DirBuilderExt, chown},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::failure::DaemonError;
use crate::{
    bpf::pins::PinRoot,
    checkpoint::{self, Current, Earlier},
    config::daemon::StateConfig,
    error::in_full,
};

/// Others have no business with what is known here.
const FOLDER_MODE: u32 = 0o750;
/// How many times as long as saving has taken it is not done again: it keeps everything else waiting.
const REST: u32 = 99;

/// Where the state of a run is kept.
pub(super) struct StateFolder {
    folder: PathBuf,
    pub(super) pins: Arc<PinRoot>,
    is_failing: bool,
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
        match PinRoot::open(&config.pin) {
            Ok(pins) => Ok(Some(Self {
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

    /// Saves what is known. Returns whether it is saved; what went wrong is told once until it goes well.
    pub(super) fn write(&mut self, current: &Current<'_>) -> bool {
        if current.engine.is_empty() {
            return true;
        }
        match checkpoint::write(&self.folder, current) {
            Ok(octets) => {
                tracing::debug!(octets, "what is known was saved");
                if std::mem::take(&mut self.is_failing) {
                    tracing::warn!(folder = %self.folder.display(), "the state can be saved again");
                }
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    let why = in_full(&error);
                    tracing::error!(why, "cannot save what is known; it is tried again");
                }
                false
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

/// How long to wait until what is known is saved again, when that took so long.
pub(super) fn rest(interval: Duration, took: Duration) -> Duration {
    interval.max(took.saturating_mul(REST))
}
