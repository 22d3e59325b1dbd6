//! What is saved of the interfaces under watch, so that another run can go on with it. How it is written down is no
//! matter of this place.

use serde::{Deserialize, Serialize};

use crate::{
    bpf::counters::SavedCounts,
    event::Timestamp,
    host::{
        link::Link,
        traffic::{self, Octets},
    },
};

/// What is saved of a run; `A` is its analysis, borrowed to be written and owned when it was read.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedEngine<A> {
    /// What `CLOCK_MONOTONIC` 0 is, in nanoseconds since 1970.
    pub(super) epoch_ns: u64,
    /// Since when something is watched.
    pub(super) start: Timestamp,
    /// Each interface that is pinned.
    pub(super) interfaces: Vec<SavedInterface<A>>,
}

impl<A> SavedEngine<A> {
    /// Whether there is anything to go on with.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.interfaces.is_empty()
    }
}

#[cfg(test)]
impl<A> SavedEngine<A> {
    /// One without interfaces, at a time.
    pub(crate) const fn empty(start: Timestamp) -> Self {
        Self {
            epoch_ns: 0,
            start,
            interfaces: Vec::new(),
        }
    }
}

/// What is saved of one interface.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedInterface<A> {
    pub(super) name: String,
    /// The name of what is pinned, to which this belongs.
    pub(super) generation: String,
    /// When it was saved.
    pub(super) at: Timestamp,
    /// Whether the run has taken nothing from the kernel since.
    pub(super) is_last: bool,
    pub(super) counts: SavedCounts,
    pub(super) carried: Carried,
    pub(super) notes: Vec<String>,
    pub(super) analysis: A,
}

/// What the interface has carried, by its own counters.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Carried {
    at_start: Option<Octets>,
    newest: Option<Octets>,
}

impl Carried {
    pub(super) fn start(link: &Link) -> Self {
        let at_start = octets(link);
        Self {
            at_start,
            newest: at_start,
        }
    }

    /// Reads the counters; of an interface that is gone the last ones stay.
    pub(super) fn read(&mut self, link: &Link) {
        self.newest = octets(link).or(self.newest);
    }

    pub(super) fn so_far(&self) -> Option<Octets> {
        Some(self.newest?.since(self.at_start?))
    }
}

fn octets(link: &Link) -> Option<Octets> {
    traffic::octets(link.index)
        .inspect_err(|error| {
            tracing::debug!(%error, interface = link.name, "the interface does not tell its octets");
        })
        .ok()
        .flatten()
}
