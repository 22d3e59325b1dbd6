//! A server that closes its idle connections while a request is under way. Client and server count the same idle time,
//! and now and then both are right at once: the request crosses the FIN and is answered by a RST.

use super::{
    case::{finding, insufficient},
    contest::{Contest, NAMED, fits},
    likelihood::{Rate, ln_series},
};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fates::{Outcomes, SynSums, races::RaceSums},
};

/// Share of races among hosts that reset something after their FIN: mostly it is a goodbye.
const RACES: f64 = 0.1;
/// Where there are races, any share of such resets are of requests.
const ANY: Rate = Rate::new(1.0, 1.0);
/// Goodbyes come behind the FIN. Those whose own FIN was not seen look like a request; none crosses the FIN but where
/// both sides close at once.
const UNSEEN_FIN: Rate = Rate::new(0.5, 4.5);
const BOTH_AT_ONCE: Rate = Rate::new(0.05, 9.95);
/// Requests that must have been reset: one may have any cause.
const SEVERAL: u64 = 2;
/// Share from which on it is said to be open.
const OPEN: f64 = 0.3;
const SECOND_NS: u64 = 1_000_000_000;

/// Whether requests were reset that came too late.
pub(super) fn has_symptom(syns: &SynSums) -> bool {
    let races = syns.races.as_deref();
    races.is_some_and(|races| races.requests() >= SEVERAL)
}

/// What resets of closed connections tell.
pub(super) fn findings(syns: &SynSums) -> Option<Finding> {
    let races = syns.races.as_deref().filter(|_| has_symptom(syns))?;
    let series = |rate, requests| {
        let outcomes = Outcomes {
            dropped: requests,
            answered: races.over,
        };
        ln_series(rate, outcomes)
    };
    let by_goodbyes = series(UNSEEN_FIN, races.late) + series(BOTH_AT_ONCE, races.crossed);
    let contest = Contest::of([
        (true, RACES, series(ANY, races.requests())),
        (false, 1.0 - RACES, by_goodbyes),
    ]);
    let confidence = contest.share_of(|is_race| is_race);
    let evidence = evidence(syns, races);
    if confidence < NAMED {
        return (confidence >= OPEN).then(|| Finding {
            not_excluded: vec![Alternative {
                cause: Cause::KeepaliveRace,
                why: fits(confidence),
            }],
            ..insufficient(
                format!(
                    "{} connections were reset right after the server had closed them, and what was seen does not tell whether a request was under way",
                    races.requests()
                ),
                evidence,
                vec!["watch longer, or look for failed requests on used connections in the client's log".to_owned()],
            )
        });
    }
    let summary = format!(
        "the server closes idle connections while requests are under way: {} connections were reset because data reached them as they were being closed, {}",
        races.requests(),
        idle(races)
    );
    let remedy = vec![
        format!(
            "let the client give up idle connections before the server does: the idle time of its pool must be shorter than the server's{}; or raise the server's (`keepalive_timeout` of nginx, `KeepAliveTimeout` of Apache, `server.keepAliveTimeout` of Node.js)",
            limit(races)
        ),
        "have the client repeat such a request on a new connection (RFC 9110, section 9.2.2)"
            .to_owned(),
    ];
    Some(Finding {
        confidence,
        excluded: vec![
            Alternative {
                cause: Cause::IdleTimeout,
                why: "the server itself closed them, with a FIN, before it reset them".to_owned(),
            },
            Alternative {
                cause: Cause::ResetByApplication,
                why: "the RSTs answer what came after the connection was closed in order"
                    .to_owned(),
            },
        ],
        ..finding(
            Cause::KeepaliveRace,
            Severity::Warning,
            summary,
            evidence,
            remedy,
        )
    })
}

/// How old the connections were.
fn idle(races: &RaceSums) -> String {
    match races.ages_ns {
        Some((least, most)) if least / SECOND_NS == most / SECOND_NS => {
            format!("{} s after they had been opened", least / SECOND_NS)
        }
        Some((least, most)) => format!(
            "{} to {} s after they had been opened",
            least / SECOND_NS,
            most / SECOND_NS
        ),
        None => "some time after they had been opened".to_owned(),
    }
}

/// What is known of the server's idle time: no connection was idle for longer than it was old.
fn limit(races: &RaceSums) -> String {
    let least = races.ages_ns.map_or(0, |(least, _)| least / SECOND_NS);
    match least {
        0 => String::new(),
        seconds => format!(", which is {seconds} s at most"),
    }
}

fn evidence(syns: &SynSums, races: &RaceSums) -> Vec<(&'static str, Evidence)> {
    let mut evidence = vec![
        (
            "requests_that_crossed_a_fin",
            Evidence::Count(races.crossed),
        ),
        ("requests_right_after_a_fin", Evidence::Count(races.late)),
        ("goodbyes_after_a_fin", Evidence::Count(races.over)),
        ("connections_closed_in_order", Evidence::Count(syns.orderly)),
    ];
    if let Some((least, most)) = races.ages_ns {
        evidence.extend([
            ("youngest_seconds", Evidence::Count(least / SECOND_NS)),
            ("oldest_seconds", Evidence::Count(most / SECOND_NS)),
        ]);
    }
    evidence
}
