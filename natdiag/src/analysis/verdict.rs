//! Weighs the evidence about one remote host and names the cause. Every threshold and every prior stands here or in
//! the modules below, with its reason.
//!
//! Each hypothesis says how likely it makes what was observed; with a prior for how often it is the cause of such
//! trouble, Bayes' rule gives the confidence. What fits several causes gets none named.

mod case;
pub(crate) mod contest;
mod crossing;
mod data;
mod elsewhere;
mod flight;
mod fragmentation;
pub(crate) mod likelihood;
mod race;
mod refusal;
mod reset;
mod response;
mod restart;
mod stall;
mod syn;
mod unseen;

pub use self::{
    case::Case,
    contest::NAMED,
    crossing::add_crossing,
    fragmentation::{is_junk, scattered_flood},
    syn::SynTrouble,
    unseen::{not_looked_into, one_sided},
};
pub use crate::analysis::fates::neighbours::Neighbours;

use self::{
    case::{finding, insufficient},
    contest::CERTAIN,
};
use natdiag_common::counter::{FragmentProtocol, RemoteCounter};

use crate::analysis::diagnosis::{Cause, Evidence, Finding, Severity};

/// Requests without any response from which on there is a symptom: fewer may be clients that lost patience.
const UNANSWERED_REQUESTS: u64 = 3;

/// The worst that [`findings`] may say about a remote host, without saying it: for ranking many of them.
#[must_use]
pub fn severity(case: &Case) -> Option<Severity> {
    let counts = case.counts;
    let syns = case.syns.is_some_and(|syns| {
        syn::has_symptom(syns)
            || syns.resets.is_some()
            || syns.refused > 0
            || syns.unreachable > 0
            || race::has_symptom(syns)
            || syns
                .refusals
                .as_deref()
                .is_some_and(|refusals| refusals.opened > 0)
            || !syns.holes.is_empty()
            || syns.reassembled > 0
            || elsewhere::has_symptom(syns)
            || response::has_symptom(case, syns)
    });
    if syns || flight::has_symptom(case) {
        return Some(Severity::Critical);
    }
    if counts.fragments_of(FragmentProtocol::Tcp) > 0
        || case.syns.is_some_and(unseen::is_symptom)
        || case.datagrams.incomplete.iter().any(|n| *n > 0)
    {
        return Some(Severity::Warning);
    }
    let stripped = case
        .syns
        .is_some_and(|syns| syn::timestamps_stripped(syns).is_some());
    let fragments = FragmentProtocol::ALL
        .iter()
        .any(|protocol| counts.fragments_of(*protocol) > 0);
    (fragments || stripped || counts.value(RemoteCounter::RstAnsweringSyn) > 0)
        .then_some(Severity::Info)
}

/// What is wrong with a remote host, worst first.
#[must_use]
pub fn findings(case: &Case) -> Vec<Finding> {
    let mut findings = fragmentation::findings(case);
    let mut is_full = false;
    if let Some(syns) = case.syns {
        findings.extend(refusal::findings(syns));
        let mut silence = syn::findings(case, syns);
        if syns.acks > 0 && reset::explains_bare_acks(syns) {
            silence.retain(|finding| finding.cause != Cause::InsufficientEvidence);
        }
        data::add_evidence(&mut silence, case);
        is_full = silence
            .iter()
            .any(|finding| finding.cause == Cause::BacklogOverflow);
        findings.extend(silence);
        findings.extend(reset::findings(case, syns));
        findings.extend(race::findings(syns));
        findings.extend(response::findings(
            case,
            syns,
            is_full || flight::has_symptom(case),
        ));
        findings.extend(elsewhere::findings(syns));
        findings.extend(unseen::findings(syns));
        findings.extend(syn::timestamps_stripped(syns));
    }
    findings.extend(data::findings(case, is_full));
    let is_explained = findings
        .iter()
        .any(|finding| finding.cause == Cause::PacketLoss)
        || is_full;
    findings.extend(flight::findings(case, is_explained));
    if let Some(syns) = case.syns {
        restart::retain_unexplained(&mut findings, syns);
    }
    for finding in &mut findings {
        finding.confidence = finding.confidence.min(CERTAIN) * (1.0 - case.missed_share);
    }
    findings.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then(b.confidence.total_cmp(&a.confidence))
    });
    // Two kinds of evidence may tell of one cause.
    let mut named = Vec::new();
    findings.retain(|finding| {
        let is_new =
            finding.cause == Cause::InsufficientEvidence || !named.contains(&finding.cause);
        named.push(finding.cause);
        is_new
    });
    findings
}

/// What is wrong with what a source shows at all: too little, or too much missed.
#[must_use]
pub fn about_source(charged: u64, records: u64, missed_share: f64) -> Vec<Finding> {
    /// Share of missed records from which on the rest proves little: one handshake in ten lacks a part.
    const TOO_MUCH_MISSED: f64 = 0.1;
    if missed_share > TOO_MUCH_MISSED {
        let summary = format!(
            "{:.0} % of the packets that matter could not be looked at (a full ring, or a capture that cut them), so that fates of SYNs and datagrams are unknown",
            missed_share * 100.0
        );
        let evidence = vec![("missed_share", Evidence::Ratio(missed_share))];
        let remedy =
            vec!["watch fewer interfaces at once or give natdiag more CPU time; capture with a snap length of at least 128 octets".to_owned()];
        return vec![insufficient(summary, evidence, remedy)];
    }
    if charged == 0 && records == 0 {
        let summary =
            "no connection was opened and no fragment was seen, so nothing can be said".to_owned();
        let remedy =
            vec!["open connections to the destination that fails while natdiag watches".to_owned()];
        return vec![insufficient(summary, Vec::new(), remedy)];
    }
    Vec::new()
}
