//! tcp_tw_recycle in words: the finding, what speaks against it, and what it has to say against others.

use super::{
    super::{finding::finding, trouble::Seen},
    rule::{predicted_hit, predicted_pass},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::SynSums,
    mark::LIFETIME_NS,
    service::Port,
    verdict::case::Case,
};

/// No SYN was dropped for ten lifetimes of a mark: the fault sleeps.
const ASLEEP_NS: u64 = 10 * LIFETIME_NS;

/// The server recycles, now or when a mark is there again.
pub(in super::super) fn recycle(seen: &Seen) -> Finding {
    let (case, syns) = (seen.case, seen.syns);
    let (cause, severity, summary) = harm(case, syns);
    let mut finding = finding(cause, severity, summary, syns, remedy(syns));
    finding
        .evidence
        .push(("server_kernel", Evidence::Text(kernel(syns).to_owned())));
    if let Some((mark, since)) = syns.mark {
        let age = case.now.since(since);
        finding
            .evidence
            .push(("mark", Evidence::Count(u64::from(mark.0))));
        finding.evidence.push((
            "mark_heals_in_seconds",
            Evidence::Count(LIFETIME_NS.saturating_sub(age) / 1_000_000_000),
        ));
    }
    for (name, wanted) in [("locals_hit", true), ("locals_spared", false)] {
        finding
            .evidence
            .push((name, Evidence::List(locals(syns, wanted))));
    }
    if let Some(clocks) = syns.clocks.count().filter(|clocks| *clocks > 1) {
        finding
            .evidence
            .push(("clocks_behind_the_address", Evidence::Count(clocks as u64)));
    }
    finding
        .evidence
        .extend(unseen(syns).map(|note| ("unseen", Evidence::Text(note))));
    finding
}

/// Which kernels treat SYNs without timestamps as this server does.
const fn kernel(syns: &SynSums) -> &'static str {
    let armed = syns.armed_without_timestamps;
    match (armed.dropped, armed.answered) {
        (0, 0) => "not known: no SYN without timestamps met its mark",
        (dropped, answered) if dropped > answered => {
            "3.17 to 4.11: SYNs without timestamps are dropped as well"
        }
        _ => "up to 3.16: SYNs without timestamps pass",
    }
}

/// Whether it drops SYNs now, and how many.
fn harm(case: &Case, syns: &SynSums) -> (Cause, Severity, String) {
    let asleep = syns
        .last_predicted_drop
        .is_none_or(|at| case.now.since(at) >= ASLEEP_NS)
        && syns.answered_since > 0;
    let (hit, spared) = (predicted_hit(syns), predicted_pass(syns));
    if asleep {
        let summary = format!(
            "tcp_tw_recycle is on at this server; it has dropped {} SYNs and none in the last 10 minutes",
            hit.dropped
        );
        (Cause::TwRecycleLatent, Severity::Warning, summary)
    } else {
        let summary = format!(
            "tcp_tw_recycle is on at this server: it dropped {} of {} SYNs that its rule predicts to be dropped, and {} of {} others",
            hit.dropped,
            hit.total(),
            spared.dropped,
            spared.total()
        );
        (Cause::TwRecycle, Severity::Critical, summary)
    }
}

/// What to do, and whether turning timestamps off helps.
fn remedy(syns: &SynSums) -> Vec<String> {
    let armed = syns.armed_without_timestamps;
    let mut remedy = vec![
        "ask the owner of the server to run `sysctl -w net.ipv4.tcp_tw_recycle=0`; `net.ipv4.tcp_tw_reuse=1` is the safe option"
            .to_owned(),
    ];
    remedy.push(if armed.dropped > armed.answered {
        "turning timestamps off on the clients does not help: a server of this age drops such SYNs as well".to_owned()
    } else if armed.answered > 0 {
        "until then, `sysctl -w net.ipv4.tcp_timestamps=0` on the clients lets their SYNs pass".to_owned()
    } else {
        "turning timestamps off on the clients helps only where the server's kernel is older than 3.17".to_owned()
    });
    remedy
}

/// Clients that were hit, or that were not, in words.
fn locals(syns: &SynSums, are_hit: bool) -> Vec<String> {
    syns.services
        .iter()
        .filter(|service| (service.outcomes.dropped > 0) == are_hit && service.outcomes.total() > 0)
        .map(|service| {
            let outcomes = service.outcomes;
            format!(
                "{}: {} of {} SYNs to port {} dropped",
                service.local,
                outcomes.dropped,
                outcomes.total(),
                Port(service.port)
            )
        })
        .collect()
}

/// Marks that may be there though we did not see them made.
fn unseen(syns: &SynSums) -> Option<String> {
    if syns.shared_address {
        Some(
            "hosts that do not pass here may share our address and raise the mark unseen"
                .to_owned(),
        )
    } else if syns.early.dropped > 0 {
        Some(format!(
            "a mark from before we looked may have dropped {} of the others, within the first minute",
            syns.early.dropped
        ))
    } else {
        None
    }
}

/// The observation that rules it out.
pub(in super::super) fn why_excluded(syns: &SynSums) -> String {
    let (hit, others) = (predicted_hit(syns), predicted_pass(syns));
    if hit.answered > 0 {
        format!(
            "{} of {} SYNs that its rule would drop were answered",
            hit.answered,
            hit.total()
        )
    } else if hit.total() == 0 {
        "no SYN met a mark that its rule could drop it by".to_owned()
    } else {
        format!(
            "{} of {} SYNs that its rule lets pass were dropped",
            others.dropped,
            others.total()
        )
    }
}

/// What rules others out where it is the likeliest.
pub(in super::super) fn drops_follow_timestamps(syns: &SynSums) -> String {
    let (hit, others) = (predicted_hit(syns), predicted_pass(syns));
    format!(
        "drops follow the timestamps: {} of {} SYNs that its rule would drop, {} of {} others",
        hit.dropped,
        hit.total(),
        others.dropped,
        others.total()
    )
}
