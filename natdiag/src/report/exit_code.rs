//! What a run found, as an exit code. Pure: the survey alone decides.

use std::process::ExitCode;

use crate::{
    analysis::diagnosis::{Finding, Severity},
    survey::Survey,
};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ExitStatus {
    /// Nothing wrong was found: 0.
    #[default]
    Clear,
    /// A cause that harms connections was found: 1.
    Harm,
    /// natdiag itself failed: 2.
    Error,
    /// Something is wrong that the evidence does not name, or that cannot be seen: 3.
    Unclear,
}

/// What a finding is to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// A cause that harms connections.
    Harm,
    /// No cause could be named.
    Unclear,
    /// It explains what is seen and harms nobody.
    Harmless,
}

impl Weight {
    /// The weight of one finding.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        if finding.cause.is_open() {
            Self::Unclear
        } else if finding.severity >= Severity::Warning {
            Self::Harm
        } else {
            Self::Harmless
        }
    }
}

impl ExitStatus {
    /// The status of a run that ended with this survey.
    #[must_use]
    pub fn of(survey: &Survey) -> Self {
        let diagnoses = survey.sources.iter().map(|source| &source.diagnosis);
        Self::of_findings(diagnoses.flat_map(|diagnosis| {
            let remotes = diagnosis.remotes.iter().flat_map(|remote| &remote.findings);
            remotes.chain(&diagnosis.findings)
        }))
    }

    /// The status of a run that ended with these findings.
    #[must_use]
    pub fn of_findings<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        match findings.into_iter().map(Weight::of).min() {
            Some(Weight::Harm) => Self::Harm,
            Some(Weight::Unclear) => Self::Unclear,
            Some(Weight::Harmless) | None => Self::Clear,
        }
    }

    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Clear => 0,
            Self::Harm => 1,
            Self::Error => 2,
            Self::Unclear => 3,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::diagnosis::Cause,
        report::fixture::{finding, survey_of},
    };

    struct Case {
        name: &'static str,
        findings: &'static [(Cause, Severity)],
        want: u8,
    }

    #[test]
    fn exit_code_follows_the_weightiest_finding() {
        use Cause::{Blind, InsufficientEvidence, PacketLoss, TwRecycle, UdpFragmentation};
        use Severity::{Critical, Info, Warning};
        for Case {
            name,
            findings,
            want,
        } in [
            Case {
                name: "nothing",
                findings: &[],
                want: 0,
            },
            Case {
                name: "info alone",
                findings: &[(UdpFragmentation, Info)],
                want: 0,
            },
            Case {
                name: "warning",
                findings: &[(PacketLoss, Warning)],
                want: 1,
            },
            Case {
                name: "critical",
                findings: &[(TwRecycle, Critical)],
                want: 1,
            },
            Case {
                name: "insufficient",
                findings: &[(InsufficientEvidence, Info)],
                want: 3,
            },
            Case {
                name: "insufficient, warning",
                findings: &[(InsufficientEvidence, Warning)],
                want: 3,
            },
            Case {
                name: "blind, critical",
                findings: &[(Blind, Critical)],
                want: 3,
            },
            Case {
                name: "blind beside info",
                findings: &[(UdpFragmentation, Info), (Blind, Info)],
                want: 3,
            },
            Case {
                name: "blind beside harm",
                findings: &[(Blind, Info), (TwRecycle, Warning)],
                want: 1,
            },
        ] {
            let all = || {
                findings
                    .iter()
                    .map(|&(cause, severity)| finding(cause, severity))
                    .collect()
            };
            for (place, survey) in [
                ("of a remote", survey_of(all(), vec![])),
                ("of a source", survey_of(vec![], all())),
            ] {
                assert_eq!(ExitStatus::of(&survey).code(), want, "{name}, {place}");
            }
        }
    }

    #[test]
    fn harm_on_a_later_source_counts() {
        let mut survey = survey_of(vec![], vec![]);
        let other = survey_of(vec![finding(Cause::TwRecycle, Severity::Critical)], vec![]);
        survey.sources.extend(other.sources);
        assert_eq!(ExitStatus::of(&survey), ExitStatus::Harm);
    }
}
