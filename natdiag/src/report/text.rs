//! The report for people, as plain text: the verdict first, then why, then what to do.

pub(crate) mod page;
pub mod paper;

use std::io::{self, Write};

use self::{page::Page, paper::Paper};
use crate::{
    report::{
        note::{
            Listed, Note,
            finding::{Fates, Told},
        },
        table::{self, Row, Topic},
        wording,
    },
    survey::Survey,
};

/// Writes the final report; `rows` bounds its table of remote hosts.
pub(crate) fn write(
    survey: &Survey,
    out: &mut dyn Write,
    paper: Paper,
    rows: Option<usize>,
) -> io::Result<()> {
    let page = &mut Page::new(out, paper);
    let note = Note::new(survey, rows);
    for sentence in &note.opening {
        page.paragraph("", sentence)?;
    }
    page.heading("", None, &note.verdict)?;
    for (place, told) in note.told.iter().enumerate() {
        page.gap()?;
        write_finding(page, place + 1, told)?;
    }
    write_lines(page, "Also:", &note.also)?;
    write_lines(page, "Harmless:", &note.harmless)?;
    if !note.remotes.items.is_empty() {
        page.gap()?;
        write_remotes(page, &note.remotes.items)?;
        write_rest(page, note.remotes.left_out)?;
    }
    for limit in &note.limits {
        page.gap()?;
        page.paragraph("", limit)?;
    }
    Ok(())
}

/// Writes one finding, numbered.
fn write_finding(page: &mut Page, number: usize, told: &Told) -> io::Result<()> {
    page.heading(&format!("{number}. "), Some(told.severity), &told.heading)?;
    page.body(&told.summary)?;
    if let Some(fates) = &told.fates {
        page.gap()?;
        let indent = if page.is_narrow() { "   " } else { "      " };
        for line in fate_table(fates, page.columns().saturating_sub(indent.len())) {
            page.line(&format!("{indent}{line}"))?;
        }
        page.gap()?;
    }
    for (label, items) in &told.sections {
        page.items(label, items)?;
    }
    Ok(())
}

/// Draws the table of fates in at most `columns`: what should happen across, what happened down. Where that is too
/// narrow, each number has a line: one that is cut off would be another number.
pub(crate) fn fate_table(fates: &[Fates], columns: usize) -> Vec<String> {
    let table = Fates::ROWS.map(|(label, cell)| {
        let cells = fates.iter().map(|fates| {
            let width = fates.kind.chars().count() + 3;
            format!("{:>width$}", cell(fates))
        });
        format!("{label:<9}{}", cells.collect::<String>())
    });
    if table.iter().all(|line| line.chars().count() <= columns) {
        return table.to_vec();
    }
    let [_, rows @ ..] = Fates::ROWS;
    let lines = fates.iter().flat_map(|fates| {
        let numbers = rows.map(|(label, cell)| format!("  {label} {}", cell(fates)));
        [fates.kind.to_owned()].into_iter().chain(numbers)
    });
    lines.collect()
}

/// Remote hosts in columns, or in sentences where there is no room for columns.
fn write_remotes(page: &mut Page, rows: &[Row]) -> io::Result<()> {
    if page.is_narrow() {
        for row in rows {
            let mark = format!(" {} ", wording::mark(row.severity()));
            page.heading(&mark, row.severity(), &row.in_words())?;
        }
        return Ok(());
    }
    for line in table::lay_out(rows, Topic::Opening, page.columns()) {
        page.marked_line(&format!(" {}", line.mark), line.severity, &line.text)?;
    }
    Ok(())
}

/// Findings in a sentence each.
fn write_lines(page: &mut Page, heading: &str, lines: &Listed<(String, String)>) -> io::Result<()> {
    if lines.items.is_empty() {
        return Ok(());
    }
    page.gap()?;
    page.line(heading)?;
    for (name, text) in &lines.items {
        page.paragraph("   ", &format!("{name}: {text}"))?;
    }
    write_rest(page, lines.left_out)
}

fn write_rest(page: &mut Page, number: usize) -> io::Result<()> {
    match number {
        0 => Ok(()),
        number => page.line(&format!(
            "    and {} more; `--output json` has them",
            wording::count(number as u64)
        )),
    }
}

#[cfg(test)]
mod tests;
