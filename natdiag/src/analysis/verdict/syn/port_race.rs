//! A race for ports in a NAT: two SYNs that come at the same time get the same port, and one is dropped when its entry
//! is to be confirmed (`insert_failed`). So SYNs are lost that come within milliseconds of another to the same host,
//! and no others. Kernel: `net/netfilter/nf_conntrack_core.c:__nf_conntrack_confirm` (v4.9).

use super::{
    channel,
    data::ln_data,
    finding::finding,
    newest::ln_older,
    rates::{NOW_AND_THEN, STRAY_LOSS, count},
    trouble::{Excluded, Trouble, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::{Fate, Outcomes, SynSums, recent::RecentSyn},
    verdict::likelihood::{Rate, ln_known, ln_mixture, ln_series},
};

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.003,
    cause: Cause::NatPortRace,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: true,
    ln_fates: |seen| ln_fates(seen.syns),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: |seen, _| is_shown(seen.syns),
    finding: |seen| named(seen.syns),
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(why_excluded),
    against_others: None,
    why_left: |_| "SYNs that came at the same time were dropped",
};

/// How near another SYN must be, in nanoseconds.
const NEAR_NS: [u64; 5] = [1_000_000, 3_000_000, 10_000_000, 25_000_000, 50_000_000];
/// Few races are lost.
const LOST_RACES: Rate = Rate::new(1.0, 9.0);

/// SYNs near another, and all others, of the newest.
fn near_and_far(newest: &[RecentSyn], near_ns: u64) -> (Outcomes, Outcomes) {
    let (mut near, mut far) = (Outcomes::default(), Outcomes::default());
    for (place, syn) in newest.iter().enumerate() {
        if !syn.counts || !matches!(syn.fate, Fate::Answered | Fate::Dropped) {
            continue;
        }
        let before = place.checked_sub(1).and_then(|place| newest.get(place));
        let after = newest.get(place + 1);
        let is_near = before.is_some_and(|it| syn.sent.since(it.sent) <= near_ns)
            || after.is_some_and(|it| it.sent.since(syn.sent) <= near_ns);
        let outcomes = if is_near { &mut near } else { &mut far };
        outcomes.count(syn.fate == Fate::Dropped);
    }
    (near, far)
}

/// The likelihood of the fates of SYNs.
fn ln_fates(syns: &SynSums) -> f64 {
    let newest = syns.recent.to_vec();
    let weight = 1.0 / count(NEAR_NS.len() as u64);
    let parts = NEAR_NS.map(|near_ns| {
        let (near, far) = near_and_far(&newest, near_ns);
        let ln = if near.dropped == 0 {
            f64::NEG_INFINITY
        } else {
            let ln_far = ln_mixture(&[
                (0.7, ln_known(NOW_AND_THEN, far)),
                (0.3, ln_known(STRAY_LOSS, far)),
            ]);
            ln_older(syns, near.plus(far)) + ln_series(LOST_RACES, near) + ln_far
        };
        (weight, ln)
    });
    ln_mixture(&parts)
}

/// How near, and the fates of SYNs near another and of all others.
fn nearest(syns: &SynSums) -> Option<(u64, Outcomes, Outcomes)> {
    let newest = syns.recent.to_vec();
    NEAR_NS
        .into_iter()
        .map(|near_ns| {
            let (near, far) = near_and_far(&newest, near_ns);
            (near_ns, near, far)
        })
        .find(|(_, near, far)| near.dropped > 0 && far.dropped * 10 <= near.dropped)
}

/// Whether drops near other SYNs were seen, and SYNs by themselves that were not dropped.
fn is_shown(syns: &SynSums) -> bool {
    /// Drops and answers that are no accident.
    const ENOUGH: u64 = 3;
    nearest(syns).is_some_and(|(_, near, far)| near.dropped >= ENOUGH && far.answered >= ENOUGH)
}

/// The finding in words.
fn named(syns: &SynSums) -> Finding {
    let (near_ns, near, far) = nearest(syns).unwrap_or_default();
    let near_ms = near_ns / 1_000_000;
    let summary = format!(
        "connections that begin at the same time race for ports in a NAT: {} of {} SYNs within {near_ms} ms of another were dropped, {} of {} others",
        near.dropped,
        near.total(),
        far.dropped,
        far.total()
    );
    let remedy = vec![
        "let the NAT choose ports at random: `--random-fully` in the MASQUERADE or SNAT rule of iptables, `masquerade fully-random` in nftables".to_owned(),
        "`conntrack -S` on the NAT counts `insert_failed` with each".to_owned(),
    ];
    let mut finding = finding(Cause::NatPortRace, Severity::Warning, summary, syns, remedy);
    for (name, number) in [
        ("near_another_ms", near_ms),
        ("syn_near_another_dropped", near.dropped),
        ("syn_near_another_answered", near.answered),
        ("syn_alone_dropped", far.dropped),
        ("syn_alone_answered", far.answered),
    ] {
        finding.evidence.push((name, Evidence::Count(number)));
    }
    finding
}

/// What speaks against it.
fn why_excluded(syns: &SynSums) -> String {
    let newest = syns.recent.to_vec();
    let widest = NEAR_NS.last().copied().unwrap_or_default();
    let (_, far) = near_and_far(&newest, widest);
    format!(
        "{} of {} SYNs were dropped that no other was near to",
        far.dropped,
        far.total()
    )
}
