//! The trial of a remedy on one watched interface: puts it on and takes it off as the trial says.

use natdiag_common::LinkType;

use crate::{
    analysis::fares::Fares,
    bpf::remedy::{RemedyError, RemedyProgram},
    clock::Clock,
    config::TrialConfig,
    host::link::Link,
    remedy::trial::{Step, Trial},
};

/// A trial, and its program while it is on.
pub(super) struct RemedyOnTrial {
    trial: Trial,
    program: Option<RemedyProgram>,
    changed_syns: u64,
    duration_ns: u64,
    clock: Clock,
}

impl RemedyOnTrial {
    /// Plans it; nothing is attached.
    pub(super) fn new(config: TrialConfig, clock: Clock) -> Self {
        let duration_ns = u64::try_from(config.duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            trial: Trial::new(config.plan, duration_ns, clock.now()),
            program: None,
            changed_syns: 0,
            duration_ns,
            clock,
        }
    }

    /// The remote host.
    pub(super) fn remote(&self) -> std::net::IpAddr {
        self.trial.plan().remote
    }

    /// Goes on, now that connections have fared so.
    pub(super) fn advance(&mut self, fares: Fares, link: &Link, link_type: LinkType) {
        self.read();
        match self.trial.advance(fares, self.clock.now()) {
            Step::Stay => {}
            Step::Begin => match self.put_on(link, link_type) {
                Ok(program) => self.program = Some(program),
                Err(error) => self.trial.refuse(&error.to_string()),
            },
            Step::End => self.program = None,
        }
    }

    /// Takes it off, if it is on.
    pub(super) fn close(&mut self) {
        self.read();
        self.program = None;
        self.trial.close(self.clock.now());
    }

    /// How it stands.
    pub(super) fn sentence(&self) -> String {
        self.trial.sentence(self.clock.now(), self.changed_syns)
    }

    fn put_on(&self, link: &Link, link_type: LinkType) -> Result<RemedyProgram, RemedyError> {
        let deadline_ns = self.clock.monotonic_ns().saturating_add(self.duration_ns);
        RemedyProgram::attach(link, link_type, self.trial.plan(), deadline_ns)
    }

    fn read(&mut self) {
        let Some(program) = &self.program else { return };
        match program.changed_syns() {
            Ok(changed) => self.changed_syns = changed,
            Err(error) => tracing::warn!(%error, "cannot count the SYNs that the trial changes"),
        }
    }
}
