//! What is watched, how it goes, what is missed, what it costs; then how it is watched and why in that way.

use ratatui::text::{Line, Span};

use super::{
    prose,
    theme::{CHOSEN, FAINT, STRONG, Theme},
};
use crate::{
    analysis::diagnosis::Severity,
    report::{note, wording},
    survey::SourceSurvey,
    tui::app::App,
};

/// Most lines about how one interface is watched.
const MOST_NOTES: usize = 2;

/// The lines of the header.
pub(super) fn lines(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let survey = app.survey();
    for (place, source) in survey.sources.iter().enumerate() {
        lines.extend(flow(state(app, place, source, theme), width));
    }
    for source in &survey.sources {
        let mut how = format!("at {}", source.hooks.join(", "));
        for note in &source.notes {
            how = format!("{how}; {note}");
        }
        if survey.sources.len() > 1 {
            how = format!("{} {how}", source.name);
        }
        lines.extend(notes(&how, width));
    }
    if !survey.blind_to.is_empty() {
        let blind = format!("not visible from here: {}", survey.blind_to.join("; "));
        lines.extend(notes(&blind, width));
    }
    lines
}

/// How it goes on one interface, in parts that may stand in lines of their own.
fn state(app: &App, place: usize, source: &SourceSurvey, theme: Theme) -> Vec<Span<'static>> {
    let survey = app.survey();
    let name = wording::clean(&source.name).into_owned();
    let mut parts = vec![
        Span::styled(name, STRONG),
        Span::raw(format!(
            "up {}",
            wording::clock(survey.end.since(survey.start))
        )),
    ];
    if let Some(rates) = app.rates().get(place) {
        parts.push(Span::raw(format!("in {}", rates.received.in_short())));
        parts.push(Span::raw(format!("out {}", rates.sent.in_short())));
    }
    let missed = note::missed(source);
    let severity = note::has_missed(source).then_some(Severity::Warning);
    parts.push(Span::styled(missed, theme.severity(severity)));
    if source.diagnosis.overflow_remotes > 0 {
        parts.push(Span::styled(
            "table of remotes full",
            theme.severity(Some(Severity::Warning)),
        ));
    }
    if place == 0 {
        parts.insert(0, Span::styled("natdiag", STRONG));
        if let Some(permille) = app.cost_permille() {
            parts.push(Span::raw(format!(
                "cost {}.{} % of a core",
                permille / 10,
                permille % 10
            )));
        }
        if let Some(held_ns) = app.held_ns() {
            parts.push(Span::styled(
                format!("paused, {} behind", wording::clock(held_ns)),
                CHOSEN,
            ));
        }
    } else {
        parts.insert(0, Span::raw("       "));
    }
    parts
}

/// Parts one behind the other, in as many lines as they need.
fn flow(parts: Vec<Span<'static>>, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.width() + 3 + part.width() <= width => {
                line.push_span(Span::raw("   "));
                line.push_span(part);
            }
            _ => lines.push(Line::from(part)),
        }
    }
    lines
}

fn notes(text: &str, width: usize) -> Vec<Line<'static>> {
    let lines = prose::wrapped(text, width);
    let cut = lines.len() > MOST_NOTES;
    let mut lines: Vec<_> = lines.into_iter().take(MOST_NOTES).collect();
    if let Some(last) = lines.last_mut().filter(|_| cut) {
        last.push_str(" …");
        *last = wording::fitted(last, width).into_owned();
    }
    lines
        .into_iter()
        .map(|line| Line::styled(line, FAINT))
        .collect()
}
