//! What `natdiag check attach` says.

use std::io::{self, Write};

use natdiag_common::Direction;
use serde::Serialize;

use super::write_json;
use crate::{
    check::attach::{
        Attached, Facts,
        outlook::{Outlook, Step},
        vantage,
    },
    event::Timestamp,
    host::holder::Process,
    report::{
        model::Report,
        text::{page::Page, paper::Paper},
    },
};

/// Writes the report for people.
pub fn write_text(all: &[Facts], out: &mut dyn Write, paper: Paper) -> io::Result<()> {
    let page = &mut Page::new(out, paper);
    for (place, facts) in all.iter().enumerate() {
        if place > 0 {
            page.gap()?;
        }
        write_interface(page, facts)?;
    }
    let Some(facts) = all.first() else {
        return Ok(());
    };
    page.gap()?;
    write_capabilities(page, facts)
}

fn write_interface(page: &mut Page, facts: &Facts) -> io::Result<()> {
    page.paragraph("", &opening(facts))?;
    page.gap()?;
    page.items("device", [device(facts)])?;
    page.items("offloads", [offloads(facts)])?;
    page.items("addresses", [addresses(facts)])?;
    page.items("attached", attached(facts))?;
    for direction in [Direction::Ingress, Direction::Egress] {
        page.gap()?;
        page.line(&format!("   {}", packets(direction)))?;
        for step in facts
            .steps
            .iter()
            .filter(|step| step.direction == direction)
        {
            write_step(page, step)?;
        }
    }
    page.gap()?;
    page.items("good to know", vantage::remarks(facts))?;
    page.items("not visible", vantage::blind_to(facts))
}

fn opening(facts: &Facts) -> String {
    let name = &facts.link.name;
    let hook = |direction| {
        let mut steps = facts.steps.iter();
        let chosen =
            steps.find(|step| step.direction == direction && step.outlook == Outlook::Chosen);
        chosen.map(|step| step.rung)
    };
    match (hook(Direction::Ingress), hook(Direction::Egress)) {
        (Some(ingress), Some(egress)) => format!(
            "`natdiag watch -i {name}` would attach: {ingress} for received packets, {egress} for sent ones. Nothing \
             was attached now."
        ),
        _ => format!("`natdiag watch -i {name}` would fail; below is why."),
    }
}

fn device(facts: &Facts) -> String {
    let link = &facts.link;
    let mut parts = Vec::new();
    match &facts.driver {
        Some(driver) => parts.push(format!("driver {} {}", driver.name, driver.version)),
        None => parts.push("no driver to name".to_owned()),
    }
    if let Some(kind) = &link.kind {
        parts.push(format!("kind {kind}"));
    }
    if let Some(parent) = &link.parent {
        parts.push(format!("on {parent}"));
    }
    parts.push(format!("MTU {} octets", link.mtu));
    parts.push(format!("Linux {}", facts.kernel));
    parts.join(", ")
}

fn offloads(facts: &Facts) -> String {
    let known = facts
        .offloads
        .all()
        .into_iter()
        .filter_map(|(name, is_on)| {
            let state = if is_on? { "on" } else { "off" };
            Some(format!("{name} {state}"))
        });
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return "it tells none".to_owned();
    }
    known.join(", ")
}

fn addresses(facts: &Facts) -> String {
    if facts.addresses.is_empty() {
        return "none".to_owned();
    }
    let addresses: Vec<_> = facts.addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

fn attached(facts: &Facts) -> Vec<String> {
    if facts.programs.is_empty() {
        return vec!["no programs that this process may see".to_owned()];
    }
    let programs = facts.programs.iter().map(|Attached { program, holders }| {
        let name = program.name.as_deref().unwrap_or("(name not readable)");
        let holders = if holders.is_empty() {
            "held by no process, so it stays until it is removed".to_owned()
        } else {
            let names = holders
                .iter()
                .map(|process| format!("{} ({})", process.name, process.pid));
            format!("held by {}", names.collect::<Vec<_>>().join(", "))
        };
        format!(
            "{} {}: program {} `{name}`, {holders}",
            program.hook,
            way(program.direction),
            program.id
        )
    });
    programs.collect()
}

fn write_step(page: &mut Page, step: &Step) -> io::Result<()> {
    let mark = match step.outlook {
        Outlook::Chosen => '>',
        Outlook::Works | Outlook::NotTried => ' ',
        Outlook::Refused => 'x',
    };
    let first = format!("   {mark} {:<26}", step.rung.to_string());
    page.paragraph(&first, &format!("{}: {}", step.outlook.as_str(), step.why))
}

fn write_capabilities(page: &mut Page, facts: &Facts) -> io::Result<()> {
    let held = facts.capabilities.iter().map(|(name, is_held)| {
        let state = if *is_held { "held" } else { "missing" };
        format!("{name} {state}")
    });
    page.items("capabilities", [held.collect::<Vec<_>>().join(", ")])?;
    if facts.capabilities.iter().any(|(_, is_held)| !is_held) {
        page.items("do", REMEDIES)?;
    }
    Ok(())
}

/// Both ways to the capabilities.
const REMEDIES: [&str; 2] = [
    "run it with `sudo`",
    "or once: `sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep $(which natdiag)`",
];

/// Writes the report as JSON.
pub fn write_json_report(all: &[Facts], now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let mut blind_to: Vec<_> = all.iter().flat_map(vantage::blind_to).collect();
    blind_to.sort();
    blind_to.dedup();
    let report = Report::of_host("/", (now, now), &blind_to, &[]);
    let attach = all.iter().map(Outlooks::from).collect();
    write_json(report, Host { attach }, out)
}

#[derive(Debug, Serialize)]
struct Host<'a> {
    attach: Vec<Outlooks<'a>>,
}

#[derive(Debug, Serialize)]
struct Outlooks<'a> {
    interface: &'a str,
    can_attach: bool,
    kernel: &'a str,
    driver: Option<&'a str>,
    driver_version: Option<&'a str>,
    kind: Option<&'a str>,
    parent: Option<&'a str>,
    mtu_octets: u32,
    offloads: Offloads,
    addresses: Vec<String>,
    programs: Vec<Program<'a>>,
    hooks: Vec<Candidate<'a>>,
    capabilities: Vec<Capability>,
    connections_tracked: Option<u64>,
    blind_to: Vec<String>,
    remarks: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Offloads {
    gro: Option<bool>,
    lro: Option<bool>,
    gso: Option<bool>,
    tso: Option<bool>,
    rx_checksum: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Program<'a> {
    hook: &'static str,
    direction: &'static str,
    id: u32,
    name: Option<&'a str>,
    holders: Vec<Holder<'a>>,
}

#[derive(Debug, Serialize)]
struct Holder<'a> {
    pid: u32,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct Candidate<'a> {
    hook: &'static str,
    rung: String,
    direction: &'static str,
    outlook: &'static str,
    why: &'a str,
}

#[derive(Debug, Serialize)]
struct Capability {
    name: &'static str,
    held: bool,
}

impl<'a> From<&'a Facts> for Outlooks<'a> {
    fn from(facts: &'a Facts) -> Self {
        let offloads = facts.offloads;
        Self {
            interface: &facts.link.name,
            can_attach: facts.can_attach(),
            kernel: &facts.kernel,
            driver: facts.driver.as_ref().map(|driver| driver.name.as_str()),
            driver_version: facts.driver.as_ref().map(|driver| driver.version.as_str()),
            kind: facts.link.kind.as_deref(),
            parent: facts.link.parent.as_deref(),
            mtu_octets: facts.link.mtu,
            offloads: Offloads {
                gro: offloads.gro,
                lro: offloads.lro,
                gso: offloads.gso,
                tso: offloads.tso,
                rx_checksum: offloads.rx_checksum,
            },
            addresses: facts.addresses.iter().map(ToString::to_string).collect(),
            programs: facts.programs.iter().map(Program::from).collect(),
            hooks: facts.steps.iter().map(Candidate::from).collect(),
            capabilities: facts
                .capabilities
                .iter()
                .map(|&(name, held)| Capability { name, held })
                .collect(),
            connections_tracked: facts.tracked,
            blind_to: vantage::blind_to(facts),
            remarks: vantage::remarks(facts),
        }
    }
}

impl<'a> From<&'a Attached> for Program<'a> {
    fn from(Attached { program, holders }: &'a Attached) -> Self {
        let holder = |process: &'a Process| Holder {
            pid: process.pid,
            name: &process.name,
        };
        Self {
            hook: program.hook,
            direction: way(program.direction),
            id: program.id,
            name: program.name.as_deref(),
            holders: holders.iter().map(holder).collect(),
        }
    }
}

impl<'a> From<&'a Step> for Candidate<'a> {
    fn from(step: &'a Step) -> Self {
        Self {
            hook: step.rung.as_str(),
            rung: step.rung.to_string(),
            direction: way(step.direction),
            outlook: step.outlook.as_str(),
            why: &step.why,
        }
    }
}

const fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

const fn packets(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "received packets, hooks in the order of trial",
        Direction::Egress => "sent packets",
    }
}
