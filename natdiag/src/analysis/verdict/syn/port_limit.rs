//! A NAT beyond the watcher that has no port left: so many connections, open or closed a short time ago, and no more.
//! What the server does is no part of it, so nothing is repeated and nobody waits.

use super::{
    channel,
    data::ln_data,
    finding::finding,
    ports::likeliest_limit,
    trouble::{Excluded, Seen, Trouble, are_several_hit, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::SynSums,
    verdict::likelihood::ln_mixture,
};

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.008,
    cause: Cause::NatPortExhaustion,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: true,
    ln_fates,
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: are_several_hit,
    finding: |seen| named(seen.syns),
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(|_| {
        "drops do not begin at any number of connections open or closed shortly before".to_owned()
    }),
    against_others: None,
    why_left: |_| "drops come when many connections were open or closed shortly before",
};

/// A port that does not rest looks like a limit of open connections.
fn ln_fates(seen: &Seen) -> f64 {
    let [at_once, minute, two] = seen.in_order.ports;
    ln_mixture(&[(0.2, at_once), (0.4, minute), (0.4, two)])
}

/// The finding in words.
fn named(syns: &SynSums) -> Finding {
    let all = syns.all();
    let limit = likeliest_limit(syns);
    let summary = format!(
        "a NAT beyond this machine has no port left for this host at times: {} of {} SYNs got no answer, while about {} connections were open or had closed shortly before",
        all.dropped,
        all.total(),
        limit.map_or(0, |(_, limit)| limit)
    );
    let mut finding = finding(
        Cause::NatPortExhaustion,
        Severity::Critical,
        summary,
        syns,
        remedy(),
    );
    if let Some((rest_s, limit)) = limit {
        finding
            .evidence
            .push(("ports_for_this_host", Evidence::Count(limit as u64)));
        finding
            .evidence
            .push(("ports_rest_seconds", Evidence::Count(rest_s)));
    }
    finding
}

/// What helps where ports are used up.
fn remedy() -> Vec<String> {
    vec![
        "keep connections open and use them again (keep-alive, pools): each new one takes a port, and it rests when closed".to_owned(),
        "give the NAT more ports for this client or more addresses: minimum ports per VM at Google Cloud NAT, SNAT ports or a NAT gateway at Azure, a public address of your own behind a carrier's NAT".to_owned(),
    ]
}
