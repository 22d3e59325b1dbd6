//! Reads natdiag's report as anybody would: by the words of its schema.

use std::{collections::BTreeMap, net::IpAddr};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

const SCHEMA: &str = "natdiag.report/1";

/// A report.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Report {
    schema: String,
    /// One per source.
    pub(crate) totals: Vec<Totals>,
    /// Hosts.
    pub(crate) remotes: Vec<Remote>,
    /// Findings about no host.
    pub(crate) findings: Vec<Finding>,
}

/// Counters of one source.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Totals {
    /// What could not be observed.
    pub(crate) missed: BTreeMap<String, u64>,
}

/// A host.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Remote {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Counters by name.
    pub(crate) counters: BTreeMap<String, u64>,
    /// What is wrong with it.
    pub(crate) findings: Vec<Finding>,
}

/// A named cause.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Finding {
    /// Its name.
    pub(crate) cause: String,
    /// Probability, where a cause is named.
    pub(crate) confidence: Option<f64>,
    /// Its severity.
    pub(crate) severity: String,
}

impl Report {
    /// Reads a report.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let report: Self =
            serde_json::from_str(text).context("the report is not what its schema says")?;
        if report.schema != SCHEMA {
            bail!("the report has schema `{}`, not `{SCHEMA}`", report.schema);
        }
        Ok(report)
    }

    /// All findings, with the host that they are about.
    pub(crate) fn all_findings(&self) -> impl Iterator<Item = (Option<IpAddr>, &Finding)> + Clone {
        let about_hosts = self.remotes.iter().flat_map(|remote| {
            let address = Some(remote.address);
            remote
                .findings
                .iter()
                .map(move |finding| (address, finding))
        });
        let about_none = self.findings.iter().map(|finding| (None, finding));
        about_hosts.chain(about_none)
    }

    /// One counter of one host, on all interfaces together; 0 where the report does not name the host.
    pub(crate) fn counter(&self, address: IpAddr, name: &str) -> u64 {
        self.remotes
            .iter()
            .filter(|remote| remote.address == address)
            .filter_map(|remote| remote.counters.get(name))
            .sum()
    }

    /// Adds what another report says about other interfaces.
    pub(crate) fn join(&mut self, other: Self) {
        self.totals.extend(other.totals);
        self.remotes.extend(other.remotes);
        self.findings.extend(other.findings);
    }

    /// The exit code that goes with these findings.
    pub(crate) fn exit_code(&self) -> i32 {
        let undecided = |cause: &str| matches!(cause, "insufficient-evidence" | "blind");
        let harmful = |severity: &str| matches!(severity, "critical" | "warning");
        let mut findings = self.all_findings().map(|(_, finding)| finding);
        if findings
            .clone()
            .any(|finding| harmful(&finding.severity) && !undecided(&finding.cause))
        {
            1
        } else if findings.any(|finding| undecided(&finding.cause)) {
            3
        } else {
            0
        }
    }
}
