//! Who reset connections that were open, by what sets the RSTs apart from the host's other packets, and by the silence
//! before them.

mod explain;
mod silence;

use natdiag_common::follow::{FollowCounter, FollowCounts};

use self::explain::{evidence, why_not, words};
use super::{
    Case, NAMED, RULED_OUT,
    base_rates::{RESET_TROUBLES, ResetTrouble},
    finding, insufficient,
    likelihood::normalise,
    restart,
};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    established::Established,
    evidence::{
        SynEvidence,
        resets::{ResetEvidence, signal},
    },
};

/// RSTs of one host resemble each other: more than these say nothing new about who sends them.
const INDEPENDENT: f64 = 4.0;
/// Independent signals without which nobody is said to forge.
const SIGNALS: u32 = 2;
/// Resets of connections from before we looked that say who sends them.
const SEVERAL: u64 = 2;
/// Closed connections from which on their age tells what is usual.
const USUAL: u64 = 3;
/// Share of aborted handshakes that a full accept queue with `tcp_abort_on_overflow` explains; others come from load
/// balancers that have lost their server.
const ABORT_ON_OVERFLOW: f64 = 0.9;
/// The same where other connections to the host went well: the queue was not full then.
const ABORT_NOW_AND_THEN: f64 = 0.97;
/// Of RSTs that come from this machine with a forwarded connection's addresses, nearly all are its own connection
/// tracking's doing.
const OWN: f64 = 0.97;
/// The same where the segments that it takes for invalid were seen to be so.
const OWN_SEEN: f64 = 0.99;

/// How likely a trouble makes each signal, in the order of the bits, and connections older than usual.
struct Signature {
    /// Sent from another place than the SYN-ACK.
    other_ttl: f64,
    /// Another stack's header.
    other_header: f64,
    /// Several sequence numbers.
    stepped: f64,
    /// The host goes on.
    went_on: f64,
    /// No ACK: a socket that closes sends RST and ACK (`net/ipv4/tcp_output.c:tcp_send_active_reset`, v6.1); who does not
    /// know a connection answers its segments with a bare RST (RFC 9293, section 3.10.7.1).
    bare: f64,
    /// Some seconds old.
    old: f64,
    /// All older than any that closed in order.
    older_than_usual: f64,
}

const fn signature(trouble: ResetTrouble) -> Signature {
    match trouble {
        ResetTrouble::Application => Signature {
            other_ttl: 0.005,
            other_header: 0.02,
            stepped: 0.01,
            went_on: 0.001,
            bare: 0.1,
            old: 0.3,
            older_than_usual: 0.1,
        },
        ResetTrouble::Idle => Signature {
            other_ttl: 0.6,
            other_header: 0.3,
            stepped: 0.02,
            went_on: 0.002,
            bare: 0.9,
            old: 0.999,
            older_than_usual: 0.9,
        },
        ResetTrouble::Restart => Signature {
            other_ttl: 0.02,
            other_header: 0.02,
            stepped: 0.05,
            went_on: 0.001,
            bare: 0.99,
            old: 0.5,
            older_than_usual: 0.1,
        },
        ResetTrouble::Injected => Signature {
            other_ttl: 0.85,
            other_header: 0.6,
            stepped: 0.5,
            went_on: 0.4,
            bare: 0.6,
            old: 0.1,
            older_than_usual: 0.05,
        },
    }
}

/// What is wrong with resets.
pub(super) fn findings(case: &Case, syns: &SynEvidence) -> Vec<Finding> {
    let Some(resets) = syns.resets.as_deref() else {
        return Vec::new();
    };
    let followed = case
        .established
        .map_or(FollowCounts::ZERO, Established::counts);
    let mut findings = Vec::new();
    findings.extend(aborted(syns, resets));
    findings.extend(own(resets, &followed));
    if resets.total() > 0 {
        findings.push(attributed(case, syns, resets, &followed));
    }
    findings
}

/// Whether resets explain that SYNs were answered by a bare ACK: who reset a connection only towards us leaves it to the
/// host, which answers a SYN on the same ports for it (RFC 9293, section 3.10.7.4).
pub(super) fn explains_bare_acks(syns: &SynEvidence) -> bool {
    let resets = syns.resets.as_deref().map_or(0, ResetEvidence::total);
    syns.acks <= resets && syns.all().dropped + syns.reused.dropped + syns.syn_acks_lost == 0
}

fn attributed(
    case: &Case,
    syns: &SynEvidence,
    resets: &ResetEvidence,
    followed: &FollowCounts,
) -> Finding {
    let total = resets.total();
    let posterior = posterior(syns, resets, followed);
    let best = posterior.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let evidence = evidence(case, syns, resets, followed);
    let named = best.filter(|(trouble, share)| {
        let is_founded = match trouble {
            ResetTrouble::Injected => signals(resets) >= SIGNALS,
            ResetTrouble::Restart => restart::story(syns).is_some(),
            ResetTrouble::Application => is_application(resets),
            ResetTrouble::Idle => resets.with(signal::BEFORE) < total || total >= SEVERAL,
        };
        *share >= NAMED && is_founded
    });
    let alternatives = |wanted: bool| -> Vec<Alternative> {
        posterior
            .iter()
            .filter(|other| Some(*other) != named)
            .filter(|(_, share)| (*share <= RULED_OUT) == wanted)
            .map(|(trouble, share)| Alternative {
                cause: cause(*trouble),
                why: if wanted {
                    why_not(*trouble, resets, followed)
                } else {
                    format!("fits what was seen, at {:.0} %", share * 100.0)
                },
            })
            .collect()
    };
    let Some((trouble, confidence)) = named else {
        let summary = format!(
            "{total} open connections were reset, and what was seen does not tell by whom; a RST without timestamps proves nothing"
        );
        let remedy = vec![
            "capture the RSTs with the data before them: `tcpdump -s 128 host HOST`".to_owned(),
        ];
        return Finding {
            not_excluded: alternatives(false),
            ..insufficient(summary, evidence, remedy)
        };
    };
    let found = match trouble {
        ResetTrouble::Restart => restart::named(syns, evidence),
        ResetTrouble::Application | ResetTrouble::Idle | ResetTrouble::Injected => {
            let (severity, summary, remedy) = words(*trouble, resets, followed);
            finding(cause(*trouble), severity, summary, evidence, remedy)
        }
    };
    Finding {
        confidence: *confidence,
        excluded: alternatives(true),
        not_excluded: alternatives(false),
        ..found
    }
}

const fn cause(trouble: ResetTrouble) -> Cause {
    match trouble {
        ResetTrouble::Application => Cause::ResetByApplication,
        ResetTrouble::Idle => Cause::IdleTimeout,
        ResetTrouble::Injected => Cause::ResetInjected,
        ResetTrouble::Restart => Cause::ServerRestart,
    }
}

/// Whether the application may be named: not where connections were reset before an octet of an answer, as a device does that
/// dislikes a request, and not for one connection of which nothing else was seen.
fn is_application(resets: &ResetEvidence) -> bool {
    let (total, first) = (resets.total(), resets.with(signal::FIRST));
    let before = resets.with(signal::BEFORE);
    let answered = total.saturating_sub(first + before);
    answered * 2 > first || (first == 0 && before >= SEVERAL)
}

/// Reset connections of one remote host.
pub(super) fn total(resets: &ResetEvidence) -> u64 {
    resets.total()
}

/// Signals of forgery that any RST shows.
fn signals(resets: &ResetEvidence) -> u32 {
    [
        signal::OTHER_TTL,
        signal::OTHER_HEADER,
        signal::STEPPED,
        signal::WENT_ON,
    ]
    .into_iter()
    .map(|bit| u32::from(resets.with(bit) > 0))
    .sum()
}

fn posterior(
    syns: &SynEvidence,
    resets: &ResetEvidence,
    followed: &FollowCounts,
) -> Vec<(ResetTrouble, f64)> {
    let total = count(resets.total());
    let weight = INDEPENDENT.min(total) / total;
    let is_older = syns.orderly >= USUAL
        && resets
            .youngest_reset_ns
            .is_some_and(|youngest| youngest > syns.oldest_orderly_ns);
    let lns: Vec<f64> = RESET_TROUBLES
        .iter()
        .map(|(trouble, prior)| {
            let signature = signature(*trouble);
            let of_all: f64 = resets
                .kinds()
                .map(|(signals, number)| count(number) * ln_signals(&signature, signals))
                .sum();
            let age = if syns.orderly < USUAL {
                0.0
            } else {
                ln_of(signature.older_than_usual, is_older)
            };
            // Handshakes that were cut off are not among these resets, and no silence was before them.
            let silence = if resets.aborted_handshakes == 0 {
                silence::ln_likelihood(*trouble, followed)
            } else {
                0.0
            };
            prior.ln() + weight * of_all + age + silence + restart::ln_story(*trouble, syns)
        })
        .collect();
    RESET_TROUBLES
        .iter()
        .map(|(trouble, _)| *trouble)
        .zip(normalise(&lns))
        .collect()
}

fn ln_signals(signature: &Signature, signals: u8) -> f64 {
    let is_before = signals & signal::BEFORE != 0;
    // What its own SYN-ACK looked like, and whether it was young, is not known of a connection from before we looked.
    let is_known = |bit: u8| match bit {
        signal::OTHER_TTL | signal::BARE => true,
        signal::OLD => !is_before || signals & bit != 0,
        _ => !is_before,
    };
    [
        (signal::OTHER_TTL, signature.other_ttl),
        (signal::OTHER_HEADER, signature.other_header),
        (signal::STEPPED, signature.stepped),
        (signal::WENT_ON, signature.went_on),
        (signal::BARE, signature.bare),
        (signal::OLD, signature.old),
    ]
    .into_iter()
    .filter(|(bit, _)| is_known(*bit))
    .map(|(bit, share)| ln_of(share, signals & bit != 0))
    .sum()
}

fn ln_of(share: f64, is_so: bool) -> f64 {
    if is_so {
        share.ln()
    } else {
        (1.0 - share).ln()
    }
}

/// A RST right after our ACK, before any data.
fn aborted(syns: &SynEvidence, resets: &ResetEvidence) -> Option<Finding> {
    if resets.aborted_handshakes == 0 {
        return None;
    }
    let summary = format!(
        "{} of {} handshakes were cut off by a RST as soon as they were complete: the server's accept queue is full, and tcp_abort_on_overflow is on",
        resets.aborted_handshakes, syns.handshakes
    );
    let evidence = vec![
        (
            "handshakes_aborted",
            Evidence::Count(resets.aborted_handshakes),
        ),
        ("handshakes", Evidence::Count(syns.handshakes)),
    ];
    let remedy = vec![
        "on the server: `nstat -az TcpExtListenOverflows` and `ss -ltn` show a full queue; raise `net.core.somaxconn` and the backlog of `listen`, or accept faster".to_owned(),
    ];
    let confidence = if syns.orderly > 0 {
        ABORT_NOW_AND_THEN
    } else {
        ABORT_ON_OVERFLOW
    };
    Some(Finding {
        confidence,
        not_excluded: vec![Alternative {
            cause: Cause::ResetInjected,
            why: "a load balancer that has lost its server does the same".to_owned(),
        }],
        ..finding(
            Cause::BacklogOverflow,
            Severity::Critical,
            summary,
            evidence,
            remedy,
        )
    })
}

/// RSTs that this very machine sends on connections that it only forwards.
fn own(resets: &ResetEvidence, followed: &FollowCounts) -> Option<Finding> {
    if resets.own == 0 {
        return None;
    }
    let summary = format!(
        "this machine resets {} connections that it only forwards: its connection tracking takes their segments for invalid, so that they reach no NAT",
        resets.own
    );
    let outside = followed.value(FollowCounter::OutsideWindow);
    let evidence = vec![
        ("resets_of_this_machine", Evidence::Count(resets.own)),
        ("segments_outside_the_window", Evidence::Count(outside)),
    ];
    let remedy = vec![
        "`sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1`, or drop what is invalid: `nft add rule inet filter input ct state invalid drop`".to_owned(),
        "`conntrack -S` shows what is invalid".to_owned(),
    ];
    Some(Finding {
        confidence: if outside > 0 { OWN_SEEN } else { OWN },
        ..finding(
            Cause::LocalNat,
            Severity::Warning,
            summary,
            evidence,
            remedy,
        )
    })
}

#[expect(clippy::cast_precision_loss, reason = "a count of connections")]
fn count(number: u64) -> f64 {
    number as f64
}
