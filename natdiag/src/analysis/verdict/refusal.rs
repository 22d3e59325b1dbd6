//! Connections that are refused at once: by the host, by a rule, or by somebody in between.

use super::case::{finding, insufficient};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fates::SynEvidence,
};

/// Of RSTs that answer a SYN with its very sequence number, about one in a hundred comes from something in between.
const GENUINE: f64 = 0.99;
/// An `ICMP` error that says that a rule forbids a packet says so itself; only a forged one lies.
const BY_ITS_OWN_WORDS: f64 = 0.99;

/// Who says no.
pub(super) fn findings(syns: &SynEvidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(refused(syns));
    findings.extend(now_and_then(syns));
    findings.extend(injected(syns));
    findings.extend(prohibited(syns));
    findings.extend(no_route(syns));
    findings
}

fn refused(syns: &SynEvidence) -> Option<Finding> {
    let unreachable = syns
        .unreachable
        .saturating_sub(syns.prohibited + syns.no_route);
    let refused = syns.refused - syns.refused_by_open_ports().min(syns.refused);
    if refused + unreachable == 0 {
        return None;
    }
    let summary = format!(
        "connections are refused at once: {refused} SYNs with a RST, as where nothing listens on the port, and {unreachable} with an ICMP error"
    );
    let evidence = vec![
        ("syn_refused", Evidence::Count(refused)),
        ("syn_unreachable", Evidence::Count(unreachable)),
        (
            "syn_refused_by_another_machine",
            Evidence::Count(syns.refused_by_other),
        ),
    ];
    let remedy = vec!["check the port number, and that the service runs".to_owned()];
    let by_filter = if syns.refused_by_other > 0 {
        format!(
            "{} of these RSTs have another time to live than the host's SYN-ACKs: a filter on the way may reject for it",
            syns.refused_by_other
        )
    } else {
        "a filter that rejects with a RST looks the same".to_owned()
    };
    Some(Finding {
        confidence: GENUINE,
        excluded: vec![
            Alternative {
                cause: Cause::Filtered,
                why: "a filter that drops would stay silent".to_owned(),
            },
            Alternative {
                cause: Cause::TwRecycle,
                why: "it stays silent as well".to_owned(),
            },
        ],
        not_excluded: vec![Alternative {
            cause: Cause::ResetInjected,
            why: by_filter,
        }],
        ..finding(Cause::Refused, Severity::Warning, summary, evidence, remedy)
    })
}

fn prohibited(syns: &SynEvidence) -> Option<Finding> {
    if syns.prohibited == 0 {
        return None;
    }
    let summary = format!(
        "a filter forbids these connections and says so: {} SYNs were answered by \"administratively prohibited\"",
        syns.prohibited
    );
    let evidence = vec![("syn_prohibited", Evidence::Count(syns.prohibited))];
    let remedy = vec![
        "ask for the filters on the way and at the server: the error's sender is the one that forbids"
            .to_owned(),
    ];
    Some(Finding {
        confidence: BY_ITS_OWN_WORDS,
        ..finding(
            Cause::Filtered,
            Severity::Critical,
            summary,
            evidence,
            remedy,
        )
    })
}

/// A port that is open refuses some: a limit that answers by a RST, a restart, a balancer that has lost its servers.
fn now_and_then(syns: &SynEvidence) -> Option<Finding> {
    let refused = syns.refused_by_open_ports();
    if refused == 0 {
        return None;
    }
    let summary = format!(
        "{refused} SYNs were answered by a RST at ports that let others in: a limit, a restart, or a balancer without servers for a while"
    );
    let evidence = vec![("syn_refused_by_open_ports", Evidence::Count(refused))];
    let remedy = vec![
        "compare the times of the refusals with those of restarts, and with how many connections were opened then".to_owned(),
    ];
    let may_be = |cause, why: &str| Alternative {
        cause,
        why: why.to_owned(),
    };
    Some(Finding {
        not_excluded: vec![
            may_be(Cause::RateLimit, "a limit may answer by a RST"),
            may_be(Cause::Refused, "the service may have been down for a while"),
        ],
        ..insufficient(summary, evidence, remedy)
    })
}

/// A RST and then a SYN-ACK answer one SYN: a host does not refuse what it opens.
fn injected(syns: &SynEvidence) -> Option<Finding> {
    if syns.refused_and_opened == 0 {
        return None;
    }
    let summary = format!(
        "{} SYNs were answered by a RST and then by a SYN-ACK: something on the way has sent the RST, and the host knows nothing of it",
        syns.refused_and_opened
    );
    let evidence = vec![(
        "syn_refused_and_opened",
        Evidence::Count(syns.refused_and_opened),
    )];
    let remedy = vec![
        "look for an intrusion prevention system or a filter on the way; compare with another path"
            .to_owned(),
    ];
    Some(Finding {
        confidence: GENUINE,
        excluded: vec![Alternative {
            cause: Cause::Refused,
            why: "the host has opened these connections".to_owned(),
        }],
        ..finding(
            Cause::ResetInjected,
            Severity::Critical,
            summary,
            evidence,
            remedy,
        )
    })
}

/// Somebody on the way says that no way leads there: it is not the host that refuses.
fn no_route(syns: &SynEvidence) -> Option<Finding> {
    if syns.no_route == 0 {
        return None;
    }
    let summary = format!(
        "a router says that no way leads to this host: {} SYNs were answered by \"network unreachable\" or \"host unreachable\"",
        syns.no_route
    );
    let evidence = vec![("syn_no_route", Evidence::Count(syns.no_route))];
    let remedy = vec![
        "look at the route at the sender of the error, which a capture shows: `tcpdump -n icmp or icmp6`".to_owned(),
        "where it says \"host unreachable\", the host is down, or does not answer ARP or neighbour discovery".to_owned(),
    ];
    Some(Finding {
        confidence: BY_ITS_OWN_WORDS,
        excluded: vec![Alternative {
            cause: Cause::Refused,
            why: "the errors do not come from a port of the host".to_owned(),
        }],
        ..finding(
            Cause::Routing,
            Severity::Critical,
            summary,
            evidence,
            remedy,
        )
    })
}
