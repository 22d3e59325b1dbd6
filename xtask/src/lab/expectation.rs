//! What natdiag must say about a scenario, as data, and how its report is held against it.

use std::net::IpAddr;

use super::{
    network::{NEIGHBOUR, SERVER, SERVER_V6},
    report::{Finding, Report},
};

/// Least confidence of a finding that a scenario expects.
const CONFIDENCE: f64 = 0.9;

/// A finding that must be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// Whom it is about.
    pub(crate) about: Subject,
    /// Its cause, or those of which one suffices.
    pub(crate) cause: &'static str,
    /// Its severity.
    pub(crate) harm: Harm,
}

/// Whom a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The server's first address.
    Server,
    /// The server's IPv6 address.
    ServerV6,
    /// The server's second address.
    Neighbour,
    /// Any host, or none.
    Anybody,
}

/// A class of severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// `critical`: connections fail now.
    Fails,
    /// `warning` or `critical`: some fail, or will.
    Harms,
    /// `info`.
    None,
    /// Any.
    Any,
}

/// A condition on the counters of one host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// The counter is 0.
    Zero(Subject, &'static str),
    /// The counter is 0, but for what a loaded machine blurs: natdiag sees a packet some time after the host does, and
    /// takes a SYN for one after a change of the mark that the host took for one before. Two, or two in a hundred SYNs.
    Few(Subject, &'static str),
    /// The counter is at least this.
    AtLeast(Subject, &'static str, u64),
    /// The two counters are equal.
    Equal(Subject, &'static str, &'static str),
    /// The first counter is at most the second, and at least nine tenths of it.
    NineTenths(Subject, &'static str, &'static str),
}

impl Subject {
    /// Its address, if it is one host.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Self::Server => Some(SERVER.into()),
            Self::ServerV6 => Some(SERVER_V6.into()),
            Self::Neighbour => Some(NEIGHBOUR.into()),
            Self::Anybody => None,
        }
    }
}

impl Harm {
    fn includes(self, severity: &str) -> bool {
        match self {
            Self::Fails => severity == "critical",
            Self::Harms => matches!(severity, "warning" | "critical"),
            Self::None => severity == "info",
            Self::Any => true,
        }
    }

    /// How a list shows it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Fails => "critical",
            Self::Harms => "warning or critical",
            Self::None => "info",
            Self::Any => "any severity",
        }
    }
}

impl Expected {
    fn is_met_by(&self, address: Option<IpAddr>, finding: &Finding) -> bool {
        let about = self.about.address();
        self.cause == finding.cause
            && (about.is_none() || about == address)
            && self.harm.includes(&finding.severity)
            && finding
                .confidence
                .is_none_or(|confidence| confidence >= CONFIDENCE)
    }
}

/// Holds the findings against the expected ones. `tolerated` causes may be there or not.
pub(crate) fn compare_findings(
    report: &Report,
    expected: &[Expected],
    tolerated: &[&str],
) -> Vec<String> {
    let mut differences = Vec::new();
    for wanted in expected {
        let met = report
            .all_findings()
            .any(|(address, finding)| wanted.is_met_by(address, finding));
        if !met {
            let about = wanted
                .about
                .address()
                .map_or_else(String::new, |address| format!(" about {address}"));
            differences.push(format!(
                "expected `{}`{about} ({}, confidence {CONFIDENCE} or more), got {}",
                wanted.cause,
                wanted.harm.as_str(),
                list(report)
            ));
        }
    }
    for (address, finding) in report.all_findings() {
        let wanted = expected
            .iter()
            .any(|wanted| wanted.is_met_by(address, finding));
        if !wanted && !tolerated.contains(&finding.cause.as_str()) {
            differences.push(format!("unexpected: {}", show(address, finding)));
        }
    }
    differences
}

/// Holds the counters against the conditions.
pub(crate) fn compare_counters(report: &Report, checks: &[Check]) -> Vec<String> {
    let value = |subject: Subject, name: &str| {
        let address = subject.address().unwrap_or(SERVER.into());
        (address, report.counter(address, name))
    };
    checks
        .iter()
        .filter_map(|check| match *check {
            Check::Zero(subject, name) => {
                let (address, got) = value(subject, name);
                (got != 0).then(|| format!("{address}: {name} is {got}, not 0"))
            }
            Check::Few(subject, name) => {
                let ((address, got), (_, sent)) =
                    (value(subject, name), value(subject, "syn_sent"));
                let most = (sent / 50).max(2);
                (got > most).then(|| format!("{address}: {name} is {got}, more than {most}"))
            }
            Check::AtLeast(subject, name, least) => {
                let (address, got) = value(subject, name);
                (got < least).then(|| format!("{address}: {name} is {got}, less than {least}"))
            }
            Check::Equal(subject, one, other) => {
                let ((address, got), (_, want)) = (value(subject, one), value(subject, other));
                (got != want).then(|| format!("{address}: {one} is {got}, {other} is {want}"))
            }
            Check::NineTenths(subject, one, other) => {
                let ((address, got), (_, whole)) = (value(subject, one), value(subject, other));
                (got > whole || got * 10 < whole * 9)
                    .then(|| format!("{address}: {one} is {got}, {other} is {whole}"))
            }
        })
        .collect()
}

/// All findings in one line.
pub(crate) fn list(report: &Report) -> String {
    let shown: Vec<String> = report
        .all_findings()
        .map(|(address, finding)| show(address, finding))
        .collect();
    if shown.is_empty() {
        "no finding".to_owned()
    } else {
        shown.join(", ")
    }
}

fn show(address: Option<IpAddr>, finding: &Finding) -> String {
    let about = address.map_or_else(String::new, |address| format!("{address} "));
    let confidence = finding
        .confidence
        .map_or_else(String::new, |confidence| format!(", {confidence:.4}"));
    format!(
        "{about}`{}` ({}{confidence})",
        finding.cause, finding.severity
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: [Expected; 1] = [Expected {
        about: Subject::Server,
        cause: "tw-recycle",
        harm: Harm::Fails,
    }];

    #[test]
    fn expected_finding_about_the_server_is_no_difference() {
        let report = report("203.0.113.80", "tw-recycle", "critical", 0.999);
        assert_eq!(compare_findings(&report, &EXPECTED, &[]), [""; 0]);
    }

    #[test]
    fn finding_about_another_host_is_missing_and_unexpected() {
        let report = report("203.0.113.81", "tw-recycle", "critical", 0.999);
        assert_eq!(compare_findings(&report, &EXPECTED, &[]).len(), 2);
    }

    #[test]
    fn doubtful_finding_does_not_count() {
        let report = report("203.0.113.80", "tw-recycle", "critical", 0.5);
        assert_eq!(
            compare_findings(&report, &EXPECTED, &["tw-recycle"]).len(),
            1
        );
    }

    #[test]
    fn exit_code_follows_the_worst_finding() {
        let code = |cause, severity| report("203.0.113.80", cause, severity, 1.0).exit_code();
        assert_eq!(code("filtered", "critical"), 1);
        assert_eq!(code("insufficient-evidence", "warning"), 3);
        assert_eq!(code("udp-fragmentation", "info"), 0);
    }

    fn report(address: &str, cause: &str, severity: &str, confidence: f64) -> Report {
        let text = serde_json::json!({
            "schema": "natdiag.report/1",
            "totals": [],
            "findings": [],
            "remotes": [{
                "address": address,
                "counters": {},
                "findings": [{"cause": cause, "severity": severity, "confidence": confidence}],
            }],
        });
        Report::parse(&text.to_string()).unwrap()
    }
}
