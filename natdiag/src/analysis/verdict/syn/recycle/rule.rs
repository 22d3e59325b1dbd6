//! tcp_tw_recycle: SYNs below a live mark are dropped, others only by the way.

use super::super::{
    hidden_mark::ln_under_hidden_mark,
    newest::{Decided, newest, outcomes_of},
    rates::{AGAIN, BACKGROUND, EXCEPTIONS, OPEN, STRAY_LOSS},
};
use crate::analysis::{
    fates::{Outcomes, SynSums},
    mark::Prediction,
    verdict::likelihood::{Rate, ln_known, ln_mixture, ln_series},
};

/// Share of servers that only hosts unseen by us make marks at: ours would make some too.
const UNSEEN_ONLY: f64 = 0.05;

/// Where hosts that we do not see share our address, any SYN may meet a mark of theirs.
const UNSEEN_RIVALS: Rate = Rate::new(1.0, 3.0);
/// How often our marks are the only ones there, so that just the SYNs below them are dropped; else most of these are.
const STANDS: f64 = 0.7;

/// One server that recycles. What dropped no SYN that it predicts explains nothing, but where marks may have been made
/// that we did not see: by hosts that do not pass here, or before we looked.
pub(in super::super) fn ln_recycle(syns: &SynSums) -> f64 {
    let may_be_unseen = syns.shared_address || syns.early.dropped > 0;
    let unseen = match (predicted_hit(syns).dropped, may_be_unseen) {
        (0, false) => return f64::NEG_INFINITY,
        (0, true) => UNSEEN_ONLY.ln(),
        (_, _) => 0.0,
    };
    if syns.shared_address {
        let newest = newest(syns);
        unseen + ln_under_hidden_mark(syns, &newest) + ln_older_among_unseen(syns, &newest)
    } else {
        unseen + ln_where_all_is_seen(syns)
    }
}

/// Where nobody shares our address whom we do not see. Before the first mark that we saw being made there may have been
/// one already: then it decided, again and again.
fn ln_where_all_is_seen(syns: &SynSums) -> f64 {
    let ln_early = ln_series(OPEN, syns.early.less(syns.repeated_early))
        + ln_series(AGAIN, syns.repeated_early);
    let spared = predicted_pass(syns);
    ln_known(1.0 - EXCEPTIONS, syns.predicted_drop)
        + ln_of_either_age(syns.armed_without_timestamps, |unarmed| {
            let others = spared.plus(unarmed);
            let later = ln_series(BACKGROUND, others.less(syns.early));
            ln_mixture(&[
                (0.5, ln_series(BACKGROUND, others)),
                (0.5, later + ln_early),
            ])
        })
}

/// What is older than the newest SYNs, where hosts that we do not see share our address. What met a mark unseen by us
/// meets it again.
fn ln_older_among_unseen(syns: &SynSums, newest: &[Decided]) -> f64 {
    let is = |wanted| move |syn: &Decided| syn.prediction == wanted;
    let hit = syns
        .predicted_drop
        .less(outcomes_of(newest, is(Prediction::Drop)));
    let armed = syns
        .armed_without_timestamps
        .less(outcomes_of(newest, is(Prediction::ArmedWithoutTimestamp)));
    let spared = |syn: &Decided| {
        matches!(
            syn.prediction,
            Prediction::Pass | Prediction::WithoutTimestamp
        )
    };
    let again = syns
        .repeated
        .less(syns.repeated_below)
        .less(outcomes_of(newest, |syn| spared(syn) && syn.repeated));
    let pass = predicted_pass(syns).less(outcomes_of(newest, spared));
    let ours = ln_known(1.0 - EXCEPTIONS, hit)
        + ln_of_either_age(armed, |unarmed| ln_known(STRAY_LOSS, pass.plus(unarmed)));
    let rivals = ln_series(AGAIN, hit)
        + ln_of_either_age(armed, |unarmed| {
            ln_series(UNSEEN_RIVALS, pass.plus(unarmed).less(again)) + ln_series(AGAIN, again)
        });
    ln_mixture(&[(STANDS, ours), (1.0 - STANDS, rivals)])
}

/// SYNs without timestamps under a mark are dropped by a young server, and are as good as any other to an old one.
fn ln_of_either_age(armed: Outcomes, ln_others: impl Fn(Outcomes) -> f64) -> f64 {
    let old = ln_others(armed);
    let young = ln_others(Outcomes::default()) + ln_known(1.0 - EXCEPTIONS, armed);
    ln_mixture(&[(0.5, old), (0.5, young)])
}

/// SYNs that a server with tcp_tw_recycle would drop, of one age or the other.
pub(in super::super) fn predicted_hit(syns: &SynSums) -> Outcomes {
    syns.predicted_drop.plus(syns.armed_without_timestamps)
}

/// SYNs that it would let pass.
pub(in super::super) fn predicted_pass(syns: &SynSums) -> Outcomes {
    syns.predicted_pass.plus(syns.without_timestamps)
}
