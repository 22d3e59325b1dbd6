//! SYN-ACKs are lost at random.

use super::{
    channel,
    data::{ln_data_of, ln_left_alone},
    finding::finding,
    rates::{NOW_AND_THEN, outcomes},
    trouble::{CONNECTIONS, Excluded, Seen, Trouble, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::{
        data::STRAY,
        likelihood::{LOSS, ln_known, ln_mixture, ln_series},
    },
};

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.08,
    cause: Cause::ReturnPathLoss,
    also: Some(Cause::PacketLoss),
    beside: &[],
    is_random: true,
    is_alike: false,
    ln_fates,
    ln_lost_answers: // They are among its fates.
    |_| 0.0,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data: |seen| {
        ln_data_of(seen, |data| {
            ln_left_alone(data.forth)
                + ln_mixture(&[
                    (0.7, ln_series(LOSS, data.back)),
                    (0.3, ln_series(STRAY, data.back)),
                ])
        })
    },
    can_be_named: |seen, _| seen.syns.syn_acks_lost >= CONNECTIONS,
    finding: return_loss,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(|syns| match syns.handshakes_with_echo {
        0 => "no SYN-ACK answers an earlier SYN than the last".to_owned(),
        answered => format!(
            "{} of {answered} SYN-ACKs answer an earlier SYN than the last",
            syns.syn_acks_lost
        ),
    }),
    against_others: None,
    why_left: |_| "the answers may have been lost as well",
};

/// A SYN that the server is known to have missed was not answered at all; of the others the answer was lost.
fn ln_fates(seen: &Seen) -> f64 {
    let (syns, all) = (seen.syns, seen.syns.all());
    let missed = outcomes(syns.known_lost.min(all.dropped), 0);
    let late = syns.syn_acks_lost.min(all.answered);
    let answers = outcomes(all.dropped - missed.dropped + late, all.answered - late);
    ln_known(NOW_AND_THEN, missed) + ln_series(LOSS, answers)
}

fn return_loss(seen: &Seen) -> Finding {
    let syns = seen.syns;
    let summary = format!(
        "SYN-ACKs are lost on the way back: {} of {} came only when they were sent again, and answer an earlier SYN than the last",
        syns.syn_acks_lost, syns.handshakes_with_echo
    );
    let remedy = vec![
        "look for loss on the way back, from the server's side: `mtr` from there to here"
            .to_owned(),
    ];
    let mut finding = finding(
        Cause::ReturnPathLoss,
        Severity::Warning,
        summary,
        syns,
        remedy,
    );
    finding
        .evidence
        .push(("syn_acks_lost", Evidence::Count(syns.syn_acks_lost)));
    finding
        .evidence
        .push(("syn_known_lost", Evidence::Count(syns.known_lost)));
    finding
}
