//! The last line: what was just done, what is being typed, or the keys that matter here.

use ratatui::text::{Line, Span};

use super::theme::{CHOSEN, FAINT, STRONG};
use crate::{
    report::wording,
    tui::{
        app::{App, Pane},
        keymap::Mode,
    },
};

/// Keys and what they do, and how easily they can be done without: the highest goes first.
type Hint = (&'static str, &'static str, u8);

/// Hints up to here stay whatever the width.
const INDISPENSABLE: u8 = 0;

const LIST: &[Hint] = &[
    ("↑↓", "choose", 4),
    ("Enter", "details", 2),
    ("/", "filter", 3),
    ("s", "sort", 5),
    ("p", "pause", 6),
    ("c", "causes", 7),
    ("e", "export", 8),
    ("?", "help", 0),
    ("q", "quit", 1),
];
const PAUSED: &[Hint] = &[
    ("p", "go on", 2),
    ("↑↓", "choose", 4),
    ("Enter", "details", 3),
    ("e", "export", 5),
    ("?", "help", 0),
    ("q", "quit", 1),
];
const DETAIL: &[Hint] = &[
    ("↑↓", "scroll", 4),
    ("n N", "next, previous", 3),
    ("y", "copy a note", 2),
    ("e", "export", 5),
    ("Esc", "back", 1),
    ("?", "help", 0),
];
const CAUSES: &[Hint] = &[
    ("↑↓", "choose", 3),
    ("Enter", "its hosts", 2),
    ("Esc", "back", 1),
    ("?", "help", 0),
];
const HELP: &[Hint] = &[("↑↓", "scroll", 1), ("Esc", "back", 0)];

/// The line.
pub(super) fn line(app: &App, width: usize) -> Line<'static> {
    if app.mode() == Mode::Type {
        let typed = wording::clean(app.filter().text()).into_owned();
        return Line::from(vec![
            Span::styled("/", STRONG),
            Span::raw(typed),
            Span::styled(" ", CHOSEN),
            Span::styled("   Enter keeps it, Esc does not", FAINT),
        ]);
    }
    if let Some(message) = app.message() {
        let message = wording::fitted(message, width).into_owned();
        return Line::styled(message, STRONG);
    }
    let hints = match app.pane() {
        Pane::List if app.held_ns().is_some() => PAUSED,
        Pane::List => LIST,
        Pane::Detail => DETAIL,
        Pane::Causes => CAUSES,
        Pane::Help => HELP,
    };
    let below = match app.pane() {
        Pane::Detail => app.detail.below(),
        Pane::Help => app.help.below(),
        Pane::List | Pane::Causes => 0,
    };
    let below = match below {
        0 => String::new(),
        below => format!("{below} more below"),
    };
    let mut hints = hints.to_vec();
    while length(&hints) + below.len() > width
        && let Some(least) = hints.iter().map(|hint| hint.2).max()
        && least > INDISPENSABLE
    {
        hints.retain(|hint| hint.2 != least);
    }
    let room = width.saturating_sub(length(&hints));
    let below = (below.len() <= room).then(|| Span::styled(format!("{below:>room$}"), FAINT));
    let spans = hints.into_iter().flat_map(|(key, does, _)| {
        [
            Span::raw(" "),
            Span::styled(key, STRONG),
            Span::raw(format!(" {does}  ")),
        ]
    });
    Line::from(spans.chain(below).collect::<Vec<_>>())
}

fn length(hints: &[Hint]) -> usize {
    let hints = hints.iter();
    hints
        .map(|(key, does, _)| key.chars().count() + does.chars().count() + 4)
        .sum()
}
