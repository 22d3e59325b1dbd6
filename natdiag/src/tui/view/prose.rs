//! Text in lines of a certain width, with labels in front and commands that stand out.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use super::theme::{FAINT, STRONG};
use crate::report::{text::page::broken, wording};

/// Breaks text between words, or within a word that is longer than a line.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for line in broken(&wording::clean(text), width) {
        if line.chars().count() <= width {
            lines.push(line);
            continue;
        }
        // A command: on a screen it is better broken than cut off.
        let mut rest = String::new();
        for word in line.split(' ') {
            let used = rest.chars().count();
            if used > 0 && used + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut rest));
            }
            if !rest.is_empty() {
                rest.push(' ');
            }
            for letter in word.chars() {
                if rest.chars().count() >= width {
                    lines.push(std::mem::take(&mut rest));
                }
                rest.push(letter);
            }
        }
        lines.push(rest);
    }
    lines
}

/// A paragraph behind `first`, which is as wide as the indent of its other lines. What stands in backticks is strong.
pub(super) fn paragraph(first: Vec<Span<'static>>, text: &str, width: usize) -> Vec<Line<'static>> {
    let indent: usize = first.iter().map(Span::width).sum();
    let mut first = Some(first);
    let mut in_command = false;
    wrapped(text, width.saturating_sub(indent))
        .iter()
        .map(|line| {
            let mut spans = first
                .take()
                .unwrap_or_else(|| vec![Span::raw(" ".repeat(indent))]);
            for (place, part) in line.split('`').enumerate() {
                in_command ^= place > 0;
                let style = if in_command { STRONG } else { Style::new() };
                spans.push(Span::styled(part.to_owned(), style));
            }
            Line::from(spans)
        })
        .collect()
}

/// Paragraphs below each other, the first behind a label. On a narrow screen the label has its own line.
pub(super) fn items<T: AsRef<str>>(label: &str, items: &[T], width: usize) -> Vec<Line<'static>> {
    const INDENT: &str = "  ";
    const LABEL: usize = 15;
    const NARROW: usize = 50;
    let mut lines = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let label = if place == 0 { label } else { "" };
        let first = if width >= NARROW {
            vec![Span::styled(format!("{INDENT}{label:<LABEL$}"), FAINT)]
        } else {
            if !label.is_empty() {
                lines.push(Line::styled(label.to_owned(), FAINT));
            }
            vec![Span::raw(INDENT)]
        };
        lines.extend(paragraph(first, item.as_ref(), width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_that_is_longer_than_a_line_is_broken_and_not_cut() {
        let text = "run `nft add rule inet` aaaaaaaaaaaaaaaa";
        assert_eq!(
            wrapped(text, 10),
            ["run", "`nft add", "rule inet`", "aaaaaaaaaa", "aaaaaa"]
        );
        assert_eq!(wrapped("ab", 0), ["a", "b"]);
    }

    #[test]
    fn what_stands_in_backticks_is_strong_on_every_line() {
        let lines = paragraph(vec![Span::raw("> ")], "`one two` three", 6);
        let strong: Vec<_> = lines
            .iter()
            .map(|line| {
                let strong = line.spans.iter().filter(|span| span.style == STRONG);
                strong.map(|span| span.content.as_ref()).collect::<String>()
            })
            .collect();
        assert_eq!(strong, ["one", "two", "", ""]);
    }
}
