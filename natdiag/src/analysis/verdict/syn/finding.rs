//! What all findings about SYNs share.

use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::SynSums,
    verdict::case,
};

/// A finding with the evidence that all about SYNs share.
pub(super) fn finding(
    cause: Cause,
    severity: Severity,
    summary: String,
    syns: &SynSums,
    remedy: Vec<String>,
) -> Finding {
    case::finding(cause, severity, summary, evidence(syns), remedy)
}

/// How many SYNs and connections there were, and what became of them.
pub(super) fn evidence(syns: &SynSums) -> Vec<(&'static str, Evidence)> {
    let all = syns.all();
    vec![
        ("syn_dropped", Evidence::Count(all.dropped)),
        ("syn_answered", Evidence::Count(all.answered)),
        (
            "connections_failed",
            Evidence::Count(syns.connections.failed),
        ),
        ("connections_late", Evidence::Count(syns.connections.late)),
    ]
}
