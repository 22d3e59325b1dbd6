//! The order of remote hosts in every report: findings first, the worst on top.

use std::cmp::Reverse;

use crate::{
    analysis::diagnosis::{Finding, RemoteDiagnosis, Severity},
    survey::Survey,
};

/// A remote host, and the place of its source in the survey.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranked<'a> {
    /// Place of the source.
    pub(crate) source: usize,
    /// Place among the remote hosts of the source.
    pub(crate) place: usize,
    /// The remote host.
    pub(crate) remote: &'a RemoteDiagnosis,
}

/// All remotes of a survey: those with findings by severity, then address; then the others, source by source, the
/// busiest first as the diagnosis has them.
pub(crate) fn ranked(survey: &Survey) -> Vec<Ranked<'_>> {
    let (mut ranked, others): (Vec<_>, Vec<_>) = survey
        .sources
        .iter()
        .enumerate()
        .flat_map(|(source, survey)| {
            let remotes = survey.diagnosis.remotes.iter().enumerate();
            remotes.map(move |(place, remote)| Ranked {
                source,
                place,
                remote,
            })
        })
        .partition(|ranked| !ranked.remote.findings.is_empty());
    ranked.sort_by_key(|ranked| {
        let worst = worst(&ranked.remote.findings);
        (Reverse(worst), ranked.remote.address, ranked.source)
    });
    ranked.extend(others);
    ranked
}

/// The findings that belong to no single remote host, and the place of their source.
pub(crate) fn source_findings(survey: &Survey) -> impl Iterator<Item = (usize, &Finding)> {
    let sources = survey.sources.iter().enumerate();
    sources.flat_map(|(source, survey)| {
        let findings = survey.diagnosis.findings.iter();
        findings.map(move |finding| (source, finding))
    })
}

/// The greatest severity among findings.
pub(crate) fn worst(findings: &[Finding]) -> Option<Severity> {
    findings.iter().map(|finding| finding.severity).max()
}
