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
mod left_out;
pub(crate) mod likelihood;
mod race;
mod refusal;
mod reset;
mod response;
mod restart;
mod stall;
mod syn;
mod together;
mod unseen;
mod waiting;

pub use self::{
    case::Case,
    contest::{CERTAIN, NAMED},
    crossing::add_crossing,
    fragmentation::{is_junk, scattered_flood},
    left_out::{LeftOut, left_out},
    syn::SynTrouble,
    together::Together,
    unseen::{Middle, middle_unseen, not_looked_into, one_sided},
};
pub use crate::analysis::fates::neighbours::Neighbours;

use self::case::{finding, insufficient};
use natdiag_common::counter::{FragmentProtocol, RemoteCounter};

use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    filter::Filter,
};

/// Requests without any response from which on there is a symptom: fewer may be clients that lost patience.
const UNANSWERED_REQUESTS: u64 = 3;

/// The worst that [`findings`] may say about a remote host, without saying it: for ranking many of them.
#[must_use]
pub fn severity(case: &Case) -> Option<Severity> {
    let counts = case.counts;
    let syns = case.syns.is_some_and(|syns| {
        syn::has_symptom(syns)
            || syns.resets.is_some()
            || race::has_symptom(syns)
            || !syns.holes.is_empty()
            || syns.reassembled > 0
            || elsewhere::has_symptom(syns)
            || response::has_symptom(case, syns)
    });
    let refusal = case.syns.and_then(refusal::severity);
    if syns
        || flight::has_symptom(case)
        || waiting::has_symptom(case)
        || refusal == Some(Severity::Critical)
    {
        return Some(Severity::Critical);
    }
    if refusal == Some(Severity::Warning)
        || counts.fragments_of(FragmentProtocol::Tcp) > 0
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
    (fragments || stripped || refusal.is_some() || counts.value(RemoteCounter::RstAnsweringSyn) > 0)
        .then_some(Severity::Info)
}

/// What is wrong with a remote host, worst first.
#[must_use]
pub fn findings(case: &Case) -> Vec<Finding> {
    let mut findings = fragmentation::findings(case);
    let mut is_full = false;
    if let Some(syns) = case.syns {
        findings.extend(refusal::findings(syns));
        // What hosts share that fail together is told of the source.
        let mut silence = if case.neighbours.fail_together {
            Vec::new()
        } else {
            syn::findings(case, syns)
        };
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
            is_full || flight::has_symptom(case) || waiting::is_silent(case),
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
    findings.extend(waiting::findings(case, is_full));
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
    // What one trouble is not, another may be.
    for finding in &mut findings {
        let is_found = |other: &Alternative| named.contains(&other.cause);
        finding.excluded.retain(|other| !is_found(other));
        finding.not_excluded.retain(|other| !is_found(other));
    }
    findings
}

/// What is wrong with what a source shows at all: too little, or too much missed. `unmatched` is a filter that nothing
/// has matched.
#[must_use]
pub fn about_source(
    charged: u64,
    records: u64,
    missed_share: f64,
    unmatched: Option<&Filter>,
) -> Vec<Finding> {
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
    if let Some(filter) = unmatched {
        let summary = format!(
            "nothing was seen that matches the filter ({filter}), so nothing can be said; {charged} packets that matter were seen in all"
        );
        let evidence = vec![("packets_of_others", Evidence::Count(charged))];
        let remedy = vec![
            "check the addresses and ports of the filter, or look without it; open connections to the destination that fails meanwhile".to_owned(),
        ];
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
