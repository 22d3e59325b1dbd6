//! What `natdiag check server` says.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use super::{write_finding, write_json};
use crate::{
    analysis::diagnosis::Severity,
    check::server::{
        Facts, Namespace, Setting, counters::Counter, kernel::KernelRelease, settings::Assignment,
        verdict::Verdict,
    },
    report::{
        model::Report,
        note::finding::sentence,
        text::{page::Page, paper::Paper},
        wording::counted,
    },
};

/// Writes the report for people.
pub fn write_text(
    facts: &Facts,
    verdict: &Verdict,
    out: &mut dyn Write,
    paper: Paper,
) -> io::Result<()> {
    let page = &mut Page::new(out, paper);
    page.paragraph("", &opening(facts))?;
    let (told, harmless): (Vec<_>, Vec<_>) = verdict
        .findings
        .iter()
        .partition(|finding| finding.severity > Severity::Info);
    page.paragraph(
        "",
        &match told.len() {
            0 => "Nothing wrong was found.".to_owned(),
            1 => "1 finding needs attention.".to_owned(),
            number => format!("{number} findings need attention."),
        },
    )?;
    for (place, finding) in told.into_iter().enumerate() {
        write_finding(page, place + 1, finding)?;
    }
    if !harmless.is_empty() {
        page.gap()?;
        page.line("Harmless:")?;
        for finding in harmless {
            page.paragraph("   ", &sentence(&finding.summary))?;
        }
    }
    page.gap()?;
    write_settings(page, facts, verdict)?;
    page.gap()?;
    write_counters(page, facts)?;
    if !verdict.blind_to.is_empty() {
        page.gap()?;
        let blind_to = verdict.blind_to.join("; ");
        page.paragraph("", &format!("Not visible from here: {blind_to}."))?;
    }
    Ok(())
}

fn opening(facts: &Facts) -> String {
    let whose = match facts.root.as_str() {
        "/" => "this host".to_owned(),
        root => format!("the host in `{root}`"),
    };
    let span = facts.after.as_ref().map_or_else(
        || "once".to_owned(),
        |(_, seconds)| format!("for {seconds:.1} s"),
    );
    let kernel = facts
        .kernel
        .as_ref()
        .map_or_else(|| "of unknown release".to_owned(), ToString::to_string);
    let namespace = match facts.namespace {
        Namespace::Initial => "in the host's network namespace",
        Namespace::Other => "in a network namespace that is not the host's",
        Namespace::Unknown => "in a network namespace that may not be the host's",
    };
    format!("natdiag looked at {whose} as a server {span}: Linux {kernel}, {namespace}.")
}

fn write_settings(page: &mut Page, facts: &Facts, verdict: &Verdict) -> io::Result<()> {
    page.line("    setting           now        set at boot by")?;
    for setting in Setting::ALL {
        let now = match facts.setting(setting).value() {
            Some(value) => value.to_string(),
            None if setting == Setting::TwRecycle => verdict.tw_recycle.as_str().to_owned(),
            None => "unknown".to_owned(),
        };
        let boot = facts.at_boot(setting).map_or_else(
            || "-".to_owned(),
            |line| format!("{}:{} ({})", line.file, line.line, line.value),
        );
        page.line(&format!("    {:<16}  {now:<9}  {boot}", setting.as_str()))?;
    }
    Ok(())
}

fn write_counters(page: &mut Page, facts: &Facts) -> io::Result<()> {
    let seconds = facts.after.as_ref().map(|(_, seconds)| *seconds);
    let column = seconds.map_or_else(|| "risen".to_owned(), |s| format!("in {s:.1} s"));
    page.line(&format!(
        "    {:<27} {column:>9} {:>12}",
        "counter", "since boot"
    ))?;
    for counter in Counter::ALL {
        let Some(total) = facts.total(counter).filter(|n| *n > 0 || counter.decides()) else {
            continue;
        };
        let delta = facts
            .delta(counter)
            .map_or_else(|| "-".to_owned(), |n| n.to_string());
        page.line(&format!(
            "    {:<27} {delta:>9} {total:>12}  {}",
            counter.name(),
            counter.meaning()
        ))?;
    }
    let sockets = facts.sample().sockets;
    if let (Some(in_use), Some(time_wait)) = (sockets.tcp_in_use, sockets.time_wait) {
        page.line(&format!(
            "    {}, {time_wait} in TIME-WAIT",
            counted(in_use, "TCP socket in use", "TCP sockets in use")
        ))?;
    }
    Ok(())
}

/// Writes the report as JSON.
pub fn write_json_report(facts: &Facts, verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let report = Report::of_host(
        &facts.root,
        (facts.start, facts.end),
        &verdict.blind_to,
        &verdict.findings,
    );
    write_json(
        report,
        Host {
            server: Server::new(facts, verdict),
        },
        out,
    )
}

#[derive(Debug, Serialize)]
struct Host<'a> {
    server: Server<'a>,
}

#[derive(Debug, Serialize)]
struct Server<'a> {
    root: &'a str,
    kernel: Option<&'a str>,
    network_namespace: &'static str,
    tcp_tw_recycle: TwRecycle,
    tcp_tw_reuse: Option<i64>,
    tcp_timestamps: Option<i64>,
    configured: Vec<Configured<'a>>,
    duration_seconds: Option<f64>,
    counters: BTreeMap<String, Count>,
    sockets: Sockets,
}

#[derive(Debug, Serialize)]
struct TwRecycle {
    state: &'static str,
    value: Option<i64>,
    why: String,
}

#[derive(Debug, Serialize)]
struct Configured<'a> {
    setting: &'static str,
    value: &'a str,
    file: &'a str,
    line: usize,
    hidden_by: Option<&'a str>,
    wins: bool,
}

#[derive(Debug, Serialize)]
struct Count {
    total: Option<u64>,
    delta: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Sockets {
    tcp_in_use: Option<u64>,
    time_wait: Option<u64>,
    fragment_queues: Option<u64>,
}

impl<'a> Server<'a> {
    fn new(facts: &'a Facts, verdict: &Verdict) -> Self {
        let sockets = facts.sample().sockets;
        let configured = |line: &'a Assignment| Configured {
            setting: line.setting.as_str(),
            value: &line.value,
            file: &line.file,
            line: line.line,
            hidden_by: line.hidden_by.as_deref(),
            wins: facts.at_boot(line.setting) == Some(line),
        };
        let count = |counter: Counter| {
            let (total, delta) = (facts.total(counter), facts.delta(counter));
            (counter.name(), Count { total, delta })
        };
        Self {
            root: &facts.root,
            kernel: facts.kernel.as_ref().map(KernelRelease::as_str),
            network_namespace: facts.namespace.as_str(),
            tcp_tw_recycle: TwRecycle {
                state: verdict.tw_recycle.as_str(),
                value: facts.setting(Setting::TwRecycle).value(),
                why: verdict.tw_recycle.explain(facts),
            },
            tcp_tw_reuse: facts.setting(Setting::TwReuse).value(),
            tcp_timestamps: facts.setting(Setting::Timestamps).value(),
            configured: facts.assignments.iter().map(configured).collect(),
            duration_seconds: facts.after.as_ref().map(|(_, seconds)| *seconds),
            counters: Counter::ALL.into_iter().map(count).collect(),
            sockets: Sockets {
                tcp_in_use: sockets.tcp_in_use,
                time_wait: sockets.time_wait,
                fragment_queues: sockets.fragment_queues,
            },
        }
    }
}
