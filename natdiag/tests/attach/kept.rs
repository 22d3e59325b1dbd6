//! A daemon whose state is saved and whose programs are pinned, for tests of what outlives it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    daemon::Daemon,
    mounted::Mounted,
    network::{WATCHED, wait_until},
};

/// A daemon whose state and pins are in its own folder, where a BPF file system is mounted for this test alone.
pub(crate) struct Kept {
    pub(crate) daemon: Daemon,
    pub(crate) pins: Mounted,
}

impl Kept {
    pub(crate) fn start(more: &str) -> Self {
        Self::start_with_state("FOLDER/state", more, bpf_file_system())
    }

    pub(crate) fn start_with_state(state: &str, more: &str, pins: Mounted) -> Self {
        let folder = pins.path().display();
        let config = format!(
            "interface = ['v0']\ninterval = '100ms'\nfindings = 'FOLDER/findings'\nstate = '{state}'\n\
             state-interval = '200ms'\npin = '{folder}/natdiag'\n{more}"
        );
        let kept = Self {
            daemon: Daemon::start(&config),
            pins,
        };
        kept.wait_for_attached(1);
        kept
    }

    /// Waits until so many runs have attached or taken over.
    pub(crate) fn wait_for_attached(&self, runs: usize) {
        wait_until("natdiag to watch", || {
            self.daemon.events_of("interface-attached").len() == runs
        });
    }

    /// Whether the newest run has gone on with what an earlier one knew.
    pub(crate) fn goes_on(&self) -> bool {
        let attached = self.daemon.events_of("interface-attached");
        attached.last().unwrap()["goes_on"].as_bool().unwrap()
    }

    /// The folder of pins of the interface.
    pub(crate) fn pinned(&self) -> PathBuf {
        self.pins.path().join("natdiag/v0")
    }

    /// `natdiag detach` of the interface.
    pub(crate) fn detach(&self) -> Output {
        detach(&["-i", WATCHED], self.pins.path())
    }
}

pub(crate) fn detach(what: &[&str], pins: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_natdiag"))
        .arg("detach")
        .args(what)
        .arg("--pin")
        .arg(pins.join("natdiag"))
        .output()
        .unwrap()
}

pub(crate) fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A BPF file system.
pub(crate) fn bpf_file_system() -> Mounted {
    Mounted::new("bpf", "mode=755")
}
