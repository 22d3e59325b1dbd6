//! So many connections a second and no more.

use super::{
    channel,
    data::ln_data,
    finding::finding,
    trouble::{Excluded, Seen, Trouble, are_several_hit, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::likelihood::ln_mixture,
};

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.03,
    cause: Cause::RateLimit,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: true,
    ln_fates: |seen| {
        // Ports that do not rest are a limit of open connections as well.
        let [open, _, _] = seen.in_order.ports;
        ln_mixture(&[
            (0.55, seen.in_order.limit),
            (0.35, seen.in_order.open_limit),
            (0.1, open),
        ])
    },
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: are_several_hit,
    finding: rate_limit,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::AtLeast(|_| "no number of SYNs a second is the limit".to_owned()),
    against_others: None,
    why_left: |_| "drops come when many SYNs do",
};

fn rate_limit(seen: &Seen) -> Finding {
    let syns = seen.syns;
    let all = syns.all();
    let limit_of_open = syns
        .by_open
        .iter()
        .position(|outcomes| outcomes.dropped > outcomes.answered);
    let mut passed: Vec<u64> = syns
        .spells
        .iter()
        .filter(|spell| spell.outcomes.dropped > 0)
        .map(|spell| spell.outcomes.answered)
        .collect();
    passed.sort_unstable();
    let limit = passed.get(passed.len() / 2).copied().unwrap_or(0);
    let summary = format!(
        "connections are limited in number, to about {limit} a second: {} of {} SYNs got no answer",
        all.dropped,
        all.total()
    );
    let remedy = vec![
        "ask for limits per source address: firewalls (`hashlimit`, `connlimit`), DDoS protection, load balancers; behind a NAT all clients count as one".to_owned(),
    ];
    let mut finding = finding(Cause::RateLimit, Severity::Critical, summary, syns, remedy);
    finding
        .evidence
        .push(("syn_passed_per_second", Evidence::Count(limit)));
    if let Some(open) = limit_of_open {
        finding.evidence.push((
            "connections_open_at_first_drop",
            Evidence::Count(open as u64),
        ));
    }
    finding
}
