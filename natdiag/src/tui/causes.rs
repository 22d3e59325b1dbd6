//! Which causes were found, and with how many remote hosts. Pure.

use std::{cmp::Reverse, collections::BTreeMap};

use super::order::Entry;
use crate::{
    analysis::diagnosis::{Cause, Finding, Severity},
    survey::Survey,
};

/// What a cause came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    /// The cause.
    pub(crate) cause: Cause,
    /// The worst that it does.
    pub(crate) severity: Severity,
    /// The highest certainty, or nothing where no cause is named.
    pub(crate) certainty: Option<f64>,
    /// How many remote hosts.
    pub(crate) remotes: usize,
    /// The first one in the order of the report, or the source.
    pub(crate) example: Entry,
}

/// The causes found, the worst first.
pub(crate) fn causes(survey: &Survey) -> Vec<Found> {
    let mut causes: BTreeMap<Cause, Found> = BTreeMap::new();
    let mut add = |example: Entry, finding: &Finding| {
        let found = causes.entry(finding.cause).or_insert(Found {
            cause: finding.cause,
            severity: finding.severity,
            certainty: finding.certainty(),
            remotes: 0,
            example,
        });
        found.severity = found.severity.max(finding.severity);
        let certainties = [found.certainty, finding.certainty()];
        found.certainty = certainties.into_iter().flatten().reduce(f64::max);
        found.remotes += usize::from(example.remote.is_some());
    };
    for (source, survey) in survey.sources.iter().enumerate() {
        if !survey.has_seen_nothing() {
            for finding in &survey.diagnosis.findings {
                add(
                    Entry {
                        source,
                        remote: None,
                    },
                    finding,
                );
            }
        }
        for (place, remote) in survey.diagnosis.remotes.iter().enumerate() {
            for finding in &remote.findings {
                add(
                    Entry {
                        source,
                        remote: Some(place),
                    },
                    finding,
                );
            }
        }
    }
    let mut causes: Vec<_> = causes.into_values().collect();
    causes.sort_by_key(|found| (Reverse(found.severity), Reverse(found.remotes)));
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn causes_are_counted_the_worst_first() {
        let found = causes(&fixture::two_interfaces());
        let causes: Vec<_> = found
            .iter()
            .map(|found| (found.cause, found.remotes))
            .collect();
        assert_eq!(
            causes,
            [
                (Cause::TwRecycle, 1),
                (Cause::PathFragmentation, 1),
                (Cause::UdpFragmentation, 1)
            ]
        );
    }
}
