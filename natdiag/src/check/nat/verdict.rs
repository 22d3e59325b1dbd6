//! What the facts about a NAT mean. Pure; every rule and every confidence stands here.

mod invalid;
mod losses;
mod ports;
mod remark;
mod table;
mod way;

use std::cmp::Reverse;

use super::{Facts, sample::TRACKING};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::CERTAIN,
};

/// A counter that nothing else raises.
const READ: f64 = CERTAIN;
/// A counter that something else raises as well, though seldom.
const LIKELY: f64 = 0.9;
/// A setting that harms connections of some kind, of which it is not known whether there are any.
const POSSIBLE: f64 = 0.7;

/// What is wrong with a NAT, and what cannot be seen.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// What whoever runs it should know, one sentence each.
    pub remarks: Vec<String>,
    /// What cannot be observed from here, one sentence each.
    pub blind_to: Vec<String>,
}

/// Judges a host.
#[must_use]
pub fn judge(facts: &Facts) -> Verdict {
    let blind_to = blind_to(facts);
    if !facts.is_nat() {
        return Verdict {
            findings: vec![no_nat(facts)],
            blind_to,
            ..Verdict::default()
        };
    }
    let mut findings: Vec<_> = [
        table::full(facts),
        ports::used_up(facts),
        ports::race(facts),
        invalid::let_out(facts),
        way::reverse_path(facts),
        way::not_forwarded(facts),
        way::mtu(facts),
        losses::queues(facts),
        losses::rings(facts),
        losses::allowances(facts),
    ]
    .into_iter()
    .flatten()
    .collect();
    findings.extend(not_looked_at(facts));
    findings.sort_by_key(|finding| Reverse(finding.severity));
    Verdict {
        findings,
        remarks: remark::remarks(facts),
        blind_to,
    }
}

/// What was found to be no NAT, or may be one.
fn no_nat(facts: &Facts) -> Finding {
    if facts.rules.is_some() && facts.unread.is_empty() {
        return Finding::new(Cause::InsufficientEvidence, READ, Severity::Info,
            "this host is no NAT: no rule changes the source of packets, and no connection is translated".to_owned(),
        );
    }
    let mut finding = Finding::new(
        Cause::Blind,
        READ,
        Severity::Warning,
        "nothing tells whether this host is a NAT".to_owned(),
    );
    finding
        .evidence
        .push(("not_read", Evidence::List(facts.unread.clone())));
    finding.remedy = vec!["run it as root: `sudo natdiag check nat`".to_owned()];
    finding
}

/// What an all-clear would need and was not read.
fn not_looked_at(facts: &Facts) -> Option<Finding> {
    let has_tracking = facts.after.as_ref().is_some_and(|(after, _)| {
        let mut counters = after.counters.keys();
        counters.any(|counter| counter.of == TRACKING)
    });
    let missing: Vec<_> = [
        (facts.rules.is_some(), "the rules"),
        (facts.usage.is_some(), "the ports in use"),
        (
            facts.table().is_some(),
            "how full the table of connections is",
        ),
        (has_tracking, "what connection tracking drops"),
    ]
    .into_iter()
    .filter(|(is_known, _)| !is_known)
    .map(|(_, what)| what)
    .collect();
    if missing.is_empty() {
        return None;
    }
    let mut finding = Finding::new(
        Cause::Blind,
        READ,
        Severity::Warning,
        format!(
            "it cannot be told whether this NAT is well: {} could not be read",
            missing.join(", ")
        ),
    );
    finding.remedy = vec!["run it as root: `sudo natdiag check nat`".to_owned()];
    Some(finding)
}

fn blind_to(facts: &Facts) -> Vec<String> {
    let mut blind_to = facts.unread.clone();
    if facts.after.is_none() {
        blind_to.push("what happens now: the counters were read once only".to_owned());
    }
    if let Some(left_out) = facts
        .usage
        .as_ref()
        .map(|usage| usage.left_out)
        .filter(|n| *n > 0)
    {
        blind_to.push(format!(
            "ports of {left_out} connections: there are too many destinations or clients"
        ));
    }
    for table in facts.rules.iter().flat_map(|rules| &rules.flowtables) {
        blind_to.push(format!(
            "for `natdiag watch`: packets of connections in flowtable `{table}` that the device forwards by itself \
             (`flags offload`); they pass by all rules as well"
        ));
    }
    blind_to
}

/// How one sees that a remedy has worked.
fn verify(counter: &str) -> String {
    format!("then verify: `natdiag check nat --duration 1min` sees {counter} stand still")
}
