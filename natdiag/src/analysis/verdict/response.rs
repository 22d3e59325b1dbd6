//! Connections open, requests go out, and the response does not come, or only its end: fragments that a NAT dropped, or
//! full-size segments that find no way through.

use natdiag_common::counter::{FragmentPosition, RemoteCounter};

use super::{Case, UNANSWERED_REQUESTS, finding, insufficient};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    evidence::SynEvidence,
};

/// Responses of which only the end came from which on that is no reordering at the end of a connection.
const HOLES: u64 = 2;
/// How sure a hole is to be one of size: small segments of the same connection passed and full-size ones never did, at
/// whatever try. As if of 20 such hosts one had been hit by heavy loss, and each further connection halves that.
const ONE_OF: f64 = 20.0;

/// What is wrong with responses.
pub(super) fn findings(case: &Case, syns: &SynEvidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    if syns.holes >= HOLES {
        findings.push(black_hole(case, syns));
    } else {
        findings.extend(unanswered(case, syns));
    }
    findings.extend(reassembled(syns));
    findings
}

fn evidence(case: &Case, syns: &SynEvidence) -> Vec<(&'static str, Evidence)> {
    let fragments = case.counts.fragments_at(FragmentPosition::First);
    vec![
        (
            "requests_unanswered",
            Evidence::Count(syns.unanswered_requests),
        ),
        ("requests_answered", Evidence::Count(syns.answered_requests)),
        ("responses_cut_short", Evidence::Count(syns.holes)),
        ("fragments_seen", Evidence::Count(fragments)),
        (
            "packet_too_big",
            Evidence::Count(case.counts.value(RemoteCounter::PacketTooBig)),
        ),
    ]
}

fn black_hole(case: &Case, syns: &SynEvidence) -> Finding {
    let holes = i32::try_from(syns.holes).unwrap_or(i32::MAX);
    let summary = format!(
        "full-size segments vanish and small ones pass: {} responses came without anything but their end, {} requests were answered in full",
        syns.holes, syns.answered_requests
    );
    let remedy = vec![
        "fetch the same with a smaller MSS, which proves it: `ip route change ... advmss 1200`".to_owned(),
        "clamp the MSS: `nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu`".to_owned(),
        "find who drops `ICMP` type 3 code 4 (IPv6: type 2) on the way to the server".to_owned(),
    ];
    let mut finding = finding(
        Cause::PmtuBlackHole,
        Severity::Critical,
        summary,
        evidence(case, syns),
        remedy,
    );
    finding.confidence = 1.0 - 1.0 / (ONE_OF * 2.0_f64.powi(holes.min(20) - 2));
    if syns.shared_address {
        finding.not_excluded.push(Alternative {
            cause: Cause::PathFragmentation,
            why: "a NAT gateway may have dropped fragments of them before this interface"
                .to_owned(),
        });
    }
    finding
}

fn unanswered(case: &Case, syns: &SynEvidence) -> Option<Finding> {
    let fragments = case.counts.fragments_at(FragmentPosition::First);
    if syns.unanswered_requests < UNANSWERED_REQUESTS || fragments > 0 {
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
        let mut finding = insufficient(summary, evidence(case, syns), remedy);
        finding.not_excluded = vec![hole];
        return Some(finding);
    }
    let summary = format!(
        "blind from here: {} of {} requests got no response; a NAT gateway may have dropped fragments before this interface",
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
            evidence(case, syns),
            vec![
                "watch on the public side: on a host with a public address, fetch the same response while `natdiag watch` runs"
                    .to_owned(),
            ],
        )
    })
}

/// Somebody before us puts fragments together, so that none are seen.
fn reassembled(syns: &SynEvidence) -> Option<Finding> {
    if syns.reassembled < HOLES {
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
