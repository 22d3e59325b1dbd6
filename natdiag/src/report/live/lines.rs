//! Progress in lines, for files, pipes and logs: one per change of a verdict, one per interval about how it goes.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::IpAddr,
};

use crate::{
    analysis::diagnosis::{Cause, Finding, Severity},
    names::Names,
    report::{
        exit_code::Weight,
        live::pace::Rates,
        note,
        text::{page::Page, paper::Paper},
        wording,
    },
    survey::{SourceSurvey, Survey},
};

/// Whom a verdict is about: a source, and a remote host if it is one's.
type Subject = (String, Option<IpAddr>);
/// What was said about it.
type Verdict = Vec<(Cause, Severity)>;

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Lines {
    introduced: bool,
    verdicts: BTreeMap<Subject, Verdict>,
}

impl Lines {
    /// Writes what has changed, and how it goes.
    pub(super) fn write(
        &mut self,
        out: &mut impl Write,
        survey: &Survey,
        rates: &[Rates],
        paper: Paper,
    ) -> io::Result<()> {
        let page = &mut Page::new(out, paper);
        let time = wording::instant(survey.end);
        if !self.introduced {
            self.introduced = true;
            introduce(page, survey)?;
        }
        self.write_changes(page, survey, &time)?;
        for (source, rates) in survey.sources.iter().zip(rates) {
            let name = wording::clean(&source.name);
            let how = if source.has_seen_nothing() {
                "no connection and no fragment seen yet, so there is nothing to judge".to_owned()
            } else {
                how_it_goes(source)
            };
            let line = format!(
                "{name}: in {}, out {}, {how}, {}",
                rates.received.in_words(),
                rates.sent.in_words(),
                note::missed(source)
            );
            say(page, &time, &line)?;
        }
        Ok(())
    }

    fn write_changes(&mut self, page: &mut Page, survey: &Survey, time: &str) -> io::Result<()> {
        let mut verdicts = BTreeMap::new();
        for (subject, findings) in found(survey) {
            let verdict: Verdict = findings
                .iter()
                .map(|finding| (finding.cause, finding.severity))
                .collect();
            if self.verdicts.remove(&subject).as_ref() != Some(&verdict) {
                for finding in findings {
                    let line = format!(
                        "{}: {}: {} ({})",
                        name(&subject, &survey.names),
                        finding.cause.as_str(),
                        finding.summary,
                        wording::grade(finding)
                    );
                    page.heading(&format!("{time} "), Some(finding.severity), &line)?;
                }
            }
            verdicts.insert(subject, verdict);
        }
        // Those left are of subjects without findings.
        for subject in self.verdicts.keys() {
            say(
                page,
                time,
                &format!("{}: nothing found any more", name(subject, &survey.names)),
            )?;
        }
        self.verdicts = verdicts;
        Ok(())
    }
}

/// Says what is watched, and why in this way.
fn introduce(page: &mut Page, survey: &Survey) -> io::Result<()> {
    let time = wording::instant(survey.start);
    for source in &survey.sources {
        let name = wording::clean(&source.name);
        let hooks = source.hooks.join(", ");
        say(page, &time, &format!("{name}: watching at {hooks}"))?;
        for note in &source.notes {
            say(page, &time, &format!("{name}: {note}"))?;
        }
    }
    Ok(())
}

/// Writes a line with its time; on a terminal, what does not fit goes below, behind the time.
fn say(page: &mut Page, time: &str, text: &str) -> io::Result<()> {
    page.paragraph(&format!("{time} "), text)
}

/// How many hosts are known, and what is wrong.
fn how_it_goes(source: &SourceSurvey) -> String {
    let diagnosis = &source.diagnosis;
    let findings = diagnosis.remotes.iter().flat_map(|remote| &remote.findings);
    let harm = findings
        .chain(&diagnosis.findings)
        .filter(|finding| Weight::of(finding) == Weight::Harm)
        .count() as u64;
    let remotes = wording::counted(diagnosis.remotes_known as u64, "remote", "remotes");
    format!("{remotes}, {}", needs_attention(harm))
}

/// All subjects with findings.
fn found(survey: &Survey) -> impl Iterator<Item = (Subject, &[Finding])> {
    survey.sources.iter().flat_map(|source| {
        let diagnosis = &source.diagnosis;
        // That nothing was seen is said with the rates.
        let of_source =
            (!source.has_seen_nothing()).then_some((None, diagnosis.findings.as_slice()));
        let of_remotes = diagnosis.remotes.iter();
        let of_remotes =
            of_remotes.map(|remote| (Some(remote.address), remote.findings.as_slice()));
        of_source
            .into_iter()
            .chain(of_remotes)
            .filter(|(_, findings)| !findings.is_empty())
            .map(|(remote, findings)| ((source.name.clone(), remote), findings))
    })
}

fn needs_attention(findings: u64) -> String {
    match findings {
        0 => "nothing needs attention".to_owned(),
        findings => wording::counted(
            findings,
            "finding needs attention",
            "findings need attention",
        ),
    }
}

fn name((source, remote): &Subject, names: &Names) -> String {
    let source = wording::clean(source);
    remote.map_or_else(
        || source.to_string(),
        |remote| format!("{source}: {}", wording::host(remote, names)),
    )
}
