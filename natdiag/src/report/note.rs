//! The final report before it has a form: what a person is told, in which order and words. Text and Markdown lay it
//! out.

pub(crate) mod advice;
pub(crate) mod finding;

use natdiag_common::counter::Counter;

use self::finding::{Subject, Told, sentence};
use crate::{
    report::{
        exit_code::Weight,
        ranking::{ranked, source_findings},
        table::{Row, Topic},
        wording::{self, counted},
    },
    survey::{SourceKind, SourceSurvey, Survey},
};

/// Findings told in full; of more, a ticket needs no more than the names.
const IN_FULL: usize = 20;
/// Lines about further findings, and about harmless ones.
const IN_A_LINE: usize = 100;
/// Lines of the table of remote hosts, if no other number was asked for.
const BUSIEST: usize = 10;

/// What a person is told at the end.
pub(crate) struct Note {
    /// What was watched, for how long, and how much of it was seen; one sentence per source.
    pub(crate) opening: Vec<String>,
    /// The one sentence for a reader who reads no further.
    pub(crate) verdict: String,
    /// What needs attention, and what is open, in full.
    pub(crate) told: Vec<Told>,
    /// More of the same, in a line each.
    pub(crate) also: Listed<(String, String)>,
    /// What explains something and harms nobody, in a line each.
    pub(crate) harmless: Listed<(String, String)>,
    /// The hosts with findings and the busiest others, counted.
    pub(crate) remotes: Listed<Row>,
    /// What the reader has to know about what was not seen, and how it was watched.
    pub(crate) limits: Vec<String>,
}

/// The first of many.
pub(crate) struct Listed<T> {
    /// Those that are shown.
    pub(crate) items: Vec<T>,
    /// How many are not.
    pub(crate) left_out: usize,
}

impl Note {
    /// The note about a run, with at most `rows` remote hosts in its table.
    pub(crate) fn new(survey: &Survey, rows: Option<usize>) -> Self {
        let subjects = subjects(survey);
        let of = |weight| {
            let of_weight = subjects
                .iter()
                .filter(move |subject| Weight::of(subject.finding) == weight);
            of_weight.collect::<Vec<_>>()
        };
        let (harm, unclear, harmless) =
            (of(Weight::Harm), of(Weight::Unclear), of(Weight::Harmless));
        let several = survey.sources.len() > 1;
        let idle = unclear.iter().filter(|subject| subject.has_seen_nothing());
        let open = unclear.len() - idle.count();
        let verdict = verdict(harm.len(), open, unclear.len() > open);
        let told = alike([harm, unclear].concat());
        Self {
            opening: survey
                .sources
                .iter()
                .map(|source| opening(survey, source))
                .collect(),
            verdict,
            told: told
                .iter()
                .take(IN_FULL)
                .filter_map(|alike| Told::of_alike(alike, several))
                .collect(),
            also: listed(&told.get(IN_FULL..).unwrap_or_default().concat(), several),
            harmless: listed(&harmless, several),
            remotes: remotes(survey, rows.unwrap_or(BUSIEST)),
            limits: limits(survey),
        }
    }
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
                names: &survey.names,
            })
        })
        .collect()
}

/// Puts findings together that say the same about different hosts, in the order of the first of each.
fn alike<'a, 's>(subjects: Vec<&'a Subject<'s>>) -> Vec<Vec<&'a Subject<'s>>> {
    let mut groups: Vec<Vec<&Subject>> = Vec::new();
    for subject in subjects {
        let same = groups.iter_mut().find(|group| {
            let first = group.first();
            first.is_some_and(|first| first.says_the_same_as(subject))
        });
        match same {
            Some(group) => group.push(subject),
            None => groups.push(vec![subject]),
        }
    }
    groups
}

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

/// Whether anything could not be observed.
pub(crate) fn has_missed(source: &SourceSurvey) -> bool {
    let totals = &source.diagnosis.totals;
    let missed = [
        Counter::MissedRecordsRing,
        Counter::MissedRecordsBudget,
        Counter::MissedRemotes,
    ];
    source.diagnosis.turned_away > 0 || missed.iter().any(|counter| totals.value(*counter) > 0)
}

/// What could not be observed, in words.
pub(crate) fn missed(source: &SourceSurvey) -> String {
    let totals = &source.diagnosis.totals;
    let records =
        totals.value(Counter::MissedRecordsRing) + totals.value(Counter::MissedRecordsBudget);
    let packets = totals.value(Counter::MissedRemotes) + source.diagnosis.turned_away;
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

fn verdict(harm: usize, unclear: usize, is_idle: bool) -> String {
    let needs = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    };
    match (harm, unclear) {
        (0, 0) if is_idle => "Nothing was seen yet.".to_owned(),
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

/// Findings by name, with a sentence each.
fn listed(subjects: &[&Subject], several: bool) -> Listed<(String, String)> {
    let line = |subject: &&Subject| (subject.name(several), sentence(&subject.finding.summary));
    Listed {
        items: subjects.iter().take(IN_A_LINE).map(line).collect(),
        left_out: subjects.len().saturating_sub(IN_A_LINE),
    }
}

fn remotes(survey: &Survey, rows: usize) -> Listed<Row> {
    let remotes = ranked(survey);
    let items: Vec<_> = remotes
        .iter()
        .take(rows)
        .map(|remote| Row::remote(survey, *remote, Topic::Opening))
        .collect();
    Listed {
        left_out: survey.remotes_known().max(remotes.len()) - items.len(),
        items,
    }
}

fn limits(survey: &Survey) -> Vec<String> {
    let mut limits = Vec::new();
    if !survey.blind_to.is_empty() {
        limits.push(format!(
            "Not visible from here: {}.",
            joined(&survey.blind_to)
        ));
    }
    for source in &survey.sources {
        let overflow = source.diagnosis.overflow_remotes;
        if overflow > 0 {
            let hosts = counted(overflow, "remote is", "remotes are");
            limits.push(format!(
                "The table of remotes of {} was full: {hosts} counted as one.",
                source.name
            ));
        }
        if !source.notes.is_empty() {
            limits.push(format!("On {}: {}.", source.name, joined(&source.notes)));
        }
    }
    limits
}

/// Statements in one sentence.
fn joined(statements: &[String]) -> String {
    let statements = statements
        .iter()
        .map(|statement| statement.trim_end_matches('.'));
    statements.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::diagnosis::{Cause, Severity},
        report::fixture,
    };

    #[test]
    fn idle_interface_has_nothing_seen_yet_and_no_open_question() {
        let nothing = fixture::finding(Cause::InsufficientEvidence, Severity::Warning);
        let mut survey = fixture::survey_of(vec![], vec![nothing]);
        let diagnosis = &mut survey.sources[0].diagnosis;
        diagnosis.remotes_known = 0;
        diagnosis.totals.counters[Counter::Charged as usize] = 0;
        let note = Note::new(&survey, None);
        assert_eq!(note.verdict, "Nothing was seen yet.");
        let name = &survey.sources[0].name;
        assert_eq!(note.told[0].heading, format!("{name}: nothing seen yet"));

        survey.sources[0].diagnosis.totals.counters[Counter::Charged as usize] = 1;
        let note = Note::new(&survey, None);
        assert_eq!(note.verdict, "No cause could be named; 1 question is open.");
    }
}
