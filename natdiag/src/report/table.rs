//! One line per remote host, in columns: for the live screen and for the end of a report.

use crate::{
    analysis::diagnosis::{Finding, RemoteCounters, Severity},
    report::{ranking::Ranked, wording},
    survey::Survey,
};

/// Narrowest column of verdicts: below, the line is cut off at its right end.
const MIN_VERDICT: usize = 20;
/// Widest column of verdicts that any needs.
const MAX_VERDICT: usize = 36;
/// Columns right of the verdict, with the spaces before them.
const NUMBERS: usize = 8 + 9 + 14 + 7 + 11;

/// One line.
pub(crate) struct Row {
    severity: Option<Severity>,
    remote: String,
    verdict: String,
    sure: String,
    numbers: Option<Numbers>,
}

struct Numbers {
    syns: u64,
    dropped: u64,
    decided: u64,
    resets: u64,
    fragments: u64,
}

impl Row {
    /// The line of a remote host, with its worst finding.
    pub(crate) fn remote(survey: &Survey, ranked: Ranked) -> Self {
        let remote = ranked.remote;
        let name = match survey.sources.get(ranked.source) {
            Some(source) if survey.sources.len() > 1 => {
                format!("{} on {}", remote.address, wording::clean(&source.name))
            }
            _ => remote.address.to_string(),
        };
        let more = remote.findings.len().saturating_sub(1);
        Self {
            numbers: Some(Numbers::from(&remote.counters)),
            ..Self::new(name, remote.findings.first(), more)
        }
    }

    /// The line of a finding that belongs to no remote host.
    pub(crate) fn source(survey: &Survey, (source, finding): (usize, &Finding)) -> Self {
        let name = survey
            .sources
            .get(source)
            .map(|source| wording::clean(&source.name));
        Self::new(name.unwrap_or_default().into_owned(), Some(finding), 0)
    }

    /// The line of several hosts without findings.
    pub(crate) fn others(number: u64) -> Self {
        let name = wording::counted(number, "other remote", "other remotes");
        Self {
            verdict: "nothing found".to_owned(),
            ..Self::new(name, None, 0)
        }
    }

    fn new(remote: String, finding: Option<&Finding>, more: usize) -> Self {
        let title = finding.map_or("", |finding| wording::title(finding.cause));
        Self {
            severity: finding.map(|finding| finding.severity),
            remote,
            verdict: match more {
                0 => title.to_owned(),
                more => format!("{title} (+{more})"),
            },
            sure: finding.map_or_else(String::new, |finding| wording::sure(finding.confidence)),
            numbers: None,
        }
    }
}

impl From<&RemoteCounters> for Numbers {
    fn from(counters: &RemoteCounters) -> Self {
        let (dropped, decided) = decided(counters);
        Self {
            syns: counters.syn_sent,
            dropped,
            decided,
            resets: counters.rst_answering_syn + counters.rst_established,
            fragments: fragments(counters),
        }
    }
}

/// SYNs dropped, and SYNs with a known fate.
pub(crate) const fn decided(counters: &RemoteCounters) -> (u64, u64) {
    let dropped = counters.syn_predicted_drop_dropped
        + counters.syn_predicted_pass_dropped
        + counters.syn_without_timestamps_dropped;
    let answered = counters.syn_predicted_drop_answered
        + counters.syn_predicted_pass_answered
        + counters.syn_without_timestamps_answered;
    (dropped, dropped + answered)
}

/// Fragments received, atomic ones left out.
pub(crate) const fn fragments(counters: &RemoteCounters) -> u64 {
    counters.fragments_first + counters.fragments_middle + counters.fragments_last
}

/// A line of the table: its mark, and the text behind that.
pub(crate) struct Line {
    /// Colours the mark.
    pub(crate) severity: Option<Severity>,
    /// Stands in the second column, behind a space.
    pub(crate) mark: char,
    /// Everything right of the mark.
    pub(crate) text: String,
}

/// Lays rows out in at most `columns`, under a line of headings.
pub(crate) fn lay_out(rows: &[Row], columns: usize) -> Vec<Line> {
    let width = |cell: &str| cell.chars().count();
    let remote = rows
        .iter()
        .map(|row| width(&row.remote))
        .max()
        .unwrap_or(0)
        .max(15);
    let room = columns.saturating_sub(4 + remote + 2 + NUMBERS);
    let verdict = room.clamp(MIN_VERDICT, MAX_VERDICT);
    let heading = Line {
        severity: None,
        mark: ' ',
        text: line(
            [remote, verdict],
            [
                "remote",
                "verdict",
                "sure",
                "SYNs",
                "dropped",
                "RSTs",
                "fragments",
            ],
        ),
    };
    let rows = rows.iter().map(|row| Line {
        severity: row.severity,
        mark: wording::mark(row.severity),
        text: row.text([remote, verdict]),
    });
    std::iter::once(heading).chain(rows).collect()
}

impl Row {
    fn text(&self, widths: [usize; 2]) -> String {
        let Some(numbers) = &self.numbers else {
            return line(
                widths,
                [&self.remote, &self.verdict, &self.sure, "", "", "", ""],
            );
        };
        let dropped = wording::percent(numbers.dropped, numbers.decided).map_or_else(
            || "-".to_owned(),
            |share| format!("{} {share:>5}", wording::count(numbers.dropped)),
        );
        line(
            widths,
            [
                &self.remote,
                &self.verdict,
                &self.sure,
                &wording::count(numbers.syns),
                &dropped,
                &wording::count(numbers.resets),
                &wording::count(numbers.fragments),
            ],
        )
    }
}

fn line([remote, verdict]: [usize; 2], cells: [&str; 7]) -> String {
    let [name, title, sure, syns, dropped, resets, fragments] = cells;
    let line = format!(
        "  {name:<remote$}  {title:<verdict$}{sure:>8}{syns:>9}{dropped:>14}{resets:>7}{fragments:>11}"
    );
    line.trim_end().to_owned()
}
