//! One remote host in full: the verdict, the table of predictions and fates as a table, its newest SYNs and its
//! fragments as pictures, then evidence, alternatives, remedy.

mod picture;

use ratatui::text::{Line, Span};

use super::{
    prose,
    theme::{STRONG, Theme},
};
use crate::{
    report::{
        note::finding::{Subject, Told, seen},
        wording,
    },
    tui::app::App,
};

/// Width beyond which lines are hard to read.
const MAX_COLUMNS: usize = 120;

/// The lines of the pane.
pub(super) fn lines(app: &App, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let width = width.min(MAX_COLUMNS);
    let remote = app.chosen().and_then(|entry| app.remote(entry));
    let mut lines = Vec::new();
    for (place, told) in told(app).iter().enumerate() {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(verdict(told, width, theme));
        if let Some(fates) = &told.fates {
            lines.push(Line::default());
            lines.extend(picture::fates(fates, width, theme));
        }
        // What belongs to the host rather than to a finding of it is told once.
        if let Some(remote) = remote.filter(|_| place == 0) {
            lines.extend(picture::close_up(remote, width, theme));
        }
        lines.push(Line::default());
        for (label, items) in &told.sections {
            lines.extend(prose::items(label, items, width));
        }
    }
    if let Some(remote) = remote.filter(|remote| remote.findings.is_empty()) {
        let host = wording::host(remote.address, &app.survey().names);
        let verdict = if remote.hit_by.is_empty() {
            "nothing wrong found"
        } else {
            "hit by what is wrong with others"
        };
        let name = format!("{host}: {verdict}");
        lines.push(Line::styled(name, STRONG));
        lines.extend(picture::close_up(remote, width, theme));
        lines.push(Line::default());
        let hit_by: Vec<_> = remote.hit_by.iter().map(wording::hit_by).collect();
        lines.extend(prose::items("hit by", &hit_by, width));
        lines.extend(prose::items("seen", &seen(remote), width));
    }
    lines
}

/// The findings about what the cursor is on, told.
pub(in crate::tui) fn told(app: &App) -> Vec<Told> {
    let survey = app.survey();
    let chosen = app.chosen();
    let Some((entry, source)) =
        chosen.and_then(|entry| Some((entry, survey.sources.get(entry.source)?)))
    else {
        return Vec::new();
    };
    let remote = app.remote(entry);
    let findings = remote.map_or(&source.diagnosis.findings, |remote| &remote.findings);
    let told = findings.iter().map(|finding| {
        let subject = Subject {
            source,
            remote,
            finding,
            names: &survey.names,
        };
        Told::new(&subject.name(survey.sources.len() > 1), &subject)
    });
    told.collect()
}

/// The heading, and the finding in a sentence.
fn verdict(told: &Told, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let severity = Some(told.severity);
    let mark = Span::styled(
        format!("{} ", wording::mark(severity)),
        theme.severity(severity),
    );
    let mut lines = prose::paragraph(vec![mark], &told.heading, width);
    for line in &mut lines {
        *line = std::mem::take(line).patch_style(STRONG);
    }
    if !told.summary.is_empty() {
        lines.push(Line::default());
        lines.extend(prose::paragraph(
            vec![Span::raw("  ")],
            &told.summary,
            width,
        ));
    }
    lines
}
