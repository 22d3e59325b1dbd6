//! Findings about resets in words: what was seen, what it rules out, and what to do.

use natdiag_common::follow::{FollowCounter, FollowCounts};

use super::silence;
use crate::analysis::{
    diagnosis::{Evidence, Severity},
    evidence::{
        SynEvidence,
        resets::{ResetEvidence, signal},
    },
    verdict::{Case, base_rates::ResetTrouble, data::known_since},
};

/// The severity of a finding, its summary and what to do.
pub(super) fn words(
    trouble: ResetTrouble,
    resets: &ResetEvidence,
    followed: &FollowCounts,
) -> (Severity, String, Vec<String>) {
    let total = resets.total();
    match trouble {
        ResetTrouble::Idle => (
            Severity::Warning,
            format!(
                "{total} connections were reset {}, by somebody who no longer knew them: a NAT or load balancer on the way forgets connections that are idle",
                when(followed)
            ),
            vec![format!(
                "send keep-alives more often than it forgets: `sysctl -w net.ipv4.tcp_keepalive_time={}` and `SO_KEEPALIVE`",
                keep_alive_seconds(followed)
            )],
        ),
        ResetTrouble::Injected => (
            Severity::Critical,
            format!("{total} connections were reset by something on the path, not by the host"),
            vec![
                "look for an intrusion prevention system or a filter on the way; compare with another path".to_owned(),
            ],
        ),
        ResetTrouble::Application | ResetTrouble::Restart => (
            Severity::Warning,
            format!("the application at the remote host resets connections: {total} of them"),
            vec![
                "look into the application: it closes with data unread, or with SO_LINGER 0".to_owned(),
            ],
        ),
    }
}

/// When connections were reset that somebody had forgotten.
fn when(followed: &FollowCounts) -> String {
    match silence::bounds(followed) {
        Some((reset, answered)) if reset.from_seconds > answered.from_seconds => format!(
            "when they went on after a silence {reset}, while after one {answered} they went on unharmed"
        ),
        Some((reset, _)) if reset.from_seconds > 0 => {
            format!("when they went on after a silence {reset}")
        }
        _ => "long after they opened".to_owned(),
    }
}

/// How often keep-alives must be sent: twice while nobody forgets, and once a minute where that is not known or longer.
fn keep_alive_seconds(followed: &FollowCounts) -> u64 {
    const USUAL_SECONDS: u64 = 60;
    silence::bounds(followed)
        .map(|(reset, _)| reset.from_seconds / 2)
        .filter(|seconds| (1..USUAL_SECONDS).contains(seconds))
        .unwrap_or(USUAL_SECONDS)
}

/// The observation that rules a trouble out.
pub(super) fn why_not(
    trouble: ResetTrouble,
    resets: &ResetEvidence,
    followed: &FollowCounts,
) -> String {
    let after_silence = silence::after_silence(followed);
    match trouble {
        ResetTrouble::Application if resets.with(signal::OTHER_TTL) > 0 => format!(
            "{} RSTs come from another distance than the SYN-ACKs",
            resets.with(signal::OTHER_TTL)
        ),
        ResetTrouble::Application if after_silence.dropped > 0 => format!(
            "{} RSTs answer what was sent after a silence",
            after_silence.dropped
        ),
        ResetTrouble::Application => "no socket that is closed sends such RSTs".to_owned(),
        ResetTrouble::Idle if after_silence.dropped == 0 && after_silence.answered > 0 => format!(
            "what was sent after a second of silence or more was answered, {} times",
            after_silence.answered
        ),
        ResetTrouble::Idle => "connections were reset that had just opened".to_owned(),
        ResetTrouble::Restart if resets.with(signal::BARE) == 0 => {
            "the RSTs come from sockets that were open".to_owned()
        }
        ResetTrouble::Restart => {
            "the host was not away before: no silence, and no port that refused".to_owned()
        }
        ResetTrouble::Injected if after_silence.dropped > 0 => format!(
            "{} RSTs came when connections went on after a silence",
            after_silence.dropped
        ),
        ResetTrouble::Injected => {
            "the RSTs come from where the SYN-ACKs come from, and look like them".to_owned()
        }
    }
}

/// What the finding rests on.
pub(super) fn evidence(
    case: &Case,
    syns: &SynEvidence,
    resets: &ResetEvidence,
    followed: &FollowCounts,
) -> Vec<(&'static str, Evidence)> {
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
