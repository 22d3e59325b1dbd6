//! The remote hosts, a line each: mark, address, verdict, counts, and how busy it was.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use super::{
    prose,
    theme::{CHOSEN, FAINT, Theme},
};
use crate::{
    analysis::diagnosis::Severity,
    report::{
        ranking::{Ranked, source_findings},
        table::{self, Row, Topic},
        wording,
    },
    survey::Survey,
    tui::{
        app::App,
        history::SAMPLES,
        order::{Entry, Sort},
    },
};

/// The lines of the list.
pub(super) fn lines(
    app: &mut App,
    width: usize,
    height: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let entries = app.order().entries().len();
    // The headings above, and the hosts that are not shown below.
    app.list
        .fit_cursor(entries, height.saturating_sub(2).max(1));
    if entries == 0 {
        return nothing(app, width, theme);
    }
    let shown: Vec<Entry> = app
        .order()
        .entries()
        .iter()
        .skip(app.list.first)
        .take(app.list.height)
        .copied()
        .collect();
    let samples = spark_width(width);
    let room = if samples > 0 {
        width.saturating_sub(samples + 2)
    } else {
        width
    };
    let (survey, topic) = (app.survey(), app.topic());
    let rows: Vec<_> = shown
        .iter()
        .filter_map(|entry| row(survey, *entry, topic))
        .collect();
    let table = table::lay_out(&rows, topic, room);
    let mut lines = Vec::with_capacity(table.len() + 1);
    for (place, line) in table.into_iter().enumerate() {
        let entry = place.checked_sub(1).and_then(|place| shown.get(place));
        let spark = match entry {
            Some(entry) => spark(app, *entry, samples),
            None if samples > 0 => heading(app, samples),
            None => String::new(),
        };
        let text = wording::fitted(&line.text, room.saturating_sub(2));
        let text = if samples > 0 {
            format!("{text:<0$}  {spark}", room.saturating_sub(2))
        } else {
            text.into_owned()
        };
        let is_chosen = entry.is_some() && place == app.list.line - app.list.first + 1;
        let style = if is_chosen {
            CHOSEN
        } else if entry.is_none() {
            FAINT
        } else {
            Style::new()
        };
        let mark = Span::styled(
            format!(" {}", line.mark),
            theme.severity(line.severity).patch(style),
        );
        let text = format!("{text:<0$}", width.saturating_sub(2));
        lines.push(Line::from(vec![mark, Span::styled(text, style)]));
    }
    let rest = rest(app, entries);
    lines.push(Line::styled(
        wording::fitted(&rest, width).into_owned(),
        FAINT,
    ));
    lines
}

fn row(survey: &Survey, entry: Entry, topic: Topic) -> Option<Row> {
    let diagnosis = &survey.sources.get(entry.source)?.diagnosis;
    match entry.remote {
        Some(place) => Some(Row::remote(
            survey,
            Ranked {
                source: entry.source,
                place,
                remote: diagnosis.remotes.get(place)?,
            },
            topic,
        )),
        None => source_findings(survey)
            .find(|(source, _)| *source == entry.source)
            .map(|finding| Row::source(survey, finding)),
    }
}

/// Columns for sparklines: what a wide screen has left, and few on a narrow one.
const fn spark_width(width: usize) -> usize {
    match width {
        ..72 => 0,
        72..118 => 10,
        _ => {
            let left = width - 106;
            if left < SAMPLES { left } else { SAMPLES }
        }
    }
}

fn heading(app: &App, samples: usize) -> String {
    match app.history().span_secs(samples) {
        0 => String::new(),
        seconds => wording::fitted(&format!("last {seconds} s"), samples).into_owned(),
    }
}

/// How busy a host was: each against its own busiest interval.
fn spark(app: &App, entry: Entry, samples: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let address = app.remote(entry).map(|remote| remote.address);
    let samples = address.and_then(|address| app.history().samples(entry.source, address, samples));
    let samples = samples.unwrap_or_default();
    let most = samples.iter().copied().max().unwrap_or(0);
    samples
        .into_iter()
        .map(|sample| {
            let bar = (sample * BARS.len() as u64).div_ceil(most.max(1));
            let bar = usize::try_from(bar.saturating_sub(1)).unwrap_or(0);
            if sample == 0 {
                ' '
            } else {
                BARS.get(bar).copied().unwrap_or('█')
            }
        })
        .collect()
}

/// What is not in the list, and how it is made.
fn rest(app: &App, entries: usize) -> String {
    let survey = app.survey();
    let (sort, is_reversed) = app.sort();
    let mut parts = Vec::new();
    if !app.filter().is_empty() {
        parts.push(format!(
            "{} of {} shown match `{}`",
            entries,
            shown_remotes(survey),
            app.filter().text().trim()
        ));
    }
    let others = survey.remotes_known().saturating_sub(shown_remotes(survey));
    if others > 0 {
        parts.push(format!(
            "{} counted and not listed (`--top all` lists them)",
            wording::counted(others as u64, "more remote", "more remotes")
        ));
    }
    let below = app.list.below();
    if below > 0 {
        parts.push(format!("{below} below"));
    }
    if sort != Sort::default() || is_reversed {
        let way = if is_reversed { ", reversed" } else { "" };
        parts.push(format!("sorted by {}{way}", sort.as_str()));
    }
    if app.order().found() == 0 {
        parts.push("nothing wrong found".to_owned());
    }
    format!("    {}", parts.join("   "))
}

fn shown_remotes(survey: &Survey) -> usize {
    let sources = survey.sources.iter();
    sources.map(|source| source.diagnosis.remotes.len()).sum()
}

/// Says why the list is empty.
fn nothing(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let (mark, text) = if app.filter().is_empty() {
        (
            Severity::Info,
            "No connection and no fragment seen yet, so there is nothing to judge. Open connections to the destination that fails, or watch where its traffic passes.",
        )
    } else {
        (
            Severity::Info,
            "No remote host matches the filter. Esc drops it.",
        )
    };
    let first = Span::styled(
        format!(" {}  ", wording::mark(Some(mark))),
        theme.severity(Some(mark)),
    );
    prose::paragraph(vec![first], text, width)
}
