//! The report for people, as it goes into a ticket: the verdict first, then why, then what to do.

mod advice;
pub(crate) mod finding;
pub(crate) mod page;

use std::io::{self, Write};

use natdiag_common::counter::Counter;

use self::{
    finding::{Subject, sentence},
    page::Page,
};
use crate::{
    report::{
        exit_code::Weight,
        ranking::{ranked, source_findings},
        table::{self, Row},
        wording::{self, counted},
    },
    survey::{SourceKind, SourceSurvey, Survey},
};

/// Findings told in full; of more, a ticket needs no more than the names.
const IN_FULL: usize = 20;
/// Lines about further findings, about harmless ones, and about the busiest hosts.
const IN_A_LINE: usize = 100;
/// Lines of the table of remote hosts.
const BUSIEST: usize = 10;

/// Writes the final report, at most `columns` wide.
pub(crate) fn write(survey: &Survey, out: &mut dyn Write, columns: usize) -> io::Result<()> {
    let page = &mut Page::new(out, columns);
    let subjects = subjects(survey);
    let of = |weight| {
        let of_weight = subjects
            .iter()
            .filter(move |subject| Weight::of(subject.finding) == weight);
        of_weight.collect::<Vec<_>>()
    };
    let (harm, unclear, harmless) = (of(Weight::Harm), of(Weight::Unclear), of(Weight::Harmless));
    for source in &survey.sources {
        page.paragraph("", &opening(survey, source))?;
    }
    page.paragraph("", &verdict(harm.len(), unclear.len()))?;
    let several = survey.sources.len() > 1;
    let told = [harm, unclear].concat();
    for (place, subject) in told.iter().take(IN_FULL).enumerate() {
        page.gap()?;
        finding::write(page, place + 1, &subject.name(several), subject)?;
    }
    write_lines(
        page,
        "Also:",
        told.get(IN_FULL..).unwrap_or_default(),
        several,
    )?;
    write_lines(page, "Harmless:", &harmless, several)?;
    write_table(page, survey)?;
    write_limits(page, survey)
}

/// All findings, in the order of the report.
fn subjects(survey: &Survey) -> Vec<Subject<'_>> {
    let of_remotes = ranked(survey).into_iter().flat_map(|ranked| {
        let findings = ranked.remote.findings.iter();
        findings.map(move |finding| (ranked.source, Some(ranked.remote), finding))
    });
    let of_sources = source_findings(survey).map(|(source, finding)| (source, None, finding));
    of_remotes
        .chain(of_sources)
        .filter_map(|(source, remote, finding)| {
            let source = survey.sources.get(source)?;
            Some(Subject {
                source,
                remote,
                finding,
            })
        })
        .collect()
}

/// What was watched, for how long, and how much of it was seen.
fn opening(survey: &Survey, source: &SourceSurvey) -> String {
    let span = wording::span(survey.end.since(survey.start));
    let (name, diagnosis) = (&source.name, &source.diagnosis);
    let subject = match source.kind {
        SourceKind::Interface if source.hooks.is_empty() => {
            format!("natdiag watched {name} for {span}")
        }
        SourceKind::Interface => format!(
            "natdiag watched {name} ({}) for {span}",
            source.hooks.join(", ")
        ),
        SourceKind::Capture => format!("natdiag read {name}, {span} of traffic"),
    };
    let totals = &diagnosis.totals;
    let packets = totals.value(Counter::PacketsIngress) + totals.value(Counter::PacketsEgress);
    let mut seen = vec![
        counted(packets, "packet", "packets"),
        counted(diagnosis.remotes_known as u64, "remote", "remotes"),
        missed(source),
    ];
    if totals.malformed() > 0 {
        seen.push(counted(
            totals.malformed(),
            "malformed packet",
            "malformed packets",
        ));
    }
    format!("{subject}: {}.", seen.join(", "))
}

/// What could not be observed, in words.
pub(crate) fn missed(source: &SourceSurvey) -> String {
    let totals = &source.diagnosis.totals;
    let records =
        totals.value(Counter::MissedRecordsRing) + totals.value(Counter::MissedRecordsBudget);
    let packets = totals.value(Counter::MissedRemotes);
    match (records, packets) {
        (0, 0) => "nothing missed".to_owned(),
        (records, 0) => format!("missed {}", counted(records, "record", "records")),
        (0, packets) => format!(
            "missed {} of remotes",
            counted(packets, "packet", "packets")
        ),
        (records, packets) => format!(
            "missed {} and {} of remotes",
            counted(records, "record", "records"),
            counted(packets, "packet", "packets")
        ),
    }
}

/// The one sentence for a reader who reads no further.
fn verdict(harm: usize, unclear: usize) -> String {
    let needs = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    };
    match (harm, unclear) {
        (0, 0) => "Nothing wrong was found.".to_owned(),
        (harm, 0) => format!(
            "{}.",
            needs(harm, "finding needs attention", "findings need attention")
        ),
        (0, unclear) => format!(
            "No cause could be named; {}.",
            needs(unclear, "question is open", "questions are open")
        ),
        (harm, unclear) => format!(
            "{}, {}.",
            needs(harm, "finding needs attention", "findings need attention"),
            needs(unclear, "question is open", "questions are open")
        ),
    }
}

/// Findings in a sentence each.
fn write_lines(
    page: &mut Page,
    heading: &str,
    subjects: &[&Subject],
    several: bool,
) -> io::Result<()> {
    if subjects.is_empty() {
        return Ok(());
    }
    page.gap()?;
    page.line(heading)?;
    for subject in subjects.iter().take(IN_A_LINE) {
        let text = sentence(&subject.finding.summary);
        page.paragraph("   ", &format!("{}: {text}", subject.name(several)))?;
    }
    write_rest(page, subjects.len().saturating_sub(IN_A_LINE))
}

/// The hosts with findings and the busiest others, counted.
fn write_table(page: &mut Page, survey: &Survey) -> io::Result<()> {
    let remotes = ranked(survey);
    if remotes.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = remotes
        .iter()
        .take(BUSIEST)
        .map(|remote| Row::remote(survey, *remote))
        .collect();
    page.gap()?;
    for line in table::lay_out(&rows, page.columns()) {
        page.line(&format!(" {}{}", line.mark, line.text))?;
    }
    let known: usize = survey
        .sources
        .iter()
        .map(|source| source.diagnosis.remotes_known)
        .sum();
    write_rest(page, known.max(remotes.len()) - rows.len())
}

fn write_rest(page: &mut Page, number: usize) -> io::Result<()> {
    match number {
        0 => Ok(()),
        number => page.line(&format!(
            "    and {} more; `--output json` has them",
            wording::count(number as u64)
        )),
    }
}

/// What the reader has to know about what was not seen.
fn write_limits(page: &mut Page, survey: &Survey) -> io::Result<()> {
    if !survey.blind_to.is_empty() {
        page.gap()?;
        page.paragraph(
            "",
            &format!("Not visible from here: {}.", joined(&survey.blind_to)),
        )?;
    }
    for source in &survey.sources {
        let overflow = source.diagnosis.overflow_remotes;
        if overflow > 0 {
            page.gap()?;
            let hosts = counted(overflow, "remote is", "remotes are");
            page.paragraph(
                "",
                &format!(
                    "The table of remotes of {} was full: {hosts} counted as one.",
                    source.name
                ),
            )?;
        }
        if !source.notes.is_empty() {
            page.gap()?;
            page.paragraph(
                "",
                &format!("On {}: {}.", source.name, joined(&source.notes)),
            )?;
        }
    }
    Ok(())
}

/// Statements in one sentence.
fn joined(statements: &[String]) -> String {
    let statements = statements
        .iter()
        .map(|statement| statement.trim_end_matches('.'));
    statements.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
