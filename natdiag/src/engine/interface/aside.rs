//! What the kernel tells while the analysis of an interface is being saved and must stay as it is: it is taken from the
//! rings, so that these do not run full, and kept aside, bounded.

use super::{RECORDS_PER_TURN, SPILLS_PER_TURN, WatchedInterface, count};
use crate::{
    analysis::Analysis,
    bpf::{attach::Attachment, counters::Counters, reconcile::Increment, records::Records},
    engine::saved::SavedInterface,
};

/// Most records and spills that are kept aside, some 70 and 45 MB: nearly a second of all that two cores can open. What
/// comes then waits in the rings.
const RECORDS_ASIDE: usize = 1 << 19;
const SPILLS_ASIDE: usize = 1 << 18;

/// The rings of an interface, apart from its analysis.
pub(in crate::engine) struct Aside<'a> {
    /// None where nothing is attached.
    rings: Option<(&'a mut Counters, &'a mut Records)>,
    increments: Vec<Increment>,
}

impl Aside<'_> {
    /// Makes all the room at once: what grows by and by leaves holes behind. Only what is used of it takes memory.
    fn make_room(&mut self) {
        if let Some((_, records)) = &mut self.rings {
            records.make_room(RECORDS_ASIDE);
            self.increments.reserve_exact(SPILLS_ASIDE);
        }
    }

    /// Takes some of what has come. Returns whether that was all.
    pub(in crate::engine) fn take(&mut self) -> bool {
        let Some((counters, records)) = &mut self.rings else {
            return true;
        };
        let increments = &mut self.increments;
        let mut is_all = true;
        if increments.len() + SPILLS_PER_TURN <= SPILLS_ASIDE {
            is_all &= counters.drain_spills(SPILLS_PER_TURN, |it| increments.push(it));
        }
        if records.waiting() + RECORDS_PER_TURN <= RECORDS_ASIDE {
            is_all &= records.drain(RECORDS_PER_TURN);
        }
        is_all
    }

    /// What was counted meanwhile. The records wait in their place.
    pub(in crate::engine) fn increments(self) -> Vec<Increment> {
        self.increments
    }
}

impl WatchedInterface {
    /// What is to be saved, if it is of any use to another run, and the rings that can be emptied meanwhile. `is_last`
    /// says that nothing will be taken from the kernel after this.
    pub(in crate::engine) fn divide(
        &mut self,
        is_last: bool,
    ) -> (Option<SavedInterface<&Analysis>>, Aside<'_>) {
        let is_attached = self.is_attached();
        let is_pinned = self.attachment.as_ref().is_some_and(Attachment::is_pinned);
        let generation = self.generation.clone().filter(|_| is_pinned);
        let saved = generation.map(|generation| SavedInterface {
            name: self.link.name.clone(),
            generation,
            at: self.clock.now(),
            is_last,
            counts: self.counters.saved(self.records.released()),
            carried: self.carried,
            notes: self.notes.clone(),
            analysis: &self.analysis,
        });
        let mut aside = Aside {
            rings: is_attached.then_some((&mut self.counters, &mut self.records)),
            increments: Vec::new(),
        };
        if !is_last {
            aside.make_room();
        }
        (saved, aside)
    }

    /// Adds what was counted while the analysis was saved.
    pub(in crate::engine) fn add(&mut self, increments: &[Increment]) {
        let now = self.clock.now();
        for increment in increments {
            count(&mut self.analysis, &self.filter, increment, now);
        }
    }
}
