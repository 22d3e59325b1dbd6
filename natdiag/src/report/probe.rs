//! The report of a test: the verdict of each address first, then the arms that it rests on.

use std::{
    io::{self, Write},
    net::{IpAddr, SocketAddr},
};

use serde::Serialize;
use serde_json::Serializer;

use crate::{
    host::path::Path,
    probe::{
        finding::Answer,
        plan::Bounds,
        survey::{ProbeSurvey, Tested},
        target::Target,
        trial::{Arm, Fate},
    },
    report::{json_layout::Outline, model::Report, text::page::Page, wording},
};

/// Width of the report.
const COLUMNS: usize = 120;

#[derive(Serialize)]
struct ProbeReport<'a> {
    #[serde(flatten)]
    report: Report<'a>,
    arms: Vec<ArmRow>,
}

/// One arm of one address.
#[derive(Serialize)]
struct ArmRow {
    address: IpAddr,
    port: u16,
    arm: &'static str,
    connections: u64,
    answered: u64,
    dropped: u64,
    refused: u64,
    strayed: u64,
    unreachable: u64,
}

/// Writes the report as JSON.
pub(crate) fn write_json(out: &mut dyn Write, probed: &ProbeSurvey) -> io::Result<()> {
    let report = ProbeReport {
        report: Report::from(&probed.survey),
        arms: probed.tested.iter().flat_map(arms).collect(),
    };
    let mut serializer = Serializer::with_formatter(&mut *out, Outline::default());
    report.serialize(&mut serializer)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn arms(tested: &Tested) -> Vec<ArmRow> {
    let count = |arm, fate| tested.record.count(arm, fate);
    Arm::ALL
        .into_iter()
        .map(|arm| ArmRow {
            address: tested.remote.ip(),
            port: tested.remote.port(),
            arm: arm.as_str(),
            connections: tested.record.of_arm(arm).map(|_| 1).sum(),
            answered: count(arm, Fate::Answered),
            dropped: count(arm, Fate::Dropped),
            refused: count(arm, Fate::Refused),
            strayed: count(arm, Fate::Strayed),
            unreachable: count(arm, Fate::Unreachable),
        })
        .filter(|row| row.connections > 0)
        .collect()
}

/// Writes the report for people.
pub(crate) fn write_text(out: &mut dyn Write, probed: &ProbeSurvey) -> io::Result<()> {
    let survey = &probed.survey;
    let page = &mut Page::new(out, COLUMNS);
    let connections: u64 = probed
        .tested
        .iter()
        .map(|tested| tested.record.trials.len() as u64)
        .sum();
    let took = wording::span(survey.end.0.saturating_sub(survey.start.0));
    page.paragraph(
        "",
        &format!(
            "natdiag made {} in {took}.",
            wording::counted(connections, "connection", "connections")
        ),
    )?;
    for (tested, source) in probed.tested.iter().zip(&survey.sources) {
        page.gap()?;
        write_tested(page, tested)?;
        page.items(
            "from",
            [format!("{} ({})", source.name, source.hooks.join(", "))],
        )?;
        page.items("note", &source.notes)?;
    }
    if !survey.blind_to.is_empty() {
        page.gap()?;
        page.paragraph(
            "",
            &format!("Not visible from here: {}.", survey.blind_to.join("; ")),
        )?;
    }
    out.flush()
}

fn write_tested(page: &mut Page, tested: &Tested) -> io::Result<()> {
    let remote = tested.remote;
    match &tested.answer {
        Answer::Sound {
            confidence,
            summary,
        } => {
            let sure = wording::sure(*confidence);
            page.paragraph("", &format!("{remote}: nothing is wrong ({sure} sure)"))?;
            page.body(summary)?;
            write_arms(page, tested)?;
        }
        Answer::Found(finding) => {
            page.paragraph(
                "",
                &format!(
                    "{remote}: {} ({}, {} sure)",
                    wording::title(finding.cause),
                    finding.severity.as_str(),
                    wording::sure(finding.confidence)
                ),
            )?;
            page.body(&finding.summary)?;
            write_arms(page, tested)?;
            let alternative = |other: &crate::analysis::diagnosis::Alternative| {
                format!("{}: {}", wording::name(other.cause), other.why)
            };
            page.items("ruled out", finding.excluded.iter().map(alternative))?;
            page.items(
                "not ruled out",
                finding.not_excluded.iter().map(alternative),
            )?;
            page.items("do", &finding.remedy)?;
        }
    }
    Ok(())
}

fn write_arms(page: &mut Page, tested: &Tested) -> io::Result<()> {
    page.gap()?;
    page.line(&format!(
        "      {:<40}{:>12}{:>10}",
        "SYNs", "connections", "answered"
    ))?;
    for row in arms(tested) {
        let arm = Arm::ALL.into_iter().find(|arm| arm.as_str() == row.arm);
        let meaning = arm.map_or(row.arm, Arm::meaning);
        page.line(&format!(
            "      {meaning:<40}{:>12}{:>10}",
            row.connections, row.answered
        ))?;
    }
    page.gap()
}

/// Writes what a test would do.
pub(crate) fn write_plan(
    out: &mut dyn Write,
    target: &Target,
    ways: &[(SocketAddr, Path)],
    bounds: Bounds,
) -> io::Result<()> {
    let page = &mut Page::new(out, COLUMNS);
    page.paragraph(
        "",
        &format!(
            "natdiag would test {target} with at most {} connections to each address, at most {} a second:",
            bounds.connections, bounds.rate
        ),
    )?;
    for (address, path) in ways {
        page.line(&format!("   {address} through {}", path.link.name))?;
    }
    page.gap()?;
    page.line("These connections, in random order, until the answer is 99 % sure:")?;
    for arm in Arm::ALL {
        page.line(&format!("   {:<20}{}", arm.as_str(), arm.meaning()))?;
    }
    page.gap()?;
    page.paragraph(
        "",
        "Only `arming` connections are completed, with this host's own clock; they ask for `HEAD /` where the server does not \
         close by itself. All others end with a RST in the place of the last packet of the handshake.",
    )?;
    out.flush()
}
