//! The schema of the JSON report, `natdiag.report/1`: the only place that knows its words. A survey is shown by
//! reference; the order of fields is the order of the contract, additions come last.

mod established;

use std::net::IpAddr;

use natdiag_common::{
    counter::{Counter, Totals},
    error::{self, Layer, ParseError},
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use self::established::{Established, LookedAt};
use crate::{
    analysis::diagnosis::{self, Diagnosis, Evidence, RemoteCounters},
    event::Timestamp,
    names::Names,
    report::ranking::{Ranked, ranked, source_findings},
    survey::{SourceKind, SourceSurvey, Survey},
};

/// Name and version of the schema.
pub const SCHEMA: &str = "natdiag.report/1";

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    schema: &'static str,
    sources: Vec<Source<'a>>,
    #[serde(serialize_with = "rfc3339")]
    start: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    end: Timestamp,
    vantage: Vantage<'a>,
    totals: Vec<SourceTotals>,
    remotes: Vec<Remote<'a>>,
    findings: Vec<SourceFinding<'a>>,
}

#[derive(Debug, Serialize)]
struct Source<'a> {
    kind: &'static str,
    name: &'a str,
    hooks: &'a [String],
    notes: &'a [String],
    established_looked_at: Option<LookedAt>,
}

#[derive(Debug, Serialize)]
struct Vantage<'a> {
    blind_to: &'a [String],
}

#[derive(Debug, Serialize)]
struct SourceTotals {
    packets: u64,
    malformed: u64,
    remotes: usize,
    remotes_left_out: usize,
    missed: Missed,
    packets_ingress: u64,
    packets_egress: u64,
    malformed_by: MalformedBy,
    overflow: Overflow,
}

#[derive(Debug, Serialize)]
struct Missed {
    records: u64,
    remotes: u64,
    records_ring: u64,
    records_budget: u64,
    syns_not_followed: u64,
}

/// Counters of all hosts that the table had no room for.
#[derive(Debug, Serialize)]
struct Overflow {
    remotes: u64,
    counters: Counters,
}

#[derive(Debug, Serialize)]
struct Remote<'a> {
    address: IpAddr,
    source: usize,
    counters: Counters,
    findings: Vec<Finding<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hit_by: Vec<HitBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    established: Option<Established>,
}

/// What is wrong with a server and hits connections that the host opens.
#[derive(Debug, Serialize)]
struct HitBy {
    address: IpAddr,
    cause: &'static str,
    connections_hit: u64,
    connections: u64,
}

impl From<&diagnosis::HitBy> for HitBy {
    fn from(hit_by: &diagnosis::HitBy) -> Self {
        Self {
            address: hit_by.remote,
            cause: hit_by.cause.as_str(),
            connections_hit: hit_by.hit,
            connections: hit_by.all,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Finding<'a> {
    cause: &'static str,
    confidence: Option<f64>,
    severity: &'static str,
    summary: &'a str,
    evidence: EvidenceMap<'a>,
    excluded: Vec<Alternative<'a>>,
    not_excluded: Vec<Alternative<'a>>,
    remedy: &'a [String],
}

/// A finding that belongs to no single remote host.
#[derive(Debug, Serialize)]
struct SourceFinding<'a> {
    #[serde(flatten)]
    finding: Finding<'a>,
    source: usize,
}

#[derive(Debug, Serialize)]
struct Alternative<'a> {
    cause: &'static str,
    why: &'a str,
}

/// Declares [`Counters`], which has the names and the order of the contract.
macro_rules! counters {
    ($($name:ident)*) => {
        #[derive(Debug, Serialize)]
        struct Counters { $($name: u64),* }

        impl From<&RemoteCounters> for Counters {
            fn from(counters: &RemoteCounters) -> Self {
                let RemoteCounters { $($name),* } = *counters;
                Self { $($name),* }
            }
        }
    };
}

counters! {
    fragments_tcp fragments_udp fragments_icmp fragments_other
    fragments_first fragments_middle fragments_last fragments_atomic
    datagrams_complete datagrams_incomplete datagrams_unobserved largest_first_fragment_octets
    syn_sent syn_retransmitted syn_ack_received
    rst_answering_syn rst_established ack_answering_syn
    syn_predicted_drop_dropped syn_predicted_drop_answered
    syn_predicted_pass_dropped syn_predicted_pass_answered
    syn_without_timestamps_dropped syn_without_timestamps_answered
    syn_without_timestamps_armed_dropped syn_without_timestamps_armed_answered
    syn_ambiguous syn_undecided
    fragments_dont_fragment fragments_sent syn_received syn_ack_sent rst_sent packet_too_big icmp_errors
}

impl<'a> From<&'a Survey> for Report<'a> {
    fn from(survey: &'a Survey) -> Self {
        let diagnoses = || survey.sources.iter().map(|source| &source.diagnosis);
        Self {
            schema: SCHEMA,
            sources: survey.sources.iter().map(Source::from).collect(),
            start: survey.start,
            end: survey.end,
            vantage: Vantage {
                blind_to: &survey.blind_to,
            },
            totals: diagnoses().map(SourceTotals::from).collect(),
            remotes: ranked(survey)
                .into_iter()
                .map(|remote| Remote::new(remote, &survey.names))
                .collect(),
            findings: source_findings(survey)
                .map(|(source, finding)| SourceFinding {
                    finding: Finding::from(finding),
                    source,
                })
                .collect(),
        }
    }
}

impl<'a> Report<'a> {
    /// A report about a host that was looked at and of which no packet was watched.
    pub(crate) fn of_host(
        name: &'a str,
        (start, end): (Timestamp, Timestamp),
        blind_to: &'a [String],
        findings: &'a [diagnosis::Finding],
    ) -> Self {
        let findings = findings.iter().map(|finding| SourceFinding {
            finding: Finding::from(finding),
            source: 0,
        });
        Self {
            schema: SCHEMA,
            sources: vec![Source {
                kind: "host",
                name,
                hooks: &[],
                notes: &[],
                established_looked_at: None,
            }],
            start,
            end,
            vantage: Vantage { blind_to },
            totals: vec![SourceTotals::from(&Diagnosis::default())],
            remotes: Vec::new(),
            findings: findings.collect(),
        }
    }
}

impl<'a> From<&'a SourceSurvey> for Source<'a> {
    fn from(source: &'a SourceSurvey) -> Self {
        Self {
            kind: match source.kind {
                SourceKind::Interface => "interface",
                SourceKind::Capture => "capture",
            },
            name: &source.name,
            hooks: &source.hooks,
            notes: &source.notes,
            established_looked_at: source.looked_at.map(LookedAt::from),
        }
    }
}

impl From<&Diagnosis> for SourceTotals {
    fn from(diagnosis: &Diagnosis) -> Self {
        let totals = &diagnosis.totals;
        let packets_ingress = totals.value(Counter::PacketsIngress);
        let packets_egress = totals.value(Counter::PacketsEgress);
        let records_ring = totals.value(Counter::MissedRecordsRing);
        let records_budget = totals.value(Counter::MissedRecordsBudget);
        Self {
            packets: packets_ingress + packets_egress,
            malformed: totals.malformed(),
            remotes: diagnosis.remotes_known,
            remotes_left_out: diagnosis
                .remotes_known
                .saturating_sub(diagnosis.remotes.len()),
            missed: Missed {
                records: records_ring + records_budget,
                remotes: totals.value(Counter::MissedRemotes),
                records_ring,
                records_budget,
                syns_not_followed: diagnosis.syns_not_followed,
            },
            packets_ingress,
            packets_egress,
            malformed_by: MalformedBy(*totals),
            overflow: Overflow {
                remotes: diagnosis.overflow_remotes,
                counters: Counters::from(&diagnosis.overflow),
            },
        }
    }
}

impl<'a> Remote<'a> {
    fn new(Ranked { source, remote, .. }: Ranked<'a>, names: &Names) -> Self {
        Self {
            address: remote.address,
            source,
            counters: Counters::from(&remote.counters),
            findings: remote.findings.iter().map(Finding::from).collect(),
            hit_by: remote.hit_by.iter().map(HitBy::from).collect(),
            name: names.of(remote.address).map(|name| name.to_string()),
            established: remote.established.as_ref().map(Established::from),
        }
    }
}

impl<'a> From<&'a diagnosis::Finding> for Finding<'a> {
    fn from(finding: &'a diagnosis::Finding) -> Self {
        Self {
            cause: finding.cause.as_str(),
            confidence: finding.certainty(),
            severity: finding.severity.as_str(),
            summary: &finding.summary,
            evidence: EvidenceMap(&finding.evidence),
            excluded: finding.excluded.iter().map(Alternative::from).collect(),
            not_excluded: finding.not_excluded.iter().map(Alternative::from).collect(),
            remedy: &finding.remedy,
        }
    }
}

impl<'a> From<&'a diagnosis::Alternative> for Alternative<'a> {
    fn from(alternative: &'a diagnosis::Alternative) -> Self {
        Self {
            cause: alternative.cause.as_str(),
            why: &alternative.why,
        }
    }
}

/// Evidence as one object, in the order in which the finding tells it.
#[derive(Debug)]
struct EvidenceMap<'a>(&'a [(&'static str, Evidence)]);

impl Serialize for EvidenceMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, evidence) in self.0 {
            match evidence {
                Evidence::Count(count) => map.serialize_entry(name, count)?,
                Evidence::Ratio(ratio) => map.serialize_entry(name, ratio)?,
                Evidence::Text(text) => map.serialize_entry(name, text)?,
                Evidence::List(list) => map.serialize_entry(name, list)?,
            }
        }
        map.end()
    }
}

/// Malformed packets by layer and cause, such as `ipv4_bad_length`; what did not occur is absent.
#[derive(Debug)]
struct MalformedBy(Totals);

impl Serialize for MalformedBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for layer in Layer::ALL {
            for cause in error::Cause::ALL {
                let place = ParseError { layer, cause }.index();
                if let Some(&count @ 1..) = self.0.malformed.get(place) {
                    let name = format!("{}_{}", layer.as_str(), cause.as_str());
                    map.serialize_entry(&name, &count)?;
                }
            }
        }
        map.end()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
pub(crate) fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::from_nanosecond(i128::from(time.0)) {
        Ok(time) => serializer.collect_str(&time),
        Err(error) => Err(serde::ser::Error::custom(error)),
    }
}

#[cfg(test)]
mod tests;
