//! One line per remote host, in columns: for the live screen and for the end of a report.

use crate::{
    analysis::diagnosis::{EstablishedSums, Finding, RemoteCounters, Severity},
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

/// What the columns of numbers are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Topic {
    /// How connections are opened: SYNs, RSTs, fragments.
    #[default]
    Opening,
    /// How established connections fare.
    Established,
}

/// One line.
pub(crate) struct Row {
    severity: Option<Severity>,
    remote: String,
    verdict: String,
    cells: Vec<(Column, String)>,
}

/// Columns right of the verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Sure,
    Syns,
    Dropped,
    Resets,
    Fragments,
    Connections,
    Stuck,
    RoundTrip,
    RoundTripOfNinety,
    SentAgain,
    CameAgain,
}

impl Column {
    /// Its heading, and its width with the space before it.
    const fn heading(self) -> (&'static str, usize) {
        match self {
            Self::Sure => ("sure", 8),
            Self::Syns => ("SYNs", 8),
            Self::Dropped => ("dropped", 14),
            Self::Resets => ("RSTs", 8),
            Self::Fragments => ("fragments", 11),
            Self::Connections => ("looked at", 11),
            Self::Stuck => ("stuck", 7),
            Self::RoundTrip => ("round trip", 12),
            Self::RoundTripOfNinety => ("90 % below", 12),
            Self::SentAgain => ("sent again", 12),
            Self::CameAgain => ("came again", 12),
        }
    }
}

impl Topic {
    /// The other one.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Opening => Self::Established,
            Self::Established => Self::Opening,
        }
    }

    const fn columns(self) -> &'static [Column] {
        match self {
            Self::Opening => &[
                Column::Sure,
                Column::Syns,
                Column::Dropped,
                Column::Resets,
                Column::Fragments,
            ],
            Self::Established => &[
                Column::Sure,
                Column::Connections,
                Column::Stuck,
                Column::RoundTrip,
                Column::RoundTripOfNinety,
                Column::SentAgain,
                Column::CameAgain,
            ],
        }
    }

    /// What a narrow page does without, the most dispensable first.
    const fn dispensable(self) -> &'static [Column] {
        match self {
            Self::Opening => &[
                Column::Resets,
                Column::Syns,
                Column::Fragments,
                Column::Dropped,
                Column::Sure,
            ],
            Self::Established => &[
                Column::Connections,
                Column::CameAgain,
                Column::RoundTripOfNinety,
                Column::Sure,
                Column::Stuck,
                Column::SentAgain,
                Column::RoundTrip,
            ],
        }
    }
}

impl Row {
    /// The line of a remote host, with its worst finding.
    pub(crate) fn remote(survey: &Survey, ranked: Ranked, topic: Topic) -> Self {
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
        row.cells.extend(match topic {
            Topic::Opening => of_opening(&remote.counters),
            Topic::Established => remote
                .established
                .as_ref()
                .map(of_established)
                .unwrap_or_default(),
        });
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
        let numbers = self.cells.iter().filter(|(_, cell)| !cell.is_empty());
        let numbers = numbers.map(|(column, cell)| {
            // A share stands behind its number.
            let cell = match cell.split_once(' ').filter(|_| *column == Column::Dropped) {
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

    fn cell(&self, column: Column) -> &str {
        let cell = self.cells.iter().find(|(of, _)| *of == column);
        cell.map_or("", |(_, cell)| cell)
    }

    fn new(remote: String, finding: Option<&Finding>, more: usize) -> Self {
        let title = finding.map_or("", |finding| finding.cause.title());
        let sure = finding
            .and_then(Finding::certainty)
            .map_or_else(String::new, wording::sure);
        Self {
            severity: finding.map(|finding| finding.severity),
            remote,
            verdict: match more {
                0 => title.to_owned(),
                more => format!("{title} (+{more})"),
            },
            cells: vec![(Column::Sure, sure)],
        }
    }
}

fn of_opening(counters: &RemoteCounters) -> Vec<(Column, String)> {
    let (dropped, decided) = decided(counters);
    let dropped = wording::percent(dropped, decided).map_or_else(
        || "-".to_owned(),
        |share| format!("{} {share:>5}", wording::count(dropped)),
    );
    vec![
        (Column::Syns, wording::count(counters.syn_sent)),
        (Column::Dropped, dropped),
        (Column::Resets, wording::count(resets(counters))),
        (Column::Fragments, wording::count(fragments(counters))),
    ]
}

fn of_established(sums: &EstablishedSums) -> Vec<(Column, String)> {
    let share = |part, whole| wording::percent(part, whole).unwrap_or_else(|| "-".to_owned());
    let mut cells = vec![
        (Column::Connections, wording::count(sums.connections)),
        (Column::Stuck, wording::count(sums.stuck)),
        (
            Column::SentAgain,
            share(sums.data_sent_again, sums.data_sent),
        ),
        (
            Column::CameAgain,
            share(sums.data_received_again, sums.data_received),
        ),
    ];
    if let Some((median, of_ninety)) = sums.round_trip_ns {
        cells.push((Column::RoundTrip, wording::short_span(median)));
        cells.push((Column::RoundTripOfNinety, wording::short_span(of_ninety)));
    }
    cells
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
pub(crate) fn lay_out(rows: &[Row], topic: Topic, columns: usize) -> Vec<Line> {
    let names = rows.iter().map(|row| row.remote.chars().count());
    let remote = names.max().unwrap_or(0).max(MIN_REMOTE);
    // The mark and the spaces around it, and those before the verdict.
    let room = columns.saturating_sub(4 + remote + 2);
    let mut shown = topic.columns().to_vec();
    let width = |shown: &[Column]| shown.iter().map(|column| column.heading().1).sum::<usize>();
    for dispensable in topic.dispensable() {
        if width(&shown) + MIN_VERDICT > room {
            shown.retain(|column| column != dispensable);
        }
    }
    let layout = Layout {
        remote,
        verdict: room
            .saturating_sub(width(&shown))
            .clamp(MIN_VERDICT, MAX_VERDICT),
        shown,
    };
    let heading = Line {
        severity: None,
        mark: ' ',
        text: layout.line("remote", "verdict", |column| column.heading().0),
    };
    let rows = rows.iter().map(|row| Line {
        severity: row.severity,
        mark: wording::mark(row.severity),
        text: layout.line(&row.remote, &row.verdict, |column| row.cell(column)),
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
    fn line<'a>(&self, remote: &str, verdict: &str, cell: impl Fn(Column) -> &'a str) -> String {
        let verdict = wording::fitted(verdict, self.verdict);
        let numbers = self.shown.iter().map(|column| {
            let width = column.heading().1;
            format!("{:>width$}", cell(*column))
        });
        let numbers: Vec<_> = numbers.collect();
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
        let rows = |topic| {
            let remotes = ranked(&survey).into_iter();
            let rows = remotes.map(|remote| Row::remote(&survey, remote, topic));
            rows.collect::<Vec<_>>()
        };
        let topics = [Topic::Opening, Topic::Established];
        let pages = topics.map(|topic| [120, 100, 80, 60, 48].map(|columns| (topic, columns)));
        let tables = pages.as_flattened().iter().map(|(topic, columns)| {
            let lines = lay_out(&rows(*topic), *topic, *columns);
            let lines = lines
                .iter()
                .map(|line| format!(" {}{}\n", line.mark, line.text));
            let table: String = lines.collect();
            assert!(
                table.lines().all(|line| line.chars().count() <= *columns),
                "{table}"
            );
            format!("{columns} columns\n{table}")
        });
        insta::assert_snapshot!(tables.collect::<Vec<_>>().join("\n"));
    }
}
