//! The schema of events, `natdiag.event/1`: what happened while natdiag watched unattended, a JSON object each. A
//! finding has the form that it has in the report.

use std::net::IpAddr;

use serde::Serialize;

use crate::{
    changes::{Change, Standing, Turn},
    event::Timestamp,
    report::model::{Finding, Report, rfc3339},
    survey::Survey,
};

/// Name and version of the schema.
pub const SCHEMA: &str = "natdiag.event/1";

/// What happened.
#[derive(Debug)]
pub enum Happening<'a> {
    /// Watching has begun.
    Started,
    /// Watching has ended.
    Stopped,
    /// An interface is watched from here on.
    Attached {
        /// Its name.
        interface: &'a str,
        /// The hooks in use.
        hooks: &'a [String],
        /// Why these.
        notes: &'a [String],
        /// Whether what an earlier run knew is gone on with.
        goes_on: bool,
    },
    /// An interface has vanished or is not wanted any more: the last report about it.
    Released(&'a Survey),
    /// An interface is watched on in the kernel when this run ends: the last report of this run about it.
    Kept(&'a Survey),
    /// A finding has appeared, changed, or ended.
    Finding(&'a Change),
    /// Events before this one could not be written.
    Lost {
        /// How many.
        events: u64,
    },
}

/// An event, as it is written.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    schema: &'static str,
    #[serde(serialize_with = "rfc3339")]
    time: Timestamp,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    Started {
        version: &'static str,
    },
    Stopped,
    InterfaceAttached {
        interface: &'a str,
        hooks: &'a [String],
        notes: &'a [String],
        goes_on: bool,
    },
    InterfaceReleased {
        interface: &'a str,
        report: Report<'a>,
    },
    InterfaceKept {
        interface: &'a str,
        report: Report<'a>,
    },
    FindingAppeared {
        #[serde(flatten)]
        subject: Subject<'a>,
        finding: Finding<'a>,
    },
    FindingChanged {
        #[serde(flatten)]
        subject: Subject<'a>,
        was: Was,
        finding: Finding<'a>,
    },
    FindingEnded {
        #[serde(flatten)]
        subject: Subject<'a>,
        was: Was,
        why: &'static str,
    },
    Lost {
        events: u64,
    },
}

/// Which finding an event is about.
#[derive(Debug, Serialize)]
struct Subject<'a> {
    number: u64,
    #[serde(serialize_with = "rfc3339")]
    since: Timestamp,
    interface: &'a str,
    address: Option<IpAddr>,
}

/// What a finding was before.
#[derive(Debug, Serialize)]
struct Was {
    cause: &'static str,
    confidence: Option<f64>,
    severity: &'static str,
}

impl<'a> Line<'a> {
    /// The event, at its time.
    #[must_use]
    pub fn new(happening: &'a Happening<'a>, time: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            time,
            event: Event::from(happening),
        }
    }
}

impl<'a> From<&'a Happening<'a>> for Event<'a> {
    fn from(happening: &'a Happening<'a>) -> Self {
        match happening {
            Happening::Started => Self::Started {
                version: env!("CARGO_PKG_VERSION"),
            },
            Happening::Stopped => Self::Stopped,
            Happening::Attached {
                interface,
                hooks,
                notes,
                goes_on,
            } => Self::InterfaceAttached {
                interface,
                hooks,
                notes,
                goes_on: *goes_on,
            },
            Happening::Released(survey) => Self::InterfaceReleased {
                interface: interface(survey),
                report: Report::from(*survey),
            },
            Happening::Kept(survey) => Self::InterfaceKept {
                interface: interface(survey),
                report: Report::from(*survey),
            },
            Happening::Finding(change) => Self::from(*change),
            Happening::Lost { events } => Self::Lost { events: *events },
        }
    }
}

/// The interface that a survey is about.
fn interface(survey: &Survey) -> &str {
    survey
        .sources
        .first()
        .map_or("", |source| source.name.as_str())
}

impl<'a> From<&'a Change> for Event<'a> {
    fn from(change: &'a Change) -> Self {
        let subject = Subject {
            number: change.number,
            since: change.since,
            interface: &change.place.interface,
            address: change.place.remote,
        };
        match &change.turn {
            Turn::Appeared(finding) => Self::FindingAppeared {
                subject,
                finding: finding.into(),
            },
            Turn::Changed { was, finding } => Self::FindingChanged {
                subject,
                was: was.into(),
                finding: finding.into(),
            },
            Turn::Ended { was, why } => Self::FindingEnded {
                subject,
                was: was.into(),
                why: why.as_str(),
            },
        }
    }
}

impl From<&Standing> for Was {
    fn from(standing: &Standing) -> Self {
        Self {
            cause: standing.cause.as_str(),
            confidence: standing.certainty(),
            severity: standing.severity.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        changes::Changes,
        report::{fixture, schema},
    };

    #[test]
    fn events_read_well() {
        let mut survey = fixture::tw_recycle();
        let mut changes = Changes::default();
        let mut text = String::new();
        let mut tell = |happening: &Happening<'_>, time: Timestamp| {
            let line = serde_json::to_string_pretty(&Line::new(happening, time)).unwrap();
            schema::assert_event(&line);
            text.push_str(&line);
            text.push('\n');
        };
        let source = &survey.sources[0];
        tell(&Happening::Started, survey.start);
        tell(
            &Happening::Attached {
                interface: &source.name,
                hooks: &source.hooks,
                notes: &source.notes,
                goes_on: false,
            },
            survey.start,
        );
        for change in changes.compare(&survey, u64::MAX) {
            tell(&Happening::Finding(&change), survey.end);
        }
        for remote in &mut survey.sources[0].diagnosis.remotes {
            for finding in &mut remote.findings {
                finding.confidence = 0.91;
            }
        }
        for change in changes.compare(&survey, u64::MAX) {
            tell(&Happening::Finding(&change), survey.end);
        }
        let last = survey.clone();
        survey.sources.clear();
        for change in changes.compare(&survey, u64::MAX) {
            tell(&Happening::Finding(&change), survey.end);
        }
        tell(&Happening::Released(&last), survey.end);
        tell(&Happening::Kept(&survey), survey.end);
        tell(&Happening::Lost { events: 3 }, survey.end);
        tell(&Happening::Stopped, survey.end);
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        insta::assert_snapshot!("events", text);
    }
}
