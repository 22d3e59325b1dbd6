//! Connections open, requests go out, and the response does not come, or only a part of it: full-size segments that find
//! no way through, segments that the receiver takes for old ones, or fragments that a NAT dropped.

use natdiag_common::counter::{FragmentPosition, RemoteCounter};

use super::{
    Case, NAMED, RULED_OUT, UNANSWERED_REQUESTS,
    base_rates::StallTrouble,
    data::known_since,
    finding, insufficient,
    stall::{Stalls, cause, posterior},
};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fates::SynEvidence,
};

/// Connections of one kind from which on that is no accident at the end of one.
const SEVERAL: u64 = 2;

/// What is wrong with responses. A server whose queue `is_full` lets some connections wait that it never takes.
pub(super) fn findings(case: &Case, syns: &SynEvidence, is_full: bool) -> Vec<Finding> {
    let stalls = Stalls::of(case, syns);
    let mut findings = Vec::new();
    let named = named(&stalls, syns);
    match named {
        Some((StallTrouble::Paws, confidence)) => findings.push(paws(case, &stalls, confidence)),
        Some((_, confidence)) => findings.push(black_hole(case, &stalls, syns, confidence)),
        None if is_full => {}
        None => findings.extend(unanswered(case, &stalls, syns)),
    }
    findings.extend(reassembled(syns));
    findings
}

/// Whether anything is to be explained here.
pub(super) fn has_symptom(case: &Case, syns: &SynEvidence) -> bool {
    let stalls = Stalls::of(case, syns);
    stalls.black() > 0 || stalls.older > 0 || stalls.unanswered >= UNANSWERED_REQUESTS
}

/// The trouble that explains what is seen, if one does. Of those that data does not tell well enough none is named.
fn named(stalls: &Stalls, syns: &SynEvidence) -> Option<(StallTrouble, f64)> {
    let best = posterior(stalls)
        .into_iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, share)| *share >= NAMED)?;
    let is_founded = match best.0 {
        // Behind a NAT, fragments that it dropped leave the same hole in what comes; not in what we send.
        StallTrouble::BlackHole if syns.shared_address => stalls.large_stuck >= SEVERAL,
        StallTrouble::BlackHole => stalls.black() >= SEVERAL,
        StallTrouble::Paws => stalls.older >= SEVERAL,
        StallTrouble::Application | StallTrouble::Loss | StallTrouble::Contents => false,
    };
    is_founded.then_some(best)
}

/// The troubles that are left beside the named one, or ruled out.
fn alternatives(stalls: &Stalls, named: StallTrouble, are_excluded: bool) -> Vec<Alternative> {
    posterior(stalls)
        .into_iter()
        .filter(|(trouble, share)| *trouble != named && (*share <= RULED_OUT) == are_excluded)
        .filter_map(|(trouble, share)| {
            let why = if are_excluded {
                why_not(trouble, named, stalls)
            } else {
                format!("fits what was seen, at {:.0} %", share * 100.0)
            };
            cause(trouble).map(|cause| Alternative { cause, why })
        })
        .collect()
}

fn why_not(trouble: StallTrouble, named: StallTrouble, stalls: &Stalls) -> String {
    if named == StallTrouble::Paws {
        return format!(
            "timestamps went back on {} connections, of {} that were given up",
            stalls.older,
            stalls.given_up.max(stalls.unanswered)
        );
    }
    match trouble {
        StallTrouble::BlackHole if stalls.black() == 0 => {
            "no full-size segment is known to be missing".to_owned()
        }
        StallTrouble::BlackHole => format!(
            "{} large segments got through",
            stalls.large_received + stalls.large_acknowledged
        ),
        StallTrouble::Paws => "no timestamp went back".to_owned(),
        StallTrouble::Loss => {
            "what is lost by chance gets through when it is sent again".to_owned()
        }
        StallTrouble::Contents => {
            format!(
                "it is the size that decides: {} small holes",
                stalls.small_holes
            )
        }
        StallTrouble::Application => "the server has sent more than what came".to_owned(),
    }
}

/// Timestamps that go back on an open connection.
fn paws(case: &Case, stalls: &Stalls, confidence: f64) -> Finding {
    let summary = format!(
        "on {} connections timestamps go back after the handshake: the receiver takes such segments for old ones and drops them",
        stalls.older
    );
    let mut evidence = vec![
        (
            "connections_with_older_timestamps",
            Evidence::Count(stalls.older),
        ),
        ("requests_unanswered", Evidence::Count(stalls.unanswered)),
    ];
    evidence.extend(known_since(case));
    let remedy = vec![
        "find what answers for the server or rewrites timestamps: load balancers and SYN proxies that use a clock of their own".to_owned(),
        "`nstat -az TcpExtPAWSEstab` rises at the receiver".to_owned(),
    ];
    Finding {
        confidence,
        excluded: alternatives(stalls, StallTrouble::Paws, true),
        not_excluded: alternatives(stalls, StallTrouble::Paws, false),
        ..finding(
            Cause::PawsEstablished,
            Severity::Critical,
            summary,
            evidence,
            remedy,
        )
    }
}

fn evidence(case: &Case, stalls: &Stalls, syns: &SynEvidence) -> Vec<(&'static str, Evidence)> {
    let fragments = case.counts.fragments_at(FragmentPosition::First);
    let mut evidence = vec![
        ("requests_unanswered", Evidence::Count(stalls.unanswered)),
        ("requests_answered", Evidence::Count(syns.answered_requests)),
        ("responses_cut_short", Evidence::Count(stalls.large_holes)),
        ("fragments_seen", Evidence::Count(fragments)),
        (
            "packet_too_big",
            Evidence::Count(case.counts.value(RemoteCounter::PacketTooBig)),
        ),
    ];
    if let Some(looked_at) = known_since(case) {
        evidence.extend([
            ("cut_short_by_less", Evidence::Count(stalls.small_holes)),
            (
                "large_segments_received",
                Evidence::Count(stalls.large_received),
            ),
            (
                "large_segments_sent_in_vain",
                Evidence::Count(stalls.large_stuck),
            ),
            (
                "large_segments_acknowledged",
                Evidence::Count(stalls.large_acknowledged),
            ),
            looked_at,
        ]);
    }
    evidence
}

fn black_hole(case: &Case, stalls: &Stalls, syns: &SynEvidence, confidence: f64) -> Finding {
    let what = if stalls.large_stuck > stalls.large_holes {
        format!(
            "{} of those that were sent were tried again and again in vain",
            stalls.large_stuck
        )
    } else {
        format!(
            "{} responses came without their full-size segments, {} requests were answered in full",
            stalls.large_holes, syns.answered_requests
        )
    };
    let summary = format!("full-size segments vanish and small ones pass: {what}");
    let remedy = vec![
        "fetch the same with a smaller MSS, which proves it: `ip route change ... advmss 1200`".to_owned(),
        "clamp the MSS: `nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu`".to_owned(),
        "find who drops `ICMP` type 3 code 4 (IPv6: type 2) on the way to the server".to_owned(),
    ];
    Finding {
        confidence,
        excluded: alternatives(stalls, StallTrouble::BlackHole, true),
        not_excluded: alternatives(stalls, StallTrouble::BlackHole, false),
        ..finding(
            Cause::PmtuBlackHole,
            Severity::Critical,
            summary,
            evidence(case, stalls, syns),
            remedy,
        )
    }
}

fn unanswered(case: &Case, stalls: &Stalls, syns: &SynEvidence) -> Option<Finding> {
    let fragments = case.counts.fragments_at(FragmentPosition::First);
    // RSTs of this machine explain them.
    let is_explained = syns.resets.as_deref().is_some_and(|resets| resets.own > 0);
    let is_symptom = stalls.unanswered >= UNANSWERED_REQUESTS || stalls.black() >= SEVERAL;
    if !is_symptom || fragments > 0 || is_explained {
        return None;
    }
    let hole = Alternative {
        cause: Cause::PmtuBlackHole,
        why: "large segments that find no way through leave the same hole".to_owned(),
    };
    if !syns.shared_address {
        let summary = format!(
            "{} of {} requests got no response though their connections opened, and no fragment came",
            syns.unanswered_requests,
            syns.unanswered_requests + syns.answered_requests
        );
        let remedy =
            vec!["fetch the same with a smaller MSS: `ip route change ... advmss 1200`".to_owned()];
        // The application names no cause, and so is nobody's alternative.
        let not_excluded = alternatives(stalls, StallTrouble::Application, false);
        return Some(Finding {
            not_excluded,
            ..insufficient(summary, evidence(case, stalls, syns), remedy)
        });
    }
    let summary = format!(
        "blind from here: {} of {} requests got no response or only its end; a NAT gateway may have dropped fragments before this interface",
        syns.unanswered_requests,
        syns.unanswered_requests + syns.answered_requests
    );
    Some(Finding {
        not_excluded: vec![
            Alternative {
                cause: Cause::PathFragmentation,
                why: "managed NAT gateways drop TCP fragments, and none can be seen behind one".to_owned(),
            },
            Alternative {
                cause: Cause::EndpointFragmentation,
                why: "as above".to_owned(),
            },
            hole,
        ],
        ..finding(
            Cause::Blind,
            Severity::Warning,
            summary,
            evidence(case, stalls, syns),
            vec![
                "watch on the public side: on a host with a public address, fetch the same response while `natdiag watch` runs"
                    .to_owned(),
            ],
        )
    })
}

/// Somebody before us puts fragments together, so that none are seen.
fn reassembled(syns: &SynEvidence) -> Option<Finding> {
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
