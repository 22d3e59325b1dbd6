//! A page of text: paragraphs with a label and a hanging indent, broken between words.

use std::io::{self, Write};

use crate::report::wording;

/// Indent of everything below a heading.
const INDENT: &str = "   ";
/// Narrower pages have labels in lines of their own.
const NARROW: usize = 50;
/// Width of the labels below a heading.
const LABEL: usize = 15;

/// Text of a certain width, on its way out.
pub(crate) struct Page<'a> {
    out: &'a mut dyn Write,
    columns: usize,
}

impl<'a> Page<'a> {
    /// Begins a page.
    pub(crate) fn new(out: &'a mut dyn Write, columns: usize) -> Self {
        Self { out, columns }
    }

    /// The width of the page.
    pub(crate) const fn columns(&self) -> usize {
        self.columns
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// A line as it is, in the width of the page.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        let text = wording::clean(text);
        writeln!(
            self.out,
            "{}",
            wording::fitted(text.trim_end(), self.columns)
        )
    }

    /// A paragraph behind `first`, its later lines behind as many spaces as leave it half of the page.
    pub(crate) fn paragraph(&mut self, first: &str, text: &str) -> io::Result<()> {
        let indent = first.chars().count().min(self.columns / 2);
        let room = self.columns.saturating_sub(first.chars().count());
        let mut first = Some(first);
        for line in broken(&wording::clean(text), room) {
            match first.take() {
                Some(first) => write!(self.out, "{first}")?,
                None => write!(self.out, "{:indent$}", "")?,
            }
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    /// Paragraphs below a heading, one per item, the first behind a label.
    pub(crate) fn items<T: AsRef<str>>(
        &mut self,
        label: &str,
        items: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        let is_narrow = self.columns < NARROW;
        let mut label = label;
        for item in items {
            if is_narrow {
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
        Page::new(&mut out, 12)
            .paragraph("1. ", "one two three fourteen-letters x")
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "1. one two\n   three\n   fourteen-letters\n   x\n");
    }

    #[test]
    fn command_stays_whole() {
        let mut out = Vec::new();
        let text = "run `nft list ruleset`, then look";
        Page::new(&mut out, 12).paragraph("", text).unwrap();
        assert_eq!(out, b"run\n`nft list ruleset`,\nthen look\n");
    }

    #[test]
    fn page_without_room_still_ends() {
        let mut out = Vec::new();
        Page::new(&mut out, 0).paragraph("", "a b").unwrap();
        assert_eq!(out, b"a\nb\n");
    }
}
