//! The host is there and does not go on: it takes requests and never answers, or it does not read what it gets. Neither
//! is a fault of the network, and both look like one.

use super::case::{Case, finding};
use crate::analysis::{
    conversation::ConversationSums,
    diagnosis::{Cause, Evidence, Finding, Severity},
};

/// Requests without an answer from which on that is said: fewer may be clients that lost patience.
const UNANSWERED: u64 = 3;
/// Connections that were ended before the host read on, from which on they fail by it.
const ENDED: u64 = 2;
/// How sure it is. Something on the way may acknowledge in place of the host.
const CERTAIN_ENOUGH: f64 = 0.97;

/// Whether the host takes requests and never answers. A host that has never answered any is one that only listens, such
/// as a collector of logs, for all that can be known.
pub(super) fn is_silent(case: &Case) -> bool {
    case.conversations
        .is_some_and(|evidence| evidence.unanswered >= UNANSWERED && evidence.responses > 0)
}

/// Whether anything may be said.
pub(super) fn has_symptom(case: &Case) -> bool {
    is_silent(case) || case.conversations.is_some_and(is_closed)
}

/// What the host keeps waiting. Requests that wait in a queue which is full are answered by nobody, and that is said
/// already where `is_full`.
pub(super) fn findings(case: &Case, is_full: bool) -> Vec<Finding> {
    let Some(evidence) = case.conversations else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if is_silent(case) && !is_full {
        findings.push(silent(evidence));
    }
    if is_closed(evidence) {
        findings.push(closed(evidence));
    }
    findings
}

const fn is_closed(evidence: &ConversationSums) -> bool {
    evidence.windows_closed + evidence.ended_closed > 0
}

fn silent(evidence: &ConversationSums) -> Finding {
    let summary = format!(
        "the server takes requests and does not answer: {} were acknowledged, and it said itself that it had sent nothing; {} others were answered. The network is not at fault",
        evidence.unanswered, evidence.responses
    );
    Finding {
        confidence: CERTAIN_ENOUGH,
        ..finding(
            Cause::ServerSilent,
            Severity::Warning,
            summary,
            vec![
                (
                    "requests_acknowledged_and_unanswered",
                    Evidence::Count(evidence.unanswered),
                ),
                ("requests_answered", Evidence::Count(evidence.responses)),
            ],
            vec![
                "on the server: what the application waits for (`ss -tnp` shows its process, its log or a stack dump the rest); behind a load balancer, whether a backend hangs".to_owned(),
            ],
        )
    }
}

fn closed(evidence: &ConversationSums) -> Finding {
    let seconds = evidence.longest_closed_ns / 1_000_000_000;
    let summary = format!(
        "the application of this host does not read: it closed its window for a second or more {} times, for up to {seconds} s, and {} connections were ended meanwhile. The network is not at fault",
        evidence.windows_closed + evidence.ended_closed,
        evidence.ended_closed
    );
    Finding {
        confidence: CERTAIN_ENOUGH,
        ..finding(
            Cause::ZeroWindow,
            if evidence.ended_closed >= ENDED {
                Severity::Warning
            } else {
                Severity::Info
            },
            summary,
            vec![
                ("windows_closed", Evidence::Count(evidence.windows_closed)),
                ("longest_closed_seconds", Evidence::Count(seconds)),
                ("connections_ended_closed", Evidence::Count(evidence.ended_closed)),
            ],
            vec![
                "on that host: `ss -tnm` shows what its sockets hold unread (Recv-Q); the application must read faster, or several must share the work".to_owned(),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_wait_in_a_full_queue_are_no_silent_server() {
        let sums = ConversationSums {
            responses: 9,
            unanswered: 4,
            ..ConversationSums::default()
        };
        super::super::case::with(&sums, |case| {
            let causes = |is_full| {
                let findings = findings(case, is_full).into_iter();
                findings.map(|it| it.cause).collect::<Vec<_>>()
            };
            assert_eq!(causes(false), [Cause::ServerSilent]);
            assert_eq!(causes(true), []);
        });
    }

    #[test]
    fn host_that_never_answered_any_request_is_not_accused_of_silence() {
        for (unanswered, responses, want) in [(3, 1, true), (2, 9, false), (30, 0, false)] {
            let evidence = ConversationSums {
                responses,
                unanswered,
                ..ConversationSums::default()
            };
            super::super::case::with(&evidence, |case| {
                assert_eq!(is_silent(case), want, "{unanswered}, {responses}");
            });
        }
    }

    #[test]
    fn closed_window_is_a_warning_only_where_connections_end_by_it() {
        for (ended_closed, want) in [(0, Severity::Info), (2, Severity::Warning)] {
            let evidence = ConversationSums {
                windows_closed: 4,
                ended_closed,
                ..ConversationSums::default()
            };
            assert_eq!(closed(&evidence).severity, want);
        }
    }
}
