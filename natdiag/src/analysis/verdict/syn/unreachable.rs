//! No way leads there, or back.

use super::{
    channel,
    data::ln_data,
    finding::finding,
    rates::EXCEPTIONS,
    trouble::{Excluded, Seen, Trouble, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::likelihood::ln_known,
};

/// Neighbours that must be silent too for the way to be blamed.
const NEIGHBOURS: u64 = 2;
/// What fails on the way to a network fails for its other hosts too: the share of neighbours that are silent.
const SILENT: f64 = 0.95;

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.005,
    cause: Cause::Routing,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_known(1.0 - EXCEPTIONS, seen.syns.all()),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_a_rule,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: |seen| channel::ln_neighbours_of(SILENT, seen),
    ln_data,
    can_be_named: |seen, _| seen.case.neighbours.silent >= NEIGHBOURS,
    finding: unreachable,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(|syns| format!("{} SYNs were answered", syns.all().answered)),
    against_others: None,
    why_left: |_| "no answer of any kind came from this host",
};

/// A network from which nothing answers.
pub(super) fn unreachable(seen: &Seen) -> Finding {
    let (case, syns) = (seen.case, seen.syns);
    let summary = format!(
        "no answer comes from this host or its neighbours: {} hosts of its network are silent and {} answer",
        case.neighbours.silent + 1,
        case.neighbours.answering
    );
    let remedy = vec![
        "look at the routes to this network and back: `ip route get HOST`, `mtr HOST`; `nstat -az TcpExtIPReversePathFilter` where answers come by another interface".to_owned(),
    ];
    let mut finding = finding(Cause::Routing, Severity::Critical, summary, syns, remedy);
    finding
        .evidence
        .push(("neighbours_silent", Evidence::Count(case.neighbours.silent)));
    finding
}
