//! What `natdiag check nat` says.

mod sheet;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::IpAddr,
};

use serde::Serialize;

use self::sheet::Sheet;
use super::{heading, sections, write_finding, write_json};
use crate::{
    check::nat::{
        Facts,
        rules::{ALL_PORTS, Rules, Translation},
        usage::Usage,
        verdict::Verdict,
    },
    report::{
        markdown::escaped,
        model::Report,
        note::finding::sentence,
        text::{page::Page, paper::Paper},
    },
};

/// Writes the report for people.
pub fn write_text(
    facts: &Facts,
    verdict: &Verdict,
    out: &mut dyn Write,
    paper: Paper,
) -> io::Result<()> {
    let sheet = Sheet::new(facts, verdict);
    let page = &mut Page::new(out, paper);
    for sentence in &sheet.opening {
        page.paragraph("", sentence)?;
    }
    for (place, finding) in sheet.told.iter().enumerate() {
        write_finding(page, place + 1, finding)?;
    }
    if !sheet.harmless.is_empty() {
        page.gap()?;
        page.line("Besides:")?;
        for finding in &sheet.harmless {
            page.paragraph("   ", &sentence(&finding.summary))?;
        }
    }
    for table in &sheet.tables {
        page.gap()?;
        for line in table {
            page.line(&format!("    {line}"))?;
        }
    }
    if !verdict.remarks.is_empty() {
        page.gap()?;
        page.items("good to know", &verdict.remarks)?;
    }
    if !verdict.blind_to.is_empty() {
        page.gap()?;
        page.items("not visible", &verdict.blind_to)?;
    }
    Ok(())
}

/// Writes the report as Markdown, for a ticket.
pub fn write_markdown(facts: &Facts, verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let sheet = Sheet::new(facts, verdict);
    writeln!(out, "## natdiag check nat\n")?;
    for sentence in &sheet.opening {
        writeln!(out, "{}\n", escaped(sentence))?;
    }
    for (place, finding) in sheet.told.iter().enumerate() {
        writeln!(out, "### {}. {}\n", place + 1, escaped(&heading(finding)))?;
        writeln!(out, "{}\n", escaped(&sentence(&finding.summary)))?;
        for (label, items) in sections(finding) {
            write_list(out, &format!("**{label}**:"), &items)?;
        }
    }
    let besides = sheet.harmless.iter();
    let besides: Vec<_> = besides.map(|finding| sentence(&finding.summary)).collect();
    write_list(out, "### Besides", &besides)?;
    for table in sheet.tables {
        writeln!(out, "```\n{}\n```\n", table.join("\n"))?;
    }
    write_list(out, "### Good to know", &verdict.remarks)?;
    write_list(out, "### Not visible", &verdict.blind_to)
}

fn write_list<T: AsRef<str>>(out: &mut dyn Write, heading: &str, items: &[T]) -> io::Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "{heading}\n")?;
    for item in items {
        writeln!(out, "- {}", escaped(item.as_ref()))?;
    }
    writeln!(out)
}

/// Writes the report as JSON.
pub fn write_json_report(facts: &Facts, verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let report = Report::of_host(
        &facts.root,
        (facts.start, facts.end),
        &verdict.blind_to,
        &verdict.findings,
    );
    let nat = Nat::new(facts, verdict);
    write_json(report, Host { nat }, out)
}

#[derive(Debug, Serialize)]
struct Host<'a> {
    nat: Nat<'a>,
}

#[derive(Debug, Serialize)]
struct Nat<'a> {
    root: &'a str,
    kernel: Option<&'a str>,
    translates: bool,
    interfaces_out: Vec<&'a str>,
    interfaces_in: Vec<&'a str>,
    settings: &'a BTreeMap<&'static str, String>,
    duration_seconds: Option<f64>,
    tracked: Option<u64>,
    counters: BTreeMap<String, Count>,
    rules: Option<RulesShown<'a>>,
    connections: Option<Connections>,
    ports: Vec<Ports>,
    clients: Vec<Client>,
    remarks: &'a [String],
}

#[derive(Debug, Serialize)]
struct Count {
    total: u64,
    delta: Option<u64>,
}

#[derive(Debug, Serialize)]
struct RulesShown<'a> {
    translations: Vec<TranslationShown<'a>>,
    drops_invalid: bool,
    clamps_mss: bool,
    flowtables: &'a [String],
}

#[derive(Debug, Serialize)]
struct TranslationShown<'a> {
    rule: &'a str,
    interface: Option<&'a str>,
    random: Option<bool>,
    ports: u32,
}

#[derive(Debug, Serialize)]
struct Connections {
    with_ports: u64,
    translated: u64,
    unanswered: u64,
    left_out: u64,
}

#[derive(Debug, Serialize)]
struct Ports {
    protocol: u8,
    translated: IpAddr,
    destination: IpAddr,
    port: u16,
    in_use: u32,
    available: u32,
}

#[derive(Debug, Serialize)]
struct Client {
    address: IpAddr,
    connections: u32,
}

impl<'a> Nat<'a> {
    fn new(facts: &'a Facts, verdict: &'a Verdict) -> Self {
        let counters = facts.sample().counters.iter().map(|(counter, &total)| {
            let delta = facts.delta(counter);
            (
                format!("{}.{}", counter.of, counter.name),
                Count { total, delta },
            )
        });
        let names = |links: Vec<&'a crate::check::nat::link::Link>| {
            links.into_iter().map(|link| link.name.as_str()).collect()
        };
        let usage = facts.usage.as_ref();
        Self {
            root: &facts.root,
            kernel: facts.kernel.as_deref(),
            translates: facts.is_nat(),
            interfaces_out: names(facts.outer()),
            interfaces_in: names(facts.inner()),
            settings: &facts.settings,
            duration_seconds: facts.after.as_ref().map(|(_, seconds)| *seconds),
            tracked: facts.sample().tracked,
            counters: counters.collect(),
            rules: facts.rules.as_ref().map(RulesShown::from),
            connections: usage.map(Connections::from),
            ports: usage.map_or_else(Vec::new, |usage| ports(usage, facts.ports())),
            clients: usage.map_or_else(Vec::new, clients),
            remarks: &verdict.remarks,
        }
    }
}

impl<'a> From<&'a Rules> for RulesShown<'a> {
    fn from(rules: &'a Rules) -> Self {
        Self {
            translations: rules
                .translations
                .iter()
                .map(TranslationShown::from)
                .collect(),
            drops_invalid: rules.drops_invalid,
            clamps_mss: rules.clamps_mss,
            flowtables: &rules.flowtables,
        }
    }
}

impl<'a> From<&'a Translation> for TranslationShown<'a> {
    fn from(translation: &'a Translation) -> Self {
        Self {
            rule: &translation.rule,
            interface: translation.interface.as_deref(),
            random: translation.is_random,
            ports: translation.ports.unwrap_or(ALL_PORTS),
        }
    }
}

impl From<&Usage> for Connections {
    fn from(usage: &Usage) -> Self {
        Self {
            with_ports: usage.entries,
            translated: usage.translated,
            unanswered: usage.unanswered,
            left_out: usage.left_out,
        }
    }
}

fn ports(usage: &Usage, available: u32) -> Vec<Ports> {
    let shown = usage.pairs.iter().map(|(pair, in_use)| Ports {
        protocol: pair.protocol,
        translated: pair.translated,
        destination: pair.destination,
        port: pair.port,
        in_use: *in_use,
        available,
    });
    shown.collect()
}

fn clients(usage: &Usage) -> Vec<Client> {
    let shown = usage.clients.iter().map(|(address, connections)| Client {
        address: *address,
        connections: *connections,
    });
    shown.collect()
}
