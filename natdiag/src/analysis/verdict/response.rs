//! Connections open, requests go out, and the response does not come, or only a part of it: full-size segments that
//! find no way through, segments that the receiver takes for old ones, or fragments that a NAT dropped.

use natdiag_common::counter::FragmentPosition;

use super::{
    Case, UNANSWERED_REQUESTS, finding, insufficient,
    stall::{self, SEVERAL, Seen, Stalls},
};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fates::SynSums,
};

/// What is wrong with responses. A server whose queue `is_full` lets some connections wait that it never takes.
pub(super) fn findings(case: &Case, syns: &SynSums, is_full: bool) -> Vec<Finding> {
    let seen = Seen::of(case, syns);
    let mut findings = Vec::new();
    match stall::explained(&seen) {
        Some(finding) => findings.push(finding),
        None if is_full => {}
        None => findings.extend(unanswered(&seen)),
    }
    findings.extend(reassembled(syns));
    findings
}

/// Whether anything is to be explained here.
pub(super) fn has_symptom(case: &Case, syns: &SynSums) -> bool {
    let stalls = Stalls::of(case, syns);
    stalls.black() > 0 || stalls.older > 0 || stalls.unanswered >= UNANSWERED_REQUESTS
}

/// Requests that nothing answers, and nothing explains.
fn unanswered(seen: &Seen) -> Option<Finding> {
    let Seen { case, syns, stalls } = *seen;
    let fragments = case.counts.fragments_at(FragmentPosition::First);
    // RSTs of this machine explain them.
    let is_explained = syns.resets.as_deref().is_some_and(|resets| resets.own > 0);
    let is_symptom = stalls.unanswered >= UNANSWERED_REQUESTS || stalls.black() >= SEVERAL;
    if !is_symptom || fragments > 0 || is_explained {
        return None;
    }
    Some(if syns.shared_address {
        behind_a_nat(seen)
    } else {
        let summary = format!(
            "{} though their connections opened, and no fragment came",
            missing(seen)
        );
        let remedy =
            vec!["fetch the same with a smaller MSS: `ip route change ... advmss 1200`".to_owned()];
        Finding {
            not_excluded: stall::candidates(&stalls).not_excluded,
            ..insufficient(summary, seen.evidence(), remedy)
        }
    })
}

/// What did not come, or did not get there, in words.
fn missing(seen: &Seen) -> String {
    let Seen { syns, stalls, .. } = *seen;
    let parts = [
        (
            stalls.unanswered,
            format!(
                "{} of {} requests got no response",
                stalls.unanswered,
                stalls.unanswered + syns.answered_requests
            ),
        ),
        (
            stalls.large_holes,
            format!("{} responses came without a large part", stalls.large_holes),
        ),
        (
            stalls.large_stuck,
            format!(
                "{} large segments of ours were sent in vain",
                stalls.large_stuck
            ),
        ),
    ];
    let seen = parts.into_iter().filter(|(number, _)| *number > 0);
    seen.map(|(_, words)| words).collect::<Vec<_>>().join(", ")
}

/// Behind a NAT, fragments that it has dropped leave no trace.
fn behind_a_nat(seen: &Seen) -> Finding {
    let summary = format!(
        "blind from here: {}; a NAT gateway may have dropped fragments before this interface",
        missing(seen)
    );
    Finding {
        not_excluded: vec![
            Alternative {
                cause: Cause::PathFragmentation,
                why: "managed NAT gateways drop TCP fragments, and none can be seen behind one".to_owned(),
            },
            Alternative {
                cause: Cause::EndpointFragmentation,
                why: "as above".to_owned(),
            },
            Alternative {
                cause: Cause::PmtuBlackHole,
                why: "large segments that find no way through leave the same hole".to_owned(),
            },
        ],
        ..finding(
            Cause::Blind,
            Severity::Warning,
            summary,
            seen.evidence(),
            vec![
                "watch on the public side: on a host with a public address, fetch the same response while `natdiag watch` runs"
                    .to_owned(),
            ],
        )
    }
}

/// Somebody before us puts fragments together, so that none are seen.
fn reassembled(syns: &SynSums) -> Option<Finding> {
    if syns.reassembled < SEVERAL {
        return None;
    }
    let summary = format!(
        "blind to fragments from here: {} packets are larger than any that the server may send in one piece; something before this interface has put them together",
        syns.reassembled
    );
    let remedy = vec![
        "watch the interface that faces the server: connection tracking puts fragments together behind it".to_owned(),
    ];
    let evidence = vec![("packets_reassembled", Evidence::Count(syns.reassembled))];
    Some(finding(
        Cause::Blind,
        Severity::Warning,
        summary,
        evidence,
        remedy,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::conversation::ConversationSums;

    #[test]
    fn what_did_not_come_is_told_and_what_came_is_not() {
        let syns = SynSums {
            answered_requests: 44,
            ..SynSums::default()
        };
        super::super::case::with(&ConversationSums::default(), |case| {
            for (unanswered, large_holes, want) in [
                (0, 3, "3 responses came without a large part"),
                (4, 0, "4 of 48 requests got no response"),
                (
                    4,
                    2,
                    "4 of 48 requests got no response, 2 responses came without a large part",
                ),
            ] {
                let mut stalls = Stalls::default();
                stalls.unanswered = unanswered;
                stalls.large_holes = large_holes;
                let (case, syns) = (case, &syns);
                assert_eq!(missing(&Seen { case, syns, stalls }), want);
            }
        });
    }
}
