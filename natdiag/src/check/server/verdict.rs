//! What the facts about a host mean. Pure; every rule and every confidence stands here.
//!
//! `PAWSPassive` rises by nothing but a SYN that `tcp_tw_recycle` drops (`net/ipv4/tcp_ipv4.c:tcp_v4_conn_request`,
//! v2.6.32 to v3.15; `net/ipv4/tcp_input.c:tcp_conn_request`, v3.16 to v4.11), so that it tells what a hidden setting
//! does. From Linux 3.9 on `ListenDrops` counts those SYNs as well, which readers take for a full backlog.

mod backlog;
mod recycle;
mod tw_recycle;

use std::cmp::Reverse;

pub use self::tw_recycle::TwRecycle;
use self::{
    backlog::backlog,
    recycle::{recycle, residue},
};
use super::{Facts, Namespace};
use crate::analysis::{diagnosis::Finding, verdict::CERTAIN};

/// A setting that was read, or a counter that nothing else raises.
const READ: f64 = CERTAIN;
/// A counter that has not risen now, of a setting that cannot be read: it may have been turned off since.
const PAST: f64 = 0.9;

/// What is wrong with a host, and what cannot be seen.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What is known about `tcp_tw_recycle`.
    pub tw_recycle: TwRecycle,
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// What cannot be observed from here, one sentence each.
    pub blind_to: Vec<String>,
}

/// Judges a host.
#[must_use]
pub fn judge(facts: &Facts) -> Verdict {
    let tw_recycle = TwRecycle::of(facts);
    let mut findings: Vec<_> = recycle(facts, tw_recycle)
        .into_iter()
        .chain(residue(facts, tw_recycle))
        .chain(backlog(facts))
        .collect();
    findings.sort_by_key(|finding| Reverse(finding.severity));
    Verdict {
        tw_recycle,
        findings,
        blind_to: blind_to(facts),
    }
}

fn blind_to(facts: &Facts) -> Vec<String> {
    let mut blind_to = Vec::new();
    if facts.before.counters.is_empty() {
        blind_to
            .push("the counters: /proc/net/netstat and /proc/net/snmp cannot be read".to_owned());
    } else if facts.after.is_none() {
        blind_to.push("what happens now: the counters were read once only".to_owned());
    }
    match facts.namespace {
        Namespace::Initial => {}
        Namespace::Other => blind_to.push(
            "servers in other network namespaces: counters are those of this one, which is not the host's".to_owned(),
        ),
        Namespace::Unknown => blind_to.push(
            "servers in other network namespaces: counters are those of this one; nothing tells whether it is the \
             host's"
                .to_owned(),
        ),
    }
    blind_to
}

fn syns(number: u64) -> String {
    match number {
        1 => "1 SYN".to_owned(),
        number => format!("{number} SYNs"),
    }
}
