//! A filter by port, or of the whole host.

use super::{
    channel,
    data::ln_data,
    finding::finding,
    group::{by_port, ln_filter},
    trouble::{Excluded, Seen, Trouble, are_several_hit, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::{Service, SynSums},
    service::Port,
};

pub(super) const ASK_FOR_FILTERS: &str = "ask for the filters on the way and at the server: firewall rules, security groups, network ACLs";

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.24,
    cause: Cause::Filtered,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_filter(by_port(&seen.syns.services)),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_a_rule,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: are_several_hit,
    finding: filtered,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::AtLeast(|_| NOT_ALL_OR_NOTHING.to_owned()),
    against_others: Some(follows_the_port),
    why_left: |_| MAY_LOOK_THE_SAME,
};

/// What rules out that a filter decides by the port, or by the client.
pub(super) const NOT_ALL_OR_NOTHING: &str =
    "to the same ports some SYNs were dropped and others answered";
pub(super) const MAY_LOOK_THE_SAME: &str =
    "a filter that drops just the clients hit would look the same";

pub(super) fn follows_the_port(syns: &SynSums) -> String {
    let all = syns.all();
    format!(
        "drops follow the port: all or nothing, {} of {} SYNs in all",
        all.dropped,
        all.total()
    )
}

fn filtered(seen: &Seen) -> Finding {
    let syns = seen.syns;
    let blocked = blocked(syns, |service| service.port);
    let named: Vec<_> = blocked.iter().map(|port| Port(*port).to_string()).collect();
    let summary = format!(
        "something drops every SYN to port {}, whatever it carries",
        named.join(", ")
    );
    let blocked: Vec<_> = blocked.iter().map(u16::to_string).collect();
    // nc(1) of OpenBSD and that of Nmap agree on one port only.
    let port = blocked.first().map_or("PORT", String::as_str);
    let remedy = vec![
        ASK_FOR_FILTERS.to_owned(),
        format!("compare with another port of the same host: `nc -vz -w 3 HOST {port}`"),
    ];
    let mut finding = finding(Cause::Filtered, Severity::Critical, summary, syns, remedy);
    finding
        .evidence
        .push(("ports_blocked", Evidence::List(blocked)));
    finding
}

/// Those to whom most SYNs were dropped, each once.
pub(super) fn blocked<T: Ord>(syns: &SynSums, who: impl Fn(&Service) -> T) -> Vec<T> {
    let mut blocked: Vec<T> = syns
        .services
        .iter()
        .filter(|service| service.outcomes.dropped > service.outcomes.answered)
        .map(who)
        .collect();
    blocked.sort_unstable();
    blocked.dedup();
    blocked
}
