//! The report of a test: the verdict of each address first, then the arms that it rests on.

pub(crate) mod plan;

use std::{
    io::{self, Write},
    net::IpAddr,
};

use serde::Serialize;
use serde_json::Serializer;

use crate::{
    probe::{
        connection::{Arm, Fate},
        echo::{Echoes, LARGE_OCTETS, SMALL_OCTETS},
        finding::Answer,
        fragments::Ending,
        survey::{ProbeSurvey, Tested},
    },
    report::{
        json_layout::Outline,
        model::Report,
        text::{page::Page, paper::Paper},
        wording,
    },
};

#[derive(Serialize)]
struct ProbeReport<'a> {
    #[serde(flatten)]
    report: Report<'a>,
    arms: Vec<Row>,
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

/// One response.
#[derive(Serialize)]
struct ResponseRow {
    address: IpAddr,
    port: u16,
    arm: &'static str,
    mss_octets: Option<u16>,
    octets: u64,
    ending: &'static str,
    fragments: u64,
}

/// ICMP echoes of one size.
#[derive(Serialize)]
struct EchoRow {
    address: IpAddr,
    arm: &'static str,
    octets: usize,
    sent: u64,
    answered: u64,
}

/// A row of the table of either test.
#[derive(Serialize)]
#[serde(untagged)]
enum Row {
    Arm(ArmRow),
    Response(ResponseRow),
    Echo(EchoRow),
}

/// Writes the report as JSON.
pub(crate) fn write_json(out: &mut dyn Write, probed: &ProbeSurvey) -> io::Result<()> {
    let report = ProbeReport {
        report: Report::from(&probed.survey),
        arms: probed.tested.iter().flat_map(rows).collect(),
    };
    let mut serializer = Serializer::with_formatter(&mut *out, Outline::default());
    report.serialize(&mut serializer)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn rows(tested: &Tested) -> Vec<Row> {
    let arms = arms(tested).into_iter().map(Row::Arm);
    let responses = tested.responses.iter().map(|response| {
        Row::Response(ResponseRow {
            address: tested.remote.ip(),
            port: tested.remote.port(),
            arm: "response",
            mss_octets: response.mss,
            octets: response.octets,
            ending: ending(response.ending),
            fragments: response.fragments,
        })
    });
    let echoes = tested.echoes.iter().flat_map(|echoes| {
        [(SMALL_OCTETS, echoes.small), (LARGE_OCTETS, echoes.large)].map(|(octets, arm)| {
            Row::Echo(EchoRow {
                address: tested.remote.ip(),
                arm: "icmp-echo",
                octets,
                sent: arm.sent,
                answered: arm.answered,
            })
        })
    });
    arms.chain(responses).chain(echoes).collect()
}

const fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "complete",
        Ending::Stalled => "stalled",
        Ending::Reset => "reset",
        Ending::Unanswered => "unanswered",
        Ending::Refused => "refused",
    }
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
    let page = &mut Page::new(out, Paper::of_stdout());
    let connections: u64 = probed
        .tested
        .iter()
        .map(|tested| (tested.record.connections.len() + tested.responses.len()) as u64)
        .sum();
    let took = wording::span(survey.end.0.saturating_sub(survey.start.0));
    page.paragraph(
        "",
        &format!(
            "natdiag made {} in {took}.",
            wording::counted(connections, "connection", "connections")
        ),
    )?;
    let vantage = if survey.blind_to.is_empty() {
        "not behind"
    } else {
        "behind"
    };
    for (tested, source) in probed.tested.iter().zip(&survey.sources) {
        page.gap()?;
        write_tested(page, tested)?;
        page.items("icmp", tested.echoes.iter().map(Echoes::summary))?;
        page.items(
            "from",
            [format!(
                "{} ({}), which is {vantage} a NAT",
                source.name,
                source.hooks.join(", ")
            )],
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
            let title = finding.cause.title();
            let grade = wording::grade(finding);
            page.paragraph("", &format!("{remote}: {title} ({grade})"))?;
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
    if !tested.responses.is_empty() {
        page.line("      segments up to      octets received   fragments  ending")?;
        for response in &tested.responses {
            let mss = response
                .mss
                .map_or_else(|| "the usual".to_owned(), |mss| mss.to_string());
            let (octets, ending) = (response.octets, ending(response.ending));
            let fragments = response.fragments;
            page.line(&format!(
                "      {mss:<20}{octets:>15}{fragments:>12}  {ending}"
            ))?;
        }
        return page.gap();
    }
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::{
        probe::{
            connection::{Connection, Record},
            echo::{EchoArm, Echoes},
            fragments::Response,
        },
        report::{fixture, schema},
    };

    #[test]
    fn rows_of_every_kind_have_the_form_of_the_schema() {
        let remote = SocketAddr::from(([198, 51, 100, 80], 443));
        let connection = Connection {
            arm: Arm::Low,
            sent_ns: 0,
            tsval: Some(7),
            fate: Fate::Answered,
            handshake_ns: Some(1),
            source_port: 40_000,
            syn_acks: 1,
            answered_with_timestamps: true,
            ttl: Some(52),
            closed: None,
        };
        let response = Response {
            mss: None,
            octets: 700,
            ending: Ending::Stalled,
            fragments: 2,
            largest_fragment_octets: 1400,
        };
        let tested = Tested {
            remote,
            record: Record {
                address: remote.ip(),
                connections: vec![connection],
            },
            responses: vec![response],
            answer: Answer::Sound {
                confidence: 0.99,
                summary: "all is well".to_owned(),
            },
            echoes: Some(Echoes {
                small: EchoArm::default(),
                large: EchoArm::default(),
            }),
        };
        let mut out = Vec::new();
        let probed = ProbeSurvey {
            survey: fixture::healthy(),
            tested: vec![tested],
        };
        write_json(&mut out, &probed).unwrap();
        let text = String::from_utf8(out).unwrap();
        for row in ["\"low\"", "\"response\"", "\"icmp-echo\""] {
            assert!(text.contains(row), "{row} in {text}");
        }
        schema::assert_report(&text);
    }
}
