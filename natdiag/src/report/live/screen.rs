//! A table that refreshes in place. It uses relative movement only and leaves the cursor below the table, where the
//! shell expects it: however the run ends, nothing has to be put right.

use std::io::{self, Write};

use crate::{
    analysis::diagnosis::Severity,
    report::{
        live::{Size, pace::Rates},
        ranking::{ranked, source_findings},
        table::{self, Line, Row},
        text, wording,
    },
    survey::Survey,
};

/// Hosts without findings shown by name.
const BUSIEST: usize = 10;

/// What is on the terminal.
#[derive(Debug)]
pub(super) struct Screen {
    colour: bool,
    /// Widths of the lines drawn.
    drawn: Vec<usize>,
}

impl Screen {
    /// Nothing is drawn yet.
    pub(super) const fn new(colour: bool) -> Self {
        Self {
            colour,
            drawn: Vec::new(),
        }
    }

    /// Draws over what was drawn before.
    pub(super) fn draw(
        &mut self,
        out: &mut impl Write,
        survey: &Survey,
        rates: &[Rates],
        size: Size,
    ) -> io::Result<()> {
        let lines = frame(survey, rates, size);
        self.go_to_top(out, size)?;
        self.drawn.clear();
        for line in &lines {
            // The last column stays free: some terminals break the line as soon as it is used.
            let text = wording::clean(&line.text);
            let text = wording::fitted(&text, size.columns.saturating_sub(3));
            self.drawn.push(2 + text.chars().count());
            match colour(line.severity).filter(|_| self.colour) {
                Some(colour) => write!(out, " \x1b[{colour}m{}\x1b[0m{text}", line.mark)?,
                None => write!(out, " {}{text}", line.mark)?,
            }
            // Erase the rest of the line rather than the line: it does not flicker.
            out.write_all(b"\x1b[K\n")?;
        }
        out.write_all(b"\x1b[J")
    }

    /// Takes the table away.
    pub(super) fn erase(&mut self, out: &mut impl Write, size: Size) -> io::Result<()> {
        self.go_to_top(out, size)?;
        self.drawn.clear();
        out.write_all(b"\x1b[J")
    }

    fn go_to_top(&self, out: &mut impl Write, size: Size) -> io::Result<()> {
        // A terminal that has become narrower has broken the lines.
        let rows: usize = self
            .drawn
            .iter()
            .map(|width| width.div_ceil(size.columns.max(1)).max(1))
            .sum();
        match rows {
            0 => Ok(()),
            rows => write!(out, "\x1b[{rows}F"),
        }
    }
}

const fn colour(severity: Option<Severity>) -> Option<u8> {
    match severity {
        Some(Severity::Critical) => Some(31),
        Some(Severity::Warning) => Some(33),
        Some(Severity::Info) | None => None,
    }
}

/// The lines of the table, as many as there is room for.
fn frame(survey: &Survey, rates: &[Rates], size: Size) -> Vec<Line> {
    let mut lines = header(survey, rates);
    // The heading, the other hosts, what is left out, the last line, and the cursor's line below.
    let room = size.rows.saturating_sub(lines.len() + 6).max(1);
    let remotes = ranked(survey);
    let found = remotes
        .iter()
        .filter(|ranked| !ranked.remote.findings.is_empty())
        .count();
    let named = found + (remotes.len() - found).min(BUSIEST);
    let of_sources = source_findings(survey).map(|finding| Row::source(survey, finding));
    let of_remotes = remotes
        .iter()
        .take(named)
        .map(|remote| Row::remote(survey, *remote));
    let mut rows: Vec<_> = of_sources.chain(of_remotes).take(room).collect();
    let of_sources = source_findings(survey).count().min(room);
    let shown = rows.len() - of_sources;
    let known: usize = survey
        .sources
        .iter()
        .map(|source| source.diagnosis.remotes_known)
        .sum();
    let others = known.max(remotes.len()) - shown.max(found);
    if others > 0 {
        rows.push(Row::others(others as u64));
    }
    lines.push(plain(String::new()));
    lines.extend(table::lay_out(&rows, size.columns.saturating_sub(1)));
    if found > shown {
        lines.push(plain(format!(
            "  {} with findings do not fit the screen",
            wording::counted((found - shown) as u64, "more remote", "more remotes")
        )));
    }
    lines.push(plain(String::new()));
    lines.push(plain("  Ctrl-C ends and prints the report".to_owned()));
    lines
}

/// What is watched and how it goes, one line per interface, and why it is watched that way.
fn header(survey: &Survey, rates: &[Rates]) -> Vec<Line> {
    let up = wording::clock(survey.end.since(survey.start));
    let mut lines = Vec::new();
    for (source, rates) in survey.sources.iter().zip(rates) {
        let mut text = format!(
            "natdiag   {}   up {up}   in {}, out {} packets/s   {}",
            source.name,
            wording::scaled(rates.ingress),
            wording::scaled(rates.egress),
            text::missed(source)
        );
        if source.diagnosis.overflow_remotes > 0 {
            text.push_str("   table of remotes full");
        }
        // Last, as it is the first that a narrow terminal can do without.
        if !source.hooks.is_empty() {
            text.push_str("   ");
            text.push_str(&source.hooks.join(", "));
        }
        lines.push(plain(text));
        lines.extend(
            source
                .notes
                .iter()
                .map(|note| plain(format!("          {note}"))),
        );
    }
    lines
}

/// A line without a mark.
fn plain(text: String) -> Line {
    Line {
        severity: None,
        mark: ' ',
        text,
    }
}
