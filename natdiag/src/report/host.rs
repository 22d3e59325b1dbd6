//! Reports about this host itself, as text and as JSON. The JSON is that of `natdiag.report/1`, with an object more.

pub mod attach;
pub mod nat;
pub mod server;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;

use crate::{
    analysis::diagnosis::{Alternative, Evidence, Finding},
    report::{
        json_layout::Outline, model::Report, note::finding::sentence, text::page::Page, wording,
    },
};

/// A report about a host, and what was read of it under a name of its own.
#[derive(Debug, Serialize)]
struct HostReport<'a, T> {
    #[serde(flatten)]
    report: Report<'a>,
    #[serde(flatten)]
    host: T,
}

fn write_json<T: Serialize>(report: Report<'_>, host: T, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut *out, Outline::default());
    HostReport { report, host }.serialize(&mut serializer)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes one finding about this host, numbered.
fn write_finding(page: &mut Page, number: usize, finding: &Finding) -> io::Result<()> {
    page.gap()?;
    page.heading(
        &format!("{number}. "),
        Some(finding.severity),
        &heading(finding),
    )?;
    page.body(&sentence(&finding.summary))?;
    for (label, items) in sections(finding) {
        page.items(label, items)?;
    }
    Ok(())
}

fn heading(finding: &Finding) -> String {
    format!("{} ({})", finding.cause.title(), wording::grade(finding))
}

/// What stands below the summary of a finding: a label, and its items.
fn sections(finding: &Finding) -> [(&'static str, Vec<String>); 4] {
    let evidence = finding.evidence.iter().map(|(name, evidence)| {
        let value = match evidence {
            Evidence::Count(number) => number.to_string(),
            Evidence::Ratio(ratio) => format!("{ratio:.3}"),
            Evidence::Text(text) => text.clone(),
            Evidence::List(list) => list.join("; "),
        };
        format!("{}: {value}", name.replace('_', " "))
    });
    let told = |alternatives: &[Alternative]| {
        let texts = alternatives
            .iter()
            .map(|other| format!("{}: {}", wording::name(other.cause), other.why));
        texts.collect()
    };
    [
        ("evidence", evidence.collect()),
        ("ruled out", told(&finding.excluded)),
        ("not ruled out", told(&finding.not_excluded)),
        ("do", finding.remedy.clone()),
    ]
}
