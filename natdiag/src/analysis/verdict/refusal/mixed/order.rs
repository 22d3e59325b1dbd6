//! The order of refused and taken SYNs to one port.

use crate::analysis::{
    fates::{Fate, Outcomes, SynSums},
    verdict::{
        likelihood::{ln_known, ln_mixture},
        syn::newest::Decided,
    },
};

/// Share of SYNs that are refused in a spell of refusals, and outside of it.
const IN_A_SPELL: f64 = 0.99;
const OUTSIDE: f64 = 0.002;

/// The newest SYNs to a port that were answered, in their order; refused ones stand as dropped.
pub(super) fn series(syns: &SynSums, port: u16) -> Vec<Decided> {
    let refusals = syns.refusals.as_deref();
    syns.recent
        .numbered()
        .filter(|(_, syn)| syn.port == port && syn.fate == Fate::Answered)
        .map(|(number, syn)| Decided {
            sent: syn.sent,
            tsval: syn.tsval,
            prediction: syn.prediction,
            repeated: syn.repeated,
            open: syn.open,
            is_dropped: refusals.is_some_and(|refusals| refusals.has_refused(number)),
            counts: true,
        })
        .collect()
}

/// Refused (as dropped) and taken ones.
pub(super) fn outcomes(series: &[Decided]) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for syn in series {
        outcomes.count(syn.is_dropped);
    }
    outcomes
}

/// How often refusals begin.
pub(super) fn spells(series: &[Decided]) -> usize {
    series
        .chunk_by(|before, after| before.is_dropped == after.is_dropped)
        .filter(|run| run.first().is_some_and(|first| first.is_dropped))
        .count()
}

/// One spell of refusals that begins and ends at any SYN; `may_end` says where.
pub(super) fn ln_spell(series: &[Decided], may_end: impl Fn(usize) -> bool) -> f64 {
    let is_refused = |place: usize| series.get(place).is_some_and(|syn| syn.is_dropped);
    let len = series.len();
    let begins =
        (0..len).filter(|begin| is_refused(*begin) && (*begin == 0 || !is_refused(begin - 1)));
    // Wherever it begins and ends is as likely.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred SYNs")]
    let weight = 2.0 / (len as f64 * (len as f64 + 1.0)).max(1.0);
    let spells: Vec<(f64, f64)> = begins
        .flat_map(|begin| (begin + 1..=len).map(move |end| (begin, end)))
        .filter(|(_, end)| is_refused(end - 1) && !is_refused(*end) && may_end(*end))
        .map(|(begin, end)| {
            let (before, rest) = series.split_at(begin);
            let (spell, after) = rest.split_at(end - begin);
            let outside = outcomes(before).plus(outcomes(after));
            let ln = ln_known(IN_A_SPELL, outcomes(spell)) + ln_known(OUTSIDE, outside);
            (weight, ln)
        })
        .collect();
    ln_mixture(&spells)
}
