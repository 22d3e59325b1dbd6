//! What was found, by cause, and what to do about the one that the cursor is on.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use super::{
    prose,
    theme::{CHOSEN, FAINT, Theme},
};
use crate::{
    analysis::diagnosis::Finding,
    report::{note::finding::sentence, wording},
    tui::{
        app::App,
        causes::{Found, causes},
        order::Entry,
    },
};

/// The lines of the pane.
pub(super) fn lines(
    app: &mut App,
    width: usize,
    height: usize,
    theme: Theme,
) -> Vec<Line<'static>> {
    let causes = causes(app.survey());
    if causes.is_empty() {
        let first = vec![Span::raw("    ")];
        return prose::paragraph(first, "Nothing wrong was found.", width);
    }
    // At most half of the screen: below is what to do.
    let room = (height / 2).max(1).min(causes.len());
    app.causes.fit_cursor(causes.len(), room);
    let title = causes
        .iter()
        .map(|found| found.cause.title().chars().count())
        .max()
        .unwrap_or(0)
        .min(width.saturating_sub(22).max(8));
    let heading = format!("    {:<title$}  {:>7}  remotes", "cause", "sure");
    let mut lines = vec![Line::styled(heading, FAINT)];
    let shown = causes.iter().enumerate();
    for (place, found) in shown.skip(app.causes.first).take(room) {
        lines.push(line(found, title, place == app.causes.line, width, theme));
    }
    let chosen = causes.get(app.causes.line);
    let finding = chosen.and_then(|found| {
        let finding = example(app, found.example, found)?;
        Some((found, finding))
    });
    if let Some((found, finding)) = finding {
        lines.push(Line::default());
        let whose = app
            .remote(found.example)
            .map_or_else(String::new, |remote| format!("{}: ", remote.address));
        let text = format!("{whose}{}", sentence(&finding.summary));
        lines.extend(prose::paragraph(vec![Span::raw("  ")], &text, width));
        lines.push(Line::default());
        lines.extend(prose::items("do", &finding.remedy, width));
    }
    lines
}

fn line(found: &Found, title: usize, is_chosen: bool, width: usize, theme: Theme) -> Line<'static> {
    let style = if is_chosen { CHOSEN } else { Style::new() };
    let severity = Some(found.severity);
    let mark = format!(" {}  ", wording::mark(severity));
    let remotes = match found.remotes {
        // It is the interface that it was found of.
        0 => "-".to_owned(),
        remotes => wording::count(remotes as u64),
    };
    let text = format!(
        "{:<title$}  {:>7}  {remotes:>7}",
        wording::fitted(found.cause.title(), title),
        found
            .certainty
            .map_or_else(|| "-".to_owned(), wording::sure),
    );
    Line::from(vec![
        Span::styled(mark, theme.severity(severity).patch(style)),
        Span::styled(format!("{text:<0$}", width.saturating_sub(4)), style),
    ])
}

/// The finding that a cause was found by first.
fn example<'a>(app: &'a App, entry: Entry, found: &Found) -> Option<&'a Finding> {
    let findings = match app.remote(entry) {
        Some(remote) => &remote.findings,
        None => &app.survey().sources.get(entry.source)?.diagnosis.findings,
    };
    findings.iter().find(|finding| finding.cause == found.cause)
}
