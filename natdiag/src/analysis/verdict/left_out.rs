//! What there was no room for: nothing can be said about it, and so not that nothing is wrong.

use super::case::insufficient;
use crate::analysis::diagnosis::{Evidence, Finding};

/// Packets that did not reach the counters of their host matter where they are more than one in so many: a program that
/// is killed loses some.
const MISSED_SHARE: u64 = 1000;

/// What was seen of remote hosts and belongs to none that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Packets that matter.
    pub charged: u64,
    /// Those of hosts that the full table had no room for.
    pub turned_away: u64,
    /// Those that a full ring has lost.
    pub missed: u64,
    /// SYNs whose fate was not followed.
    pub syns: u64,
}

/// What is said where anything was left out.
#[must_use]
pub fn left_out(left_out: &LeftOut) -> Option<Finding> {
    let LeftOut {
        charged,
        turned_away,
        missed,
        syns,
    } = *left_out;
    let is_missed = missed > charged / MISSED_SHARE;
    if turned_away == 0 && syns == 0 && !is_missed {
        return None;
    }
    let parts = [
        (
            turned_away,
            "packets of remote hosts that the full table had no room for",
        ),
        (missed, "packets that were lost in full rings"),
        (syns, "SYNs to more hosts than can be followed"),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let summary = format!(
        "not every remote host could be looked at, so others may have trouble as well: {} were left out",
        parts.join(", ")
    );
    let evidence = vec![
        ("packets_turned_away", Evidence::Count(turned_away)),
        ("packets_missed", Evidence::Count(missed)),
        ("syns_not_followed", Evidence::Count(syns)),
    ];
    let remedy = vec![
        "look at less: name the remote hosts that matter with `--remote`, their ports with `--port`"
            .to_owned(),
    ];
    Some(insufficient(summary, evidence, remedy))
}
