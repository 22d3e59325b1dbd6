//! What a verdict is about, and the findings that it begins with.

use crate::{
    analysis::{
        conversation::ConversationSums,
        diagnosis::{Cause, Evidence, Finding, Severity},
        established::Established,
        fates::{SynSums, neighbours::Neighbours},
        fragments::Datagrams,
        table::Counts,
    },
    event::Timestamp,
};

/// All that is known about one remote host.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Its exact counters.
    pub counts: &'a Counts,
    /// SYNs sent to it.
    pub syns: Option<&'a SynSums>,
    /// What its established connections have shown, if it is or was under suspicion.
    pub established: Option<&'a Established>,
    /// What its connections have shown between their beginning and their end, as far as they were looked at.
    pub conversations: Option<&'a ConversationSums>,
    /// Datagrams it sent in fragments.
    pub datagrams: Datagrams,
    /// Whether it has an IPv6 address.
    pub is_ipv6: bool,
    /// What other hosts of its network do.
    pub neighbours: Neighbours,
    /// Share of all records that were missed, 0 to 1.
    pub missed_share: f64,
    /// Now.
    pub now: Timestamp,
}

/// A symptom that no cause explains.
pub(super) fn insufficient(
    summary: String,
    evidence: Vec<(&'static str, Evidence)>,
    remedy: Vec<String>,
) -> Finding {
    finding(
        Cause::InsufficientEvidence,
        Severity::Warning,
        summary,
        evidence,
        remedy,
    )
}

/// A finding without alternatives.
pub(super) fn finding(
    cause: Cause,
    severity: Severity,
    summary: String,
    evidence: Vec<(&'static str, Evidence)>,
    remedy: Vec<String>,
) -> Finding {
    Finding {
        cause,
        confidence: 1.0,
        severity,
        summary,
        evidence,
        excluded: Vec::new(),
        not_excluded: Vec::new(),
        remedy,
    }
}

/// Looks at a case of which only conversations are known.
#[cfg(test)]
pub(super) fn with<T>(conversations: &ConversationSums, look: impl FnOnce(&Case) -> T) -> T {
    look(&Case {
        counts: &Counts::ZERO,
        syns: None,
        established: None,
        conversations: Some(conversations),
        datagrams: Datagrams::default(),
        is_ipv6: false,
        neighbours: Neighbours::default(),
        missed_share: 0.0,
        now: Timestamp::default(),
    })
}
