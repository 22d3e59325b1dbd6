//! The report for people as Markdown (`CommonMark` with tables), for a ticket.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use crate::{
    report::{
        note::{
            Listed, Note,
            finding::{Fates, Told},
        },
        table::{self, Topic},
        view::View,
        wording,
    },
    survey::Survey,
};

/// Width of the table of remote hosts: nothing has to be left out.
const TABLE_COLUMNS: usize = 120;

/// Writes the report when the run has ended.
pub(crate) struct MarkdownView<W> {
    out: W,
    rows: Option<usize>,
}

impl<W: Write> MarkdownView<W> {
    /// Shows a run on standard output `out`, with at most `rows` remote hosts in its table.
    pub(crate) const fn new(out: W, rows: Option<usize>) -> Self {
        Self { out, rows }
    }
}

impl<W: Write> View for MarkdownView<W> {
    fn interim(&mut self, _survey: Survey) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, survey: &Survey) -> io::Result<()> {
        write(survey, &mut self.out, self.rows)?;
        self.out.flush()
    }
}

/// Writes the final report; `rows` bounds its table of remote hosts.
pub(crate) fn write(survey: &Survey, out: &mut dyn Write, rows: Option<usize>) -> io::Result<()> {
    let note = Note::new(survey, rows);
    writeln!(out, "## natdiag: {}\n", escaped(&note.verdict))?;
    for sentence in &note.opening {
        writeln!(out, "{}\n", escaped(sentence))?;
    }
    for (place, told) in note.told.iter().enumerate() {
        write_finding(out, &format!("{}. {}", place + 1, told.heading), told)?;
    }
    write_lines(out, "Also", &note.also)?;
    write_lines(out, "Harmless", &note.harmless)?;
    if !note.remotes.items.is_empty() {
        writeln!(out, "### Remote hosts\n\n```")?;
        for line in table::lay_out(&note.remotes.items, Topic::Opening, TABLE_COLUMNS) {
            let line = format!("{}{}", line.mark, line.text);
            writeln!(out, "{}", wording::clean(&line).trim_end())?;
        }
        writeln!(out, "```\n")?;
        write_rest(out, note.remotes.left_out)?;
    }
    if !note.limits.is_empty() {
        writeln!(out, "### Limits\n")?;
        for limit in &note.limits {
            writeln!(out, "- {}", escaped(limit))?;
        }
    }
    Ok(())
}

/// Writes what was found about one remote host, for whoever runs it.
pub(crate) fn write_excerpt(survey: &Survey, told: &[Told], out: &mut dyn Write) -> io::Result<()> {
    for told in told {
        write_finding(out, &told.heading, told)?;
    }
    let [start, end] = [survey.start, survey.end].map(wording::instant);
    writeln!(out, "Seen by natdiag from {start} to {end}.")
}

/// Writes one finding under a heading.
fn write_finding(out: &mut dyn Write, heading: &str, told: &Told) -> io::Result<()> {
    writeln!(out, "### {}\n", escaped(heading))?;
    writeln!(out, "{}\n", escaped(&told.summary))?;
    if let Some(fates) = &told.fates {
        write_fates(out, fates)?;
    }
    for (label, items) in &told.sections {
        match items.as_slice() {
            [item] => writeln!(out, "**{label}**: {}\n", escaped(item))?,
            items => {
                writeln!(out, "**{label}**:\n")?;
                for item in items {
                    writeln!(out, "- {}", escaped(item))?;
                }
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

/// Writes the table of fates: what should happen across, what happened down.
fn write_fates(out: &mut dyn Write, fates: &[Fates]) -> io::Result<()> {
    for (place, (label, cell)) in Fates::ROWS.into_iter().enumerate() {
        let cells: Vec<_> = fates.iter().map(cell).collect();
        writeln!(out, "| {label} | {} |", cells.join(" | "))?;
        if place == 0 {
            writeln!(out, "|:--|{}", "--:|".repeat(fates.len()))?;
        }
    }
    writeln!(out)
}

fn write_lines(
    out: &mut dyn Write,
    heading: &str,
    lines: &Listed<(String, String)>,
) -> io::Result<()> {
    if lines.items.is_empty() {
        return Ok(());
    }
    writeln!(out, "### {heading}\n")?;
    for (name, text) in &lines.items {
        writeln!(out, "- {}: {}", escaped(name), escaped(text))?;
    }
    writeln!(out)?;
    write_rest(out, lines.left_out)
}

fn write_rest(out: &mut dyn Write, number: usize) -> io::Result<()> {
    match number {
        0 => Ok(()),
        number => writeln!(
            out,
            "And {} more; `--output json` has them.\n",
            wording::count(number as u64)
        ),
    }
}

/// Text that Markdown shows as it is; commands in backticks stay commands, and a `_` within a word is none of its
/// marks.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    const MARKS: &[char] = &['\\', '*', '_', '[', ']', '<', '>', '|', '~'];
    let clean = wording::clean(text);
    if !clean.contains(MARKS) {
        return clean;
    }
    let is_balanced = clean.matches('`').count().is_multiple_of(2);
    let mut escaped = String::with_capacity(clean.len() + 8);
    let (mut in_command, mut in_word) = (false, false);
    for letter in clean.chars() {
        in_command ^= letter == '`' && is_balanced;
        if !in_command && MARKS.contains(&letter) && !(letter == '_' && in_word) {
            escaped.push('\\');
        }
        escaped.push(letter);
        in_word = letter.is_alphanumeric();
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixture, note::finding::Subject};

    #[test]
    fn report_is_markdown_for_a_ticket() {
        for (name, survey) in fixture::all() {
            insta::assert_snapshot!(format!("markdown_{name}"), written(&survey));
        }
    }

    #[test]
    fn name_of_a_file_is_no_markup() {
        let mut survey = fixture::path_fragmentation();
        "[a](b)*|\u{1b}.pcap".clone_into(&mut survey.sources[0].name);
        let text = written(&survey);
        assert!(text.contains(r"\[a\](b)\*\|?.pcap"), "{text}");
    }

    #[test]
    fn command_keeps_its_letters() {
        assert_eq!(escaped("a_b `_c_d` _e*"), r"a_b `_c_d` \_e\*");
    }

    #[test]
    fn excerpt_tells_the_owner_what_was_seen_and_when() {
        let survey = fixture::tw_recycle();
        let source = &survey.sources[0];
        let remote = &source.diagnosis.remotes[0];
        let subject = Subject {
            source,
            remote: Some(remote),
            finding: &remote.findings[0],
            names: &survey.names,
        };
        let told = Told::new(&subject.name(false), &subject);
        let mut out = Vec::new();
        write_excerpt(&survey, &[told], &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    fn written(survey: &Survey) -> String {
        let mut out = Vec::new();
        write(survey, &mut out, None).unwrap();
        String::from_utf8(out).unwrap()
    }
}
