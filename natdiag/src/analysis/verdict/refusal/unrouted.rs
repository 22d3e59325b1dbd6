//! A router says that no way leads to the host: that is the way's fault, and not the service's.

use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fates::SynSums,
    verdict::case::finding,
};

/// Routers say so themselves; only a forged error lies.
const BY_ITS_OWN_WORDS: f64 = 0.99;

/// Who knows no way.
pub(super) fn findings(syns: &SynSums) -> Option<Finding> {
    let refusals = syns.refusals.as_deref()?;
    if refusals.no_way == 0 {
        return None;
    }
    let reporter = refusals
        .reporter
        .map_or_else(|| "a router".to_owned(), |address| address.to_string());
    let summary = format!(
        "no way leads to this host: {} SYNs were answered by an ICMP error of {reporter} that says so",
        refusals.no_way
    );
    let evidence = vec![
        ("syn_without_a_way", Evidence::Count(refusals.no_way)),
        ("said_by", Evidence::Text(reporter.clone())),
    ];
    let port = refusals
        .ports()
        .first()
        .map_or_else(|| "PORT".to_owned(), |port| port.port.to_string());
    let remedy = vec![
        "`ip route get HOST` here: if that is no route, or the wrong one, it is this machine's"
            .to_owned(),
        format!(
            "look at the routes of {reporter}, and whether the host is up behind it: `mtr --tcp --port {port} HOST` ends where the way does"
        ),
    ];
    Some(Finding {
        confidence: BY_ITS_OWN_WORDS,
        excluded: vec![Alternative {
            cause: Cause::Refused,
            why: "it was not the host that answered, and not about a port".to_owned(),
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
