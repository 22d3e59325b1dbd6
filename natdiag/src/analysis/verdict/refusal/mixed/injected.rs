//! Something on the path forges RSTs.

use super::{
    order::outcomes,
    trouble::{Named, Seen, Trouble},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::{
        case::finding,
        contest::fits,
        likelihood::{Rate, ln_series},
    },
};

/// Forgers pick some.
const PICKED: Rate = Rate::new(1.0, 4.0);

pub(super) const INJECTED: Trouble = Trouble {
    name: "injected",
    // It takes a device that dislikes some connections before it has seen what they carry.
    prior: 0.05,
    ln_order: |series| ln_series(PICKED, outcomes(series)),
    by_other: 0.8,
    named: Some(Named {
        cause: Cause::ResetInjected,
        finding: injected,
        why_excluded: |seen| {
            format!(
                "{} of {} RSTs come from where the SYN-ACKs come from, in a pattern that a forger does not make",
                seen.port.by_reset.saturating_sub(seen.port.by_other),
                seen.port.by_reset
            )
        },
        why_left: fits,
    }),
};

fn injected(seen: &Seen, evidence: Vec<(&'static str, Evidence)>) -> Finding {
    let summary = format!(
        "something on the path refuses some connections in the host's name: port {} took {} SYNs, and {} were answered by RSTs of another origin",
        seen.port.port, seen.taken, seen.port.by_reset
    );
    let remedy = vec![
        "look for an intrusion prevention system or a filter on the way; compare with another path"
            .to_owned(),
    ];
    finding(
        Cause::ResetInjected,
        Severity::Critical,
        summary,
        evidence,
        remedy,
    )
}
