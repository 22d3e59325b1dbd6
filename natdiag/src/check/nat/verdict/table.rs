//! The table of connections.

use super::{READ, verify};
use crate::{
    analysis::diagnosis::{Cause, Evidence, Finding, Severity},
    check::nat::Facts,
};

/// From this share of its limit on, in percent, a table has no room for a burst.
const NEARLY_FULL: u64 = 90;
/// From this share on, packets that connection tracking drops are dropped for want of room.
const FULL: u64 = 95;
/// A table twice as large as what is tracked, and never smaller than this.
const SMALLEST: u64 = 65_536;

/// A table that is full, or nearly so.
pub(super) fn full(facts: &Facts) -> Option<Finding> {
    let (tracked, most) = facts.table().filter(|(_, most)| *most > 0)?;
    let share = tracked * 100 / most;
    let (dropped, early) = (facts.tracking("drop"), facts.tracking("early_drop"));
    // A clash that cannot be resolved counts as drop and as insert_failed.
    let dropped = dropped.saturating_sub(facts.tracking("insert_failed"));
    let is_full = share >= FULL && dropped + early > 0;
    if !is_full && share < NEARLY_FULL {
        return None;
    }
    let (severity, summary) = if is_full {
        let seconds = facts.seconds();
        (
            Severity::Critical,
            format!(
                "the table of connections is full: within {seconds:.1} s {dropped} packets were dropped for it, and {early} connections given up"
            ),
        )
    } else {
        (
            Severity::Warning,
            format!("the table of connections is {share} % full: {tracked} of {most}"),
        )
    };
    let mut finding = Finding::new(Cause::NatTableFull, READ, severity, summary);
    finding.evidence = vec![
        ("nf_conntrack_count", Evidence::Count(tracked)),
        ("nf_conntrack_max", Evidence::Count(most)),
        ("drop_rise", Evidence::Count(facts.tracking("drop"))),
        ("early_drop_rise", Evidence::Count(early)),
    ];
    let larger = (tracked * 2).max(most * 2).max(SMALLEST);
    finding.remedy = vec![
        format!(
            "`sysctl -w net.netfilter.nf_conntrack_max={larger}`, in the host's network namespace; an entry takes some 320 octets of memory"
        ),
        format!("`sysctl -w net.netfilter.nf_conntrack_buckets={larger}` keeps the chains short"),
    ];
    if let Some(established) = facts
        .setting("net.netfilter.nf_conntrack_tcp_timeout_established")
        .filter(|seconds| *seconds > 7_440)
    {
        finding.remedy.push(format!(
            "connections that vanished without a word stay for {established} s: `sysctl -w \
             net.netfilter.nf_conntrack_tcp_timeout_established=7440` is what RFC 5382 asks for"
        ));
    }
    finding.remedy.push(verify("drop"));
    Some(finding)
}
