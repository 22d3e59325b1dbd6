//! What a whole run has found: one diagnosis per source, and what cannot be seen from there. The views show it.

use std::net::IpAddr;

use natdiag_common::counter::Counter;

use crate::{
    analysis::{
        crossing::Crossing,
        diagnosis::{Diagnosis, RemoteDiagnosis},
        verdict,
    },
    event::Timestamp,
    host::traffic::Octets,
    names::Names,
};

/// The state of a run at one time.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// First moment looked at.
    pub start: Timestamp,
    /// Last moment looked at.
    pub end: Timestamp,
    /// One entry per interface or capture.
    pub sources: Vec<SourceSurvey>,
    /// What cannot be observed from here, one sentence each.
    pub blind_to: Vec<String>,
    /// CPU time that natdiag itself has used so far, in nanoseconds; what its programs use in the kernel is not in it.
    pub own_cpu_ns: Option<u64>,
    /// What remote hosts are called, where that was asked for.
    pub names: Names,
}

impl Survey {
    /// Remote hosts known, over all sources.
    #[must_use]
    pub fn remotes_known(&self) -> usize {
        let sources = self.sources.iter();
        sources.map(|source| source.diagnosis.remotes_known).sum()
    }
}

/// One interface or capture, and its diagnosis.
#[derive(Clone, Debug)]
pub struct SourceSurvey {
    /// What it is.
    pub kind: SourceKind,
    /// Name of the interface or path of the file.
    pub name: String,
    /// The hooks in use, such as `tcx ingress`; none for a capture.
    pub hooks: Vec<String>,
    /// Why these hooks, what was refused, who else is attached: one sentence each.
    pub notes: Vec<String>,
    /// Octets that the interface has carried since the start, where it tells.
    pub octets: Option<Octets>,
    /// Which established connections are looked at; `None` where none is.
    pub looked_at: Option<LookedAt>,
    /// What was found.
    pub diagnosis: Diagnosis,
}

/// Established connections that are looked at from their first segment to their last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookedAt {
    /// One connection in so many, drawn by their four-tuples.
    pub one_in: u32,
    /// Segments that were looked at.
    pub segments: u64,
    /// Segments of these connections that could not be.
    pub missed: u64,
    /// Connections that were let go before their end because younger ones came.
    pub let_go: u64,
}

impl SourceSurvey {
    /// What was found about a remote host, if it is shown.
    #[must_use]
    pub fn remote(&self, address: IpAddr) -> Option<&RemoteDiagnosis> {
        let mut remotes = self.diagnosis.remotes.iter();
        remotes.find(|remote| remote.address == address)
    }

    /// Whether no packet was seen that says anything about anybody.
    #[must_use]
    pub fn has_seen_nothing(&self) -> bool {
        let diagnosis = &self.diagnosis;
        diagnosis.remotes_known == 0 && diagnosis.totals.value(Counter::Charged) == 0
    }
}

/// Where packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A network interface.
    Interface,
    /// A capture file.
    Capture,
}

/// Adds to what the sources have found what crossing between them has shown.
pub fn add_crossing(crossing: &Crossing, sources: &mut [SourceSurvey]) {
    let mut diagnoses: Vec<&mut Diagnosis> = sources
        .iter_mut()
        .map(|source| &mut source.diagnosis)
        .collect();
    verdict::add_crossing(crossing, &mut diagnoses);
}
