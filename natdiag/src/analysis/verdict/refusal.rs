//! Connections that are refused at once: by the host, by a rule, by a router that knows no way, or by somebody in
//! between.

mod mixed;
mod opened;
mod unrouted;

use super::case::finding;
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fates::{SynSums, refusals::RefusalSums},
};

/// Of RSTs that answer a SYN with its very sequence number, about one in a hundred comes from something in between.
const GENUINE: f64 = 0.99;
/// An `ICMP` error that says that a rule forbids a packet says so itself; only a forged one lies.
const BY_ITS_OWN_WORDS: f64 = 0.99;

/// Refused SYNs from which on that is more than somebody who tries a port: who wants a service that is away tries
/// again.
const REFUSED: u64 = 3;

/// The worst that [`findings`] may say.
pub(super) fn severity(syns: &SynSums) -> Option<Severity> {
    let known = syns.refusals.as_deref();
    let is_open = known.is_some_and(|known| known.opened > 0);
    if syns.unreachable > 0 || is_open || mixed::ports(syns).next().is_some() {
        Some(Severity::Critical)
    } else {
        (syns.refused > 0).then(|| of_closed_ports(syns.refused))
    }
}

fn of_closed_ports(refused: u64) -> Severity {
    if refused < REFUSED {
        Severity::Info
    } else {
        Severity::Warning
    }
}

/// Who says no.
pub(super) fn findings(syns: &SynSums) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(refused(syns));
    findings.extend(mixed::findings(syns));
    findings.extend(opened::findings(syns));
    findings.extend(unrouted::findings(syns));
    findings.extend(prohibited(syns));
    findings
}

/// Ports that nothing listens on: they take no SYN.
fn refused(syns: &SynSums) -> Option<Finding> {
    let known = syns.refusals.as_deref();
    let no_way = known.map_or(0, |known| known.no_way);
    let unreachable = syns
        .unreachable
        .saturating_sub(syns.prohibited)
        .saturating_sub(no_way);
    let (mut refused, mut by_other) = (syns.refused, syns.refused_by_other);
    // A port that takes others is not closed.
    for port in mixed::ports(syns) {
        refused = refused.saturating_sub(port.by_reset);
        by_other = by_other.saturating_sub(port.by_other);
    }
    if refused + unreachable == 0 {
        return None;
    }
    let summary = format!(
        "connections are refused at once: {refused} SYNs with a RST, as where nothing listens on the port, and {unreachable} with an ICMP error"
    );
    let ports = closed_ports(syns, known);
    let check = match ports.as_slice() {
        [port] => format!("on the server `ss -ltn 'sport = :{port}'` shows what listens"),
        _ => "on the server `ss -ltn` shows what listens".to_owned(),
    };
    let evidence = vec![
        ("syn_refused", Evidence::Count(refused)),
        ("syn_unreachable", Evidence::Count(unreachable)),
        ("syn_refused_by_another_machine", Evidence::Count(by_other)),
        ("ports", Evidence::List(ports)),
    ];
    let remedy = vec![
        "check the port number, and that the service runs".to_owned(),
        check,
    ];
    let by_filter = if by_other > 0 {
        format!(
            "{by_other} of these RSTs come from another distance than the host's SYN-ACKs: a filter on the way may reject for it"
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
            Alternative {
                cause: Cause::RateLimit,
                why: "no SYN to these ports was taken".to_owned(),
            },
        ],
        not_excluded: vec![Alternative {
            cause: Cause::ResetInjected,
            why: by_filter,
        }],
        ..finding(
            Cause::Refused,
            of_closed_ports(refused + unreachable),
            summary,
            evidence,
            remedy,
        )
    })
}

/// Ports that take no SYN, as far as they are told apart.
fn closed_ports(syns: &SynSums, known: Option<&RefusalSums>) -> Vec<String> {
    let all = known.map_or(&[][..], RefusalSums::ports);
    let is_mixed = |port: u16| mixed::ports(syns).any(|mixed| mixed.port == port);
    all.iter()
        .filter(|port| port.by_reset + port.by_error > 0 && !is_mixed(port.port))
        .map(|port| port.port.to_string())
        .collect()
}

fn prohibited(syns: &SynSums) -> Option<Finding> {
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
