//! A page of text: paragraphs with a label and a hanging indent, broken between words. Lines are broken before they are
//! coloured.

use std::io::{self, Write};

use super::paper::Paper;
use crate::{analysis::diagnosis::Severity, report::wording};

/// Indent of everything below a heading.
const INDENT: &str = "   ";
/// Narrower pages have labels in lines of their own, and no columns.
const NARROW: usize = 50;
/// Width of the labels below a heading.
const LABEL: usize = 15;

/// Text of a certain width, on its way out.
pub(crate) struct Page<'a> {
    out: &'a mut dyn Write,
    paper: Paper,
}

impl<'a> Page<'a> {
    /// Begins a page.
    pub(crate) fn new(out: &'a mut dyn Write, paper: Paper) -> Self {
        Self { out, paper }
    }

    /// The width of the page.
    pub(crate) const fn columns(&self) -> usize {
        self.paper.columns
    }

    /// Whether there is no room for columns.
    pub(crate) const fn is_narrow(&self) -> bool {
        self.columns() < NARROW
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// A line as it is, in the width of the page.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.marked_line("", None, text)
    }

    /// A line as it is, behind a mark of some severity.
    pub(crate) fn marked_line(
        &mut self,
        mark: &str,
        severity: Option<Severity>,
        text: &str,
    ) -> io::Result<()> {
        let text = wording::clean(text);
        let room = self.columns().saturating_sub(mark.chars().count());
        let text = wording::fitted(text.trim_end(), room);
        let mark = self.paper.severity(mark, severity);
        writeln!(self.out, "{}", format!("{mark}{text}").trim_end())
    }

    /// A paragraph behind `first`, its later lines behind as many spaces as leave it half of the page.
    pub(crate) fn paragraph(&mut self, first: &str, text: &str) -> io::Result<()> {
        let paper = self.paper;
        self.hanging(first, &paper.faint(first), text, |line| {
            paper.with_commands(line)
        })
    }

    /// A heading behind `first`, which has the colour of a severity.
    pub(crate) fn heading(
        &mut self,
        first: &str,
        severity: Option<Severity>,
        text: &str,
    ) -> io::Result<()> {
        let paper = self.paper;
        let painted = paper.severity(first, severity);
        self.hanging(first, &painted, text, |line| paper.strong(line))
    }

    /// A paragraph behind `first`, which is written as `painted`.
    fn hanging(
        &mut self,
        first: &str,
        painted: &str,
        text: &str,
        paint: impl Fn(&str) -> String,
    ) -> io::Result<()> {
        let indent = first.chars().count().min(self.columns() / 2);
        let room = self.columns().saturating_sub(first.chars().count());
        let mut first = Some(painted);
        for line in broken(&wording::clean(text), room) {
            match first.take() {
                Some(first) => write!(self.out, "{first}")?,
                None => write!(self.out, "{:indent$}", "")?,
            }
            writeln!(self.out, "{}", paint(&line))?;
        }
        Ok(())
    }

    /// Paragraphs below a heading, one per item, the first behind a label.
    pub(crate) fn items<T: AsRef<str>>(
        &mut self,
        label: &str,
        items: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        let mut label = label;
        for item in items {
            if self.is_narrow() {
                if !label.is_empty() {
                    self.paragraph(INDENT, label)?;
                }
                self.paragraph(&format!("{INDENT}- "), item.as_ref())?;
            } else {
                self.paragraph(&format!("{INDENT}{label:<LABEL$}"), item.as_ref())?;
            }
            label = "";
        }
        Ok(())
    }

    /// A paragraph below a heading.
    pub(crate) fn body(&mut self, text: &str) -> io::Result<()> {
        self.paragraph(INDENT, text)
    }
}

/// Breaks text between words into lines of at most `room` columns; a longer word has a line of its own.
/// A command in backticks is one word: who copies it wants it whole.
pub(crate) fn broken(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in words(text) {
        let width = word.chars().count();
        if used > 0 && used + 1 + width > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(&word);
        used += width;
    }
    if used > 0 {
        lines.push(line);
    }
    lines
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut in_command = false;
    for word in text.split_whitespace() {
        match words.last_mut().filter(|_| in_command) {
            Some(command) => {
                command.push(' ');
                command.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
        in_command ^= word.matches('`').count() % 2 == 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraph_is_broken_between_words_and_hangs() {
        let mut out = Vec::new();
        Page::new(&mut out, Paper::plain(12))
            .paragraph("1. ", "one two three fourteen-letters x")
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "1. one two\n   three\n   fourteen-letters\n   x\n");
    }

    #[test]
    fn command_stays_whole() {
        let mut out = Vec::new();
        let text = "run `nft list ruleset`, then look";
        let page = &mut Page::new(&mut out, Paper::plain(12));
        page.paragraph("", text).unwrap();
        assert_eq!(out, b"run\n`nft list ruleset`,\nthen look\n");
    }

    #[test]
    fn colours_add_nothing_but_colour() {
        let written = |paper| {
            let mut out = Vec::new();
            let page = &mut Page::new(&mut out, paper);
            let severity = Some(Severity::Critical);
            page.heading("1. ", severity, "one two three four").unwrap();
            page.items("do", ["run `nft list ruleset`, then look"])
                .unwrap();
            page.marked_line("●", severity, "198.51.100.80").unwrap();
            String::from_utf8(out).unwrap()
        };
        let coloured = written(Paper::coloured(60));
        for painted in [
            "\u{1b}[31m\u{1b}[1m1. ",
            "\u{1b}[1mone two",
            "\u{1b}[1m`nft list ruleset`\u{1b}[0m, then",
            "\u{1b}[31m\u{1b}[1m●",
        ] {
            assert!(coloured.contains(painted), "{painted:?} in {coloured:?}");
        }
        let stripped = console::strip_ansi_codes(&coloured);
        assert_eq!(stripped, written(Paper::plain(60)));
    }

    #[test]
    fn page_without_room_still_ends() {
        let mut out = Vec::new();
        let page = &mut Page::new(&mut out, Paper::plain(0));
        page.paragraph("", "a b").unwrap();
        assert_eq!(out, b"a\nb\n");
    }
}
