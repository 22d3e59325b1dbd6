//! A filter that knows clients apart which share one address outside.

use super::{
    channel,
    data::ln_data,
    filter::{ASK_FOR_FILTERS, MAY_LOOK_THE_SAME, NOT_ALL_OR_NOTHING, blocked, follows_the_port},
    finding::finding,
    group::ln_filter,
    trouble::{Excluded, Seen, Trouble, are_several_hit, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    service::Port,
};

pub(super) const TROUBLE: Trouble = Trouble {
    // It must stand before the NAT and yet care about one destination.
    prior: 0.001,
    cause: Cause::Filtered,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_filter(seen.syns.services.iter().map(|service| service.outcomes)),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_a_rule,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: are_several_hit,
    finding: clients_filtered,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::AtLeast(|_| NOT_ALL_OR_NOTHING.to_owned()),
    against_others: Some(follows_the_port),
    why_left: |_| MAY_LOOK_THE_SAME,
};

fn clients_filtered(seen: &Seen) -> Finding {
    let syns = seen.syns;
    let blocked: Vec<_> = blocked(syns, |service| (service.local, service.port))
        .iter()
        .map(|(local, port)| format!("{local} to port {}", Port(*port)))
        .collect();
    let summary = format!(
        "something drops every SYN of some clients, whatever it carries: {}",
        blocked.join(", ")
    );
    let remedy = vec![ASK_FOR_FILTERS.to_owned()];
    let mut finding = finding(Cause::Filtered, Severity::Critical, summary, syns, remedy);
    finding
        .evidence
        .push(("clients_blocked", Evidence::List(blocked)));
    finding
}
