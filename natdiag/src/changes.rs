//! What has changed among the findings from one survey to the next. A finding lasts from when it is named until it is
//! withdrawn, its host or interface is let go, or its host has shown no symptom for a while: evidence adds up from the
//! start of a run, so that without the last, a fault that was repaired would stay named for ever.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde::{Deserialize, Serialize};

use crate::{
    analysis::diagnosis::{Cause, Finding, RemoteCounters, Severity},
    event::Timestamp,
    survey::Survey,
};

/// Where a finding belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Name of the interface.
    pub interface: String,
    /// The remote host; none for what belongs to no single one.
    pub remote: Option<IpAddr>,
}

/// How sure a finding is, in steps that are worth an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Below 0.9: no cause is named with it, but it may say that something is wrong.
    Open,
    /// 0.9 and above.
    Likely,
    /// 0.99 and above.
    Sure,
}

impl Certainty {
    /// The step of a probability.
    #[must_use]
    pub fn of(confidence: f64) -> Self {
        match confidence {
            _ if confidence >= 0.99 => Self::Sure,
            _ if confidence >= 0.9 => Self::Likely,
            _ => Self::Open,
        }
    }
}

/// What a finding was before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its cause.
    pub cause: Cause,
    /// Its severity.
    pub severity: Severity,
    /// Its confidence, when it was last told.
    pub confidence: f64,
}

impl Standing {
    fn of(finding: &Finding) -> Self {
        Self {
            cause: finding.cause,
            severity: finding.severity,
            confidence: finding.confidence,
        }
    }

    /// How sure the named cause was, or nothing where none was named.
    #[must_use]
    pub fn certainty(&self) -> Option<f64> {
        (!self.cause.is_open()).then_some(self.confidence)
    }

    /// Whether the difference is worth an event.
    fn differs(&self, other: &Self) -> bool {
        (self.cause, self.severity) != (other.cause, other.severity)
            || self.certainty().map(Certainty::of) != other.certainty().map(Certainty::of)
    }
}

/// Why a finding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The evidence says something else, or the host was let go.
    Withdrawn,
    /// Its host has shown no symptom for a while.
    Quiet,
    /// Its interface is not watched any more.
    Released,
}

impl End {
    /// The name in an event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Withdrawn => "withdrawn",
            Self::Quiet => "quiet",
            Self::Released => "interface-released",
        }
    }
}

/// What happened to a finding.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// It is new.
    Appeared(Finding),
    /// Its cause, severity or certainty is another.
    Changed {
        /// What it was.
        was: Standing,
        /// What it is.
        finding: Finding,
    },
    /// It is over.
    Ended {
        /// What it was.
        was: Standing,
        /// Why.
        why: End,
    },
}

/// A change, of which finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Counts the findings of a run.
    pub number: u64,
    /// Where it belongs.
    pub place: Place,
    /// When it appeared.
    pub since: Timestamp,
    /// What happened.
    pub turn: Turn,
}

/// A finding that lasts.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    number: u64,
    since: Timestamp,
    standing: Standing,
}

/// What a place showed at the last look.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    open: Vec<Open>,
    symptoms: u64,
    /// When the number of symptoms was last another.
    moved: Timestamp,
}

/// The findings that last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    places: BTreeMap<Place, Known>,
    numbered: u64,
    /// Causes found so far on the interfaces there are.
    found: BTreeSet<(String, Cause)>,
}

/// What a survey says of a place.
struct Shown<'a> {
    findings: &'a [Finding],
    symptoms: Option<u64>,
}

impl Changes {
    /// Compares a survey with what was known, and says what has changed. A host without symptoms for `quiet_ns` has no
    /// findings.
    pub fn compare(&mut self, survey: &Survey, quiet_ns: u64) -> Vec<Change> {
        let now = survey.end;
        let shown = shown(survey);
        let interfaces: BTreeSet<_> = survey.sources.iter().map(|source| &source.name).collect();
        let mut changes = Vec::new();
        self.found
            .retain(|(interface, _)| interfaces.contains(interface));
        let (known, numbered) = (&mut self.places, &mut self.numbered);
        known.retain(|place, known| {
            if shown.contains_key(place) {
                return true;
            }
            let why = if interfaces.contains(&place.interface) {
                End::Withdrawn
            } else {
                End::Released
            };
            changes.extend(known.open.drain(..).map(|open| ended(place, &open, why)));
            false
        });
        for (place, shown) in shown {
            let is_new = !known.contains_key(&place);
            let known = known.entry(place.clone()).or_default();
            // What belongs to no host has no symptoms to be counted, so that it is never quiet.
            if is_new
                || shown
                    .symptoms
                    .is_none_or(|symptoms| symptoms != known.symptoms)
            {
                known.symptoms = shown.symptoms.unwrap_or_default();
                known.moved = now;
            }
            if now.since(known.moved) >= quiet_ns {
                let open = known.open.drain(..);
                changes.extend(open.map(|open| ended(&place, &open, End::Quiet)));
            } else {
                known.take(shown.findings, &place, now, numbered, &mut changes);
                let open = known.open.iter();
                let found = open.map(|open| (place.interface.clone(), open.standing.cause));
                self.found.extend(found);
            }
        }
        changes
    }

    /// Findings that last, by interface and cause; 0 for causes that were found there before.
    #[must_use]
    pub fn open(&self) -> BTreeMap<(&str, Cause), u64> {
        let found = self.found.iter();
        let mut counts: BTreeMap<_, _> = found
            .map(|(interface, cause)| ((interface.as_str(), *cause), 0))
            .collect();
        for (place, known) in &self.places {
            for open in &known.open {
                *counts
                    .entry((place.interface.as_str(), open.standing.cause))
                    .or_default() += 1;
            }
        }
        counts
    }

    /// The places about which a finding lasts.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        let places = self.places.iter();
        let open = places.filter(|(_, known)| !known.open.is_empty());
        open.map(|(place, _)| place)
    }

    /// Whether a finding about a place lasts.
    #[must_use]
    pub fn is_open(&self, place: &Place) -> bool {
        self.places
            .get(place)
            .is_some_and(|known| !known.open.is_empty())
    }
}

impl Known {
    /// Matches findings with those that last: by cause, then any that vanished with any that is new.
    fn take(
        &mut self,
        findings: &[Finding],
        place: &Place,
        now: Timestamp,
        numbered: &mut u64,
        changes: &mut Vec<Change>,
    ) {
        let mut gone = std::mem::take(&mut self.open);
        let mut unmatched = Vec::new();
        for finding in findings {
            match gone
                .iter()
                .position(|open| open.standing.cause == finding.cause)
            {
                Some(at) => self.go_on(gone.swap_remove(at), finding, place, changes),
                None => unmatched.push(finding),
            }
        }
        gone.sort_by_key(|open| open.number);
        let mut gone = gone.into_iter();
        for finding in unmatched {
            if let Some(open) = gone.next() {
                self.go_on(open, finding, place, changes);
                continue;
            }
            *numbered += 1;
            let open = Open {
                number: *numbered,
                since: now,
                standing: Standing::of(finding),
            };
            changes.push(change(place, &open, Turn::Appeared(finding.clone())));
            self.open.push(open);
        }
        changes.extend(gone.map(|open| ended(place, &open, End::Withdrawn)));
    }

    fn go_on(
        &mut self,
        mut open: Open,
        finding: &Finding,
        place: &Place,
        changes: &mut Vec<Change>,
    ) {
        let standing = Standing::of(finding);
        if standing.differs(&open.standing) {
            let was = std::mem::replace(&mut open.standing, standing);
            let finding = finding.clone();
            changes.push(change(place, &open, Turn::Changed { was, finding }));
        }
        self.open.push(open);
    }
}

/// Every place with findings.
fn shown(survey: &Survey) -> BTreeMap<Place, Shown<'_>> {
    let mut shown = BTreeMap::new();
    for source in &survey.sources {
        let place = |remote| Place {
            interface: source.name.clone(),
            remote,
        };
        for remote in &source.diagnosis.remotes {
            if !remote.findings.is_empty() {
                let of_remote = Shown {
                    findings: &remote.findings,
                    symptoms: Some(symptoms(&remote.counters)),
                };
                shown.insert(place(Some(remote.address)), of_remote);
            }
        }
        // That nothing was seen yet is no finding of somebody who watches on.
        if !source.diagnosis.findings.is_empty() && !source.has_seen_nothing() {
            let of_source = Shown {
                findings: &source.diagnosis.findings,
                symptoms: None,
            };
            shown.insert(place(None), of_source);
        }
    }
    shown
}

/// What a host has shown that a healthy one does not: it rises while a fault lasts.
fn symptoms(counters: &RemoteCounters) -> u64 {
    [
        counters.fragments_tcp,
        counters.fragments_udp,
        counters.fragments_icmp,
        counters.fragments_other,
        counters.rst_answering_syn,
        counters.rst_established,
        counters.packet_too_big,
        counters.icmp_errors,
        counters.ack_answering_syn,
        counters.syn_retransmitted,
        counters.syn_predicted_drop_dropped,
        counters.syn_predicted_pass_dropped,
        counters.syn_without_timestamps_dropped,
    ]
    .iter()
    .sum()
}

fn change(place: &Place, open: &Open, turn: Turn) -> Change {
    Change {
        number: open.number,
        place: place.clone(),
        since: open.since,
        turn,
    }
}

fn ended(place: &Place, open: &Open, why: End) -> Change {
    let was = open.standing;
    change(place, open, Turn::Ended { was, why })
}

#[cfg(test)]
mod tests;
