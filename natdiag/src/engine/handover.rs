//! From one run to the next: what is known is saved beside the watching, and gone on with.

use std::{io, thread, time::Duration};

use super::{Engine, interface::Aside, saved::SavedEngine};
use crate::{analysis::Analysis, bpf::map::MapsError, clock::Clock};

/// How often the rings are emptied while what is known is saved.
const BETWEEN_TAKINGS: Duration = Duration::from_millis(5);

impl Engine {
    /// Goes on with what an earlier run has saved, for each interface whose pinned state it belongs to.
    #[must_use]
    pub fn resume(self, saved: SavedEngine<Analysis>) -> Self {
        Self {
            clock: Clock::resume(saved.epoch_ns),
            start: saved.start,
            earlier: saved.interfaces,
            ..self
        }
    }

    /// Has what is known saved for another run, in a thread of its own: what the kernel tells meanwhile is taken and
    /// kept aside. `is_last` says that nothing will be taken from the kernel after this, and nothing is.
    ///
    /// # Errors
    /// There can be no thread.
    pub fn save<S: Send>(
        &mut self,
        is_last: bool,
        save: impl FnOnce(SavedEngine<&Analysis>) -> S + Send,
    ) -> io::Result<S> {
        let parts = self.interfaces.iter_mut().map(|it| it.divide(is_last));
        let (saved, mut asides): (Vec<_>, Vec<_>) = parts.unzip();
        let saved = SavedEngine {
            epoch_ns: self.clock.epoch_ns(),
            start: self.start,
            interfaces: saved.into_iter().flatten().collect(),
        };
        let saved = thread::scope(|scope| {
            let saving = thread::Builder::new()
                .name("save".to_owned())
                .spawn_scoped(scope, move || save(saved))?;
            while !is_last && !saving.is_finished() {
                let mut is_all = true;
                for aside in &mut asides {
                    is_all &= aside.take();
                }
                if is_all {
                    thread::sleep(BETWEEN_TAKINGS);
                }
            }
            saving
                .join()
                .map_err(|_| io::Error::other("saving has ended halfway"))
        });
        let increments: Vec<_> = asides.into_iter().map(Aside::increments).collect();
        for (interface, increments) in self.interfaces.iter_mut().zip(&increments) {
            interface.add(increments);
        }
        saved
    }

    /// Takes everything up to now and nothing any more, from the interfaces whose programs stay for another run to go
    /// on with. The others are for [`Self::let_go`]. Returns the names of those that stay.
    ///
    /// # Errors
    /// The counters of an interface cannot be read.
    pub fn pause(&mut self) -> Result<Vec<String>, MapsError> {
        let mut paused = Vec::new();
        for interface in &mut self.interfaces {
            if interface.pause()? {
                paused.push(interface.link().name.clone());
            }
        }
        self.cross();
        Ok(paused)
    }
}
