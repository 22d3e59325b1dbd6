//! Protection against floods that lets nobody in at first: the first SYN of a connection or of a client goes
//! unanswered, and whoever sends it again is let in (TCP's own patience as a proof, RFC 4987, section 3).

use super::{
    channel,
    data::ln_data,
    finding::finding,
    rates::{BACKGROUND, OPEN, STRAY_LOSS},
    trouble::{CONNECTIONS, Excluded, Trouble, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::{Outcomes, SynSums},
    verdict::likelihood::{Rate, ln_known, ln_mixture, ln_series},
};

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.006,
    cause: Cause::SynAuthentication,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_fates(seen.syns),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: |seen, _| seen.connections_hit() >= CONNECTIONS && is_shown(seen.syns),
    finding: |seen| named(seen.syns),
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(why_excluded),
    against_others: None,
    why_left: |_| "what repeated a SYN was answered",
};

/// Nearly all first SYNs are dropped; a few come from clients that are known already.
const ALMOST_ALL: Rate = Rate::new(19.0, 1.0);

/// Or most of them are: where few are, it is chance.
const MOST: Rate = Rate::new(6.0, 2.0);

/// First SYNs, and those that repeat one.
fn first_and_again(syns: &SynSums) -> (Outcomes, Outcomes) {
    (syns.all().less(syns.repeated), syns.repeated)
}

/// The likelihood of the fates of SYNs.
fn ln_fates(syns: &SynSums) -> f64 {
    let (first, again) = first_and_again(syns);
    if first.dropped == 0 || again.answered == 0 {
        return f64::NEG_INFINITY;
    }
    let ln_again = |again| {
        ln_mixture(&[
            (0.7, ln_known(STRAY_LOSS, again)),
            (0.3, ln_series(BACKGROUND, again)),
        ])
    };
    // Of a client, its first connection is meant, and what it opens later passes.
    let new = syns.first_contact.less(again_of_new(syns));
    let known = first.less(new);
    ln_mixture(&[
        (0.4, ln_series(ALMOST_ALL, first)),
        (0.35, ln_series(MOST, first)),
        (0.25, ln_series(MOST, new) + ln_known(STRAY_LOSS, known)),
    ]) + ln_again(again)
}

/// Of SYNs from clients that had no answer yet, those that repeat one: as many were answered late.
fn again_of_new(syns: &SynSums) -> Outcomes {
    Outcomes {
        dropped: syns.first_contact.dropped.min(syns.repeated.dropped),
        answered: syns.first_contact.answered.min(syns.repeated.answered),
    }
}

/// Whether first SYNs are dropped clearly more often than what repeats them: one rate for both is less likely by so
/// much.
fn is_shown(syns: &SynSums) -> bool {
    /// Odds of a thousand to one.
    const CLEARLY: f64 = 6.9;
    let (first, again) = first_and_again(syns);
    ln_series(OPEN, first) + ln_series(OPEN, again) - ln_series(OPEN, first.plus(again)) >= CLEARLY
}

/// The finding in words.
fn named(syns: &SynSums) -> Finding {
    let (first, again) = first_and_again(syns);
    let summary = format!(
        "something drops the first SYN of a connection and lets pass what repeats it: {} of {} first SYNs were dropped, {} of {} repeated ones",
        first.dropped,
        first.total(),
        again.dropped,
        again.total()
    );
    let remedy = vec![
        "ask the owner of the server, or its provider, whether protection against SYN floods checks first packets (SYN authentication, first-packet drop), and to put your address on its list; it costs each connection a second".to_owned(),
        "until then keep connections open and use them again".to_owned(),
    ];
    let mut finding = finding(
        Cause::SynAuthentication,
        Severity::Warning,
        summary,
        syns,
        remedy,
    );
    for (name, number) in [
        ("first_syn_dropped", first.dropped),
        ("first_syn_answered", first.answered),
        ("repeated_syn_dropped", again.dropped),
        ("repeated_syn_answered", again.answered),
    ] {
        finding.evidence.push((name, Evidence::Count(number)));
    }
    finding
}

/// What speaks against it.
fn why_excluded(syns: &SynSums) -> String {
    let (first, again) = first_and_again(syns);
    format!(
        "{} of {} first SYNs were dropped and {} of {} that repeat one",
        first.dropped,
        first.total(),
        again.dropped,
        again.total()
    )
}
