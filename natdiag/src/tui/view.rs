//! Draws the app. Only what is in sight is put into words.

mod causes;
pub(super) mod detail;
mod footer;
mod header;
mod help;
mod list;
mod prose;
pub(super) mod theme;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};

use self::theme::Theme;
use crate::tui::{
    app::{App, Pane},
    window::Window,
};

/// Draws everything.
pub(super) fn draw(frame: &mut Frame, app: &mut App, theme: Theme) {
    let area = frame.area();
    let header = header::lines(app, area.width.into(), theme);
    // A low screen shows what it is for rather than why.
    let most = (area.height / 3).max(1);
    let header_height = u16::try_from(header.len()).unwrap_or(u16::MAX).min(most);
    let [top, _, body, bottom] = area.layout(&Layout::vertical([
        Constraint::Length(header_height),
        Constraint::Length(u16::from(area.height >= 12)),
        Constraint::Min(1),
        Constraint::Length(1),
    ]));
    frame.render_widget(Paragraph::new(header), top);
    let (width, height) = (usize::from(body.width), usize::from(body.height));
    match app.pane() {
        Pane::List => {
            let lines = list::lines(app, width, height, theme);
            frame.render_widget(Paragraph::new(lines), body);
        }
        Pane::Detail => {
            let lines = detail::lines(app, width, theme);
            scroll(frame, body, lines, &mut app.detail);
        }
        Pane::Causes => {
            let lines = causes::lines(app, width, height, theme);
            frame.render_widget(Paragraph::new(lines), body);
        }
        Pane::Help => {
            let lines = help::lines(width);
            scroll(frame, body, lines, &mut app.help);
        }
    }
    frame.render_widget(footer::line(app, bottom.width.into()), bottom);
}

/// Shows the part of a text that is in sight.
fn scroll(frame: &mut Frame, area: Rect, lines: Vec<Line<'static>>, window: &mut Window) {
    window.fit_text(lines.len(), area.height.into());
    let shown: Vec<_> = lines
        .into_iter()
        .skip(window.first)
        .take(window.height)
        .collect();
    frame.render_widget(Paragraph::new(shown), area);
}
