//! One line per remote host, in columns: for the live screen and for the end of a report.

use crate::{
    analysis::diagnosis::{Finding, RemoteCounters, Severity},
    report::{ranking::Ranked, wording},
    survey::Survey,
};

/// Narrowest column of remote hosts: the longest IPv4 address.
const MIN_REMOTE: usize = 15;
/// Narrowest column of verdicts: before it gets narrower, columns of numbers go.
const MIN_VERDICT: usize = 18;
/// Most of a name beside an address; details have it in full.
const MAX_NAME: usize = 24;
/// Widest column of verdicts.
const MAX_VERDICT: usize = 34;

/// One line.
pub(crate) struct Row {
    severity: Option<Severity>,
    remote: String,
    verdict: String,
    /// Indexed by [`Column`].
    cells: [String; Column::ALL.len()],
}

/// Columns right of the verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Sure,
    Syns,
    Dropped,
    Resets,
    Fragments,
}

impl Column {
    const ALL: [Self; 5] = [
        Self::Sure,
        Self::Syns,
        Self::Dropped,
        Self::Resets,
        Self::Fragments,
    ];
    /// What a narrow page does without, the most dispensable first.
    const DISPENSABLE: [Self; 5] = [
        Self::Resets,
        Self::Syns,
        Self::Fragments,
        Self::Dropped,
        Self::Sure,
    ];

    /// Its heading, and its width with the space before it.
    const fn heading(self) -> (&'static str, usize) {
        match self {
            Self::Sure => ("sure", 8),
            Self::Syns => ("SYNs", 8),
            Self::Dropped => ("dropped", 14),
            Self::Resets => ("RSTs", 8),
            Self::Fragments => ("fragments", 11),
        }
    }
}

impl Row {
    /// The line of a remote host, with its worst finding.
    pub(crate) fn remote(survey: &Survey, ranked: Ranked) -> Self {
        let remote = ranked.remote;
        let mut name = remote.address.to_string();
        if let Some(source) = survey.sources.get(ranked.source)
            && survey.sources.len() > 1
        {
            name = format!("{name} on {}", wording::clean(&source.name));
        }
        if let Some(called) = survey.names.of(remote.address) {
            name = format!("{name} {}", wording::fitted(&called, MAX_NAME));
        }
        let more = remote.findings.len().saturating_sub(1);
        let mut row = Self::new(name, remote.findings.first(), more);
        if let ([], [hit_by, ..]) = (remote.findings.as_slice(), remote.hit_by.as_slice()) {
            row.verdict = format!("hit by {}", hit_by.remote);
        }
        let counters = &remote.counters;
        let (dropped, decided) = decided(counters);
        let [_, cells @ ..] = &mut row.cells;
        *cells = [
            wording::count(counters.syn_sent),
            wording::percent(dropped, decided).map_or_else(
                || "-".to_owned(),
                |share| format!("{} {share:>5}", wording::count(dropped)),
            ),
            wording::count(resets(counters)),
            wording::count(fragments(counters)),
        ];
        row
    }

    /// The line of a finding that belongs to no remote host.
    pub(crate) fn source(survey: &Survey, (source, finding): (usize, &Finding)) -> Self {
        let source = survey.sources.get(source);
        let name = source.map(|source| wording::clean(&source.name).into_owned());
        Self::new(name.unwrap_or_default(), Some(finding), 0)
    }

    /// The severity of its worst finding.
    pub(crate) const fn severity(&self) -> Option<Severity> {
        self.severity
    }

    /// The row as one line without columns.
    pub(crate) fn in_words(&self) -> String {
        let numbers = Column::ALL.into_iter().zip(&self.cells);
        let numbers = numbers.filter(|(_, cell)| !cell.is_empty());
        let numbers = numbers.map(|(column, cell)| {
            // A share stands behind its number.
            let cell = match cell.split_once(' ').filter(|_| column == Column::Dropped) {
                Some((number, share)) => format!("{number} ({})", share.trim()),
                None => cell.clone(),
            };
            format!(", {} {cell}", column.heading().0)
        });
        let verdict = match self.verdict.as_str() {
            "" => "nothing found",
            verdict => verdict,
        };
        format!("{}: {verdict}{}", self.remote, numbers.collect::<String>())
    }

    fn new(remote: String, finding: Option<&Finding>, more: usize) -> Self {
        let title = finding.map_or("", |finding| finding.cause.title());
        let mut cells = [const { String::new() }; Column::ALL.len()];
        let [sure, ..] = &mut cells;
        *sure = finding.map_or_else(String::new, |finding| wording::sure(finding.confidence));
        Self {
            severity: finding.map(|finding| finding.severity),
            remote,
            verdict: match more {
                0 => title.to_owned(),
                more => format!("{title} (+{more})"),
            },
            cells,
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

/// RSTs received.
pub(crate) const fn resets(counters: &RemoteCounters) -> u64 {
    counters.rst_answering_syn + counters.rst_established
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

/// Lays rows out in at most `columns`, under a line of headings. Where there is little room whole columns are left
/// out: a number that is cut off would be another number.
pub(crate) fn lay_out(rows: &[Row], columns: usize) -> Vec<Line> {
    let names = rows.iter().map(|row| row.remote.chars().count());
    let remote = names.max().unwrap_or(0).max(MIN_REMOTE);
    // The mark and the spaces around it, and those before the verdict.
    let room = columns.saturating_sub(4 + remote + 2);
    let mut shown = Column::ALL.to_vec();
    let width = |shown: &[Column]| shown.iter().map(|column| column.heading().1).sum::<usize>();
    for dispensable in Column::DISPENSABLE {
        if width(&shown) + MIN_VERDICT > room {
            shown.retain(|column| *column != dispensable);
        }
    }
    let layout = Layout {
        remote,
        verdict: room
            .saturating_sub(width(&shown))
            .clamp(MIN_VERDICT, MAX_VERDICT),
        shown,
    };
    let headings = Column::ALL.map(|column| column.heading().0);
    let heading = Line {
        severity: None,
        mark: ' ',
        text: layout.line("remote", "verdict", headings),
    };
    let rows = rows.iter().map(|row| Line {
        severity: row.severity,
        mark: wording::mark(row.severity),
        text: layout.line(
            &row.remote,
            &row.verdict,
            row.cells.each_ref().map(String::as_str),
        ),
    });
    std::iter::once(heading).chain(rows).collect()
}

/// Widths of the columns, worked out once.
struct Layout {
    remote: usize,
    verdict: usize,
    shown: Vec<Column>,
}

impl Layout {
    fn line(&self, remote: &str, verdict: &str, cells: [&str; Column::ALL.len()]) -> String {
        let verdict = wording::fitted(verdict, self.verdict);
        let numbers = Column::ALL.into_iter().zip(cells);
        let numbers = numbers.filter(|(column, _)| self.shown.contains(column));
        let numbers: Vec<_> = numbers
            .map(|(column, cell)| format!("{cell:>width$}", width = column.heading().1))
            .collect();
        let line = format!(
            "  {remote:<0$}  {verdict:<1$}{2}",
            self.remote,
            self.verdict,
            numbers.concat()
        );
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixture, ranking::ranked};

    #[test]
    fn narrow_table_leaves_out_columns_and_cuts_no_number() {
        let survey = fixture::two_interfaces();
        let rows: Vec<_> = ranked(&survey)
            .into_iter()
            .map(|remote| Row::remote(&survey, remote))
            .collect();
        let tables = [120, 100, 80, 60, 48].map(|columns| {
            let lines = lay_out(&rows, columns);
            let lines = lines
                .iter()
                .map(|line| format!(" {}{}\n", line.mark, line.text));
            let table: String = lines.collect();
            assert!(
                table.lines().all(|line| line.chars().count() <= columns),
                "{table}"
            );
            format!("{columns} columns\n{table}")
        });
        insta::assert_snapshot!(tables.join("\n"));
    }
}
