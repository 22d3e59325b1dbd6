//! A trouble that nobody has thought of: drops depend on something about a SYN, whatever that is. It has the freedom
//! that each rule takes for itself, a rate of its own for each kind of SYN, and so takes what no rule explains clearly
//! better. It names nothing.

use std::collections::BTreeMap;

use super::{
    channel,
    data::ln_data,
    finding::finding,
    rates::count,
    trouble::{Excluded, Trouble, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    fates::{
        Outcomes, SynSums,
        kinds::{SynKind, SynOption},
    },
    verdict::likelihood::{LOSS, Rate, ln_mixture, ln_series},
};

pub(super) const TROUBLE: Trouble = Trouble {
    // Public trouble reports are full of what natdiag has no rule for.
    prior: 0.015,
    cause: Cause::InsufficientEvidence,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_unknown(seen.syns),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_a_rule,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: |_, _| false,
    finding: |seen| {
        finding(
            Cause::InsufficientEvidence,
            Severity::Warning,
            String::new(),
            seen.syns,
            Vec::new(),
        )
    },
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::AtLeast(|_| "a known rule explains the drops".to_owned()),
    against_others: None,
    why_left: |_| "the drops may depend on something else",
};

/// Mostly all or nothing; anything in between may be as well (Jeffreys' prior).
const ALL_OR_NOTHING: Rate = Rate::new(0.5, 0.5);
/// Lengths of time, in seconds, in which drops may have a rate of their own: seconds, tens of seconds, minutes.
const BLOCKS_S: [u64; 3] = [5, 20, 60];

/// Dependences that are looked for: each is as common as another, whether or not these SYNs can show it. That repeated
/// SYNs alone fare better is no unknown.
const DEPENDENCES: u64 = 19;

/// The likelihood of all fates where something unknown tells dropped SYNs from others.
fn ln_unknown(syns: &SynSums) -> f64 {
    let mut dependences = Vec::new();
    let mut add = |group: &dyn Fn(SynKind) -> u64| {
        let by_kind = ln_by_kind(syns, group);
        let with_repeats = |kind: SynKind| 2 * group(kind) + u64::from(kind.repeated);
        let with_repeats = by_kind.and_then(|_| ln_by_kind(syns, &with_repeats));
        dependences.extend([by_kind, with_repeats].into_iter().flatten());
    };
    // Of timestamps there are rules.
    let others = SynOption::ALL
        .into_iter()
        .filter(|option| *option != SynOption::Timestamps);
    for option in others {
        add(&|kind| u64::from(kind.has(option)));
    }
    add(&|kind| u64::from(kind.is_odd));
    add(&|kind| u64::from(kind.service));
    add(&|kind| client(syns, kind));
    dependences.extend(BLOCKS_S.iter().filter_map(|block| ln_by_time(syns, *block)));
    let weight = 1.0 / count(DEPENDENCES);
    let all: Vec<(f64, f64)> = dependences.iter().map(|ln| (weight, *ln)).collect();
    ln_mixture(&all)
}

/// Which client sent SYNs of a kind: the place of its first service.
fn client(syns: &SynSums, kind: SynKind) -> u64 {
    let local = |place: usize| syns.services.get(place).map(|service| service.local);
    let own = local(usize::from(kind.service));
    let first = syns
        .services
        .iter()
        .position(|service| Some(service.local) == own);
    first.unwrap_or_default() as u64
}

/// How likely the fates are where each group of SYNs has a rate of its own. `None` where all are of one group: nothing
/// depends on what they have in common.
fn ln_by_kind(syns: &SynSums, group: &dyn Fn(SynKind) -> u64) -> Option<f64> {
    let mut groups = BTreeMap::<u64, Outcomes>::new();
    for (kind, outcomes) in syns.kinds.iter() {
        let known = groups.entry(group(kind)).or_default();
        *known = known.plus(outcomes);
    }
    ln_of_groups(syns, groups.into_values())
}

/// How likely the fates are where each block of so many seconds has a rate of its own. `None` where there is one block.
fn ln_by_time(syns: &SynSums, block_s: u64) -> Option<f64> {
    let mut blocks = BTreeMap::<u64, Outcomes>::new();
    for spell in syns.spells.iter() {
        let known = blocks.entry(spell.second / block_s).or_default();
        *known = known.plus(spell.outcomes);
    }
    ln_of_groups(syns, blocks.into_values())
}

/// Each group has a rate of its own. What is in none counts as under mere loss.
fn ln_of_groups(syns: &SynSums, groups: impl Iterator<Item = Outcomes>) -> Option<f64> {
    let groups: Vec<Outcomes> = groups.filter(|group| group.total() > 0).collect();
    let known = groups
        .iter()
        .fold(Outcomes::default(), |sum, group| sum.plus(*group));
    let by_group: f64 = groups
        .iter()
        .map(|group| ln_series(ALL_OR_NOTHING, *group))
        .sum();
    let all = syns.all();
    (groups.len() > 1).then(|| by_group + ln_series(LOSS, all) - ln_series(LOSS, known))
}
