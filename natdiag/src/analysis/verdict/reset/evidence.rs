//! What a finding about resets rests on.

use natdiag_common::follow::FollowCounter;

use super::{silence, trouble::Seen};
use crate::analysis::{
    diagnosis::Evidence,
    fates::resets::signal,
    verdict::{Case, data::known_since},
};

/// Names and values, as in the report.
pub(super) fn evidence(case: &Case, seen: &Seen) -> Vec<(&'static str, Evidence)> {
    let Seen {
        syns,
        resets,
        followed,
    } = *seen;
    let mut evidence = vec![
        ("connections_reset", Evidence::Count(resets.total())),
        (
            "of_another_distance",
            Evidence::Count(resets.with(signal::OTHER_TTL)),
        ),
        (
            "of_another_header",
            Evidence::Count(resets.with(signal::OTHER_HEADER)),
        ),
        (
            "with_several_sequence_numbers",
            Evidence::Count(resets.with(signal::STEPPED)),
        ),
        (
            "the_host_went_on",
            Evidence::Count(resets.with(signal::WENT_ON)),
        ),
        ("without_ack", Evidence::Count(resets.with(signal::BARE))),
        (
            "opened_before_we_looked",
            Evidence::Count(resets.with(signal::BEFORE)),
        ),
        ("connections_closed_in_order", Evidence::Count(syns.orderly)),
    ];
    if let Some(youngest) = resets.youngest_reset_ns {
        evidence.push((
            "youngest_reset_after_seconds",
            Evidence::Count(youngest / 1_000_000_000),
        ));
    }
    if let Some(looked_at) = known_since(case) {
        let after_silence = silence::after_silence(followed);
        evidence.extend([
            (
                "reset_after_a_second_of_silence",
                Evidence::Count(after_silence.dropped),
            ),
            (
                "answered_after_a_second_of_silence",
                Evidence::Count(after_silence.answered),
            ),
            (
                "resets_that_answer_nothing",
                Evidence::Count(followed.value(FollowCounter::ResetUnprovoked)),
            ),
        ]);
        if let Some((reset, answered)) = silence::bounds(followed) {
            evidence.extend([
                ("shortest_silence_reset", Evidence::Text(reset.to_string())),
                (
                    "longest_silence_answered",
                    Evidence::Text(answered.to_string()),
                ),
            ]);
        }
        evidence.push(looked_at);
    } else {
        let unknown =
            "how long they had been idle: data was not watched then, only how old they were";
        evidence.push(("not_known", Evidence::Text(unknown.to_owned())));
    }
    evidence
}
