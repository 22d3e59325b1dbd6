//! Which remote hosts the list shows, in which order, and which causes were found. Pure.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _, net::IpAddr};

use crate::{
    analysis::diagnosis::{Cause, Finding, RemoteDiagnosis, Severity},
    config::Network,
    names::Names,
    report::{ranking::ranked, table, wording},
    survey::{SourceSurvey, Survey},
};

/// A line of the list: a remote host, or a source that has a finding of its own. Places in the survey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Place of the source.
    pub(crate) source: usize,
    /// Place of the remote host in its diagnosis.
    pub(crate) remote: Option<usize>,
}

/// What the list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The worst first.
    #[default]
    Severity,
    /// The busiest first.
    Rate,
    /// SYNs sent.
    Syns,
    /// SYNs dropped.
    Dropped,
    /// RSTs received.
    Resets,
    /// Fragments received.
    Fragments,
    /// The lowest address first.
    Address,
}

impl Sort {
    const ALL: [Self; 7] = [
        Self::Severity,
        Self::Rate,
        Self::Syns,
        Self::Dropped,
        Self::Resets,
        Self::Fragments,
        Self::Address,
    ];

    /// The one after this.
    pub(crate) fn next(self) -> Self {
        let mut from_here = Self::ALL.into_iter().skip_while(|sort| *sort != self);
        from_here.nth(1).unwrap_or_default()
    }

    /// What it is called.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Severity => "severity",
            Self::Rate => "rate",
            Self::Syns => "SYNs",
            Self::Dropped => "dropped",
            Self::Resets => "RSTs",
            Self::Fragments => "fragments",
            Self::Address => "address",
        }
    }
}

/// What a cause came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    /// The cause.
    pub(crate) cause: Cause,
    /// The worst that it does.
    pub(crate) severity: Severity,
    /// The highest confidence.
    pub(crate) confidence: f64,
    /// How many remote hosts.
    pub(crate) remotes: usize,
    /// The first one in the order of the report, or the source.
    pub(crate) example: Entry,
}

/// The lines of the list.
#[derive(Debug, Default)]
pub(crate) struct Order {
    entries: Vec<Entry>,
    causes: Vec<Found>,
    found: usize,
}

impl Order {
    /// Sorts a survey; `busy` says how busy a remote host is.
    pub(crate) fn new(
        survey: &Survey,
        filter: &Filter,
        sort: Sort,
        is_reversed: bool,
        busy: &dyn Fn(usize, IpAddr) -> u64,
    ) -> Self {
        let mut remotes = ranked(survey);
        let causes = causes(survey);
        let found = remotes
            .iter()
            .take_while(|ranked| !ranked.remote.findings.is_empty())
            .count();
        if !filter.is_empty() {
            let mut text = String::new();
            remotes.retain(|ranked| {
                let source = survey.sources.get(ranked.source);
                filter.takes(source, Some(ranked.remote), &survey.names, &mut text)
            });
        }
        let most = |value: fn(&RemoteDiagnosis) -> u64| {
            move |remote: &RemoteDiagnosis| (Reverse(value(remote)), remote.address)
        };
        match sort {
            Sort::Severity => {}
            Sort::Rate => remotes.sort_by_cached_key(|ranked| {
                let address = ranked.remote.address;
                (Reverse(busy(ranked.source, address)), address)
            }),
            Sort::Address => remotes.sort_by_key(|ranked| ranked.remote.address),
            Sort::Syns => {
                let key = most(|remote| remote.counters.syn_sent);
                remotes.sort_by_key(|ranked| key(ranked.remote));
            }
            Sort::Dropped => {
                let key = most(|remote| table::decided(&remote.counters).0);
                remotes.sort_by_key(|ranked| key(ranked.remote));
            }
            Sort::Resets => {
                let key = most(|remote| table::resets(&remote.counters));
                remotes.sort_by_key(|ranked| key(ranked.remote));
            }
            Sort::Fragments => {
                let key = most(|remote| table::fragments(&remote.counters));
                remotes.sort_by_key(|ranked| key(ranked.remote));
            }
        }
        let mut entries: Vec<_> = of_sources(survey, filter).collect();
        let first = entries.len();
        entries.extend(remotes.iter().map(|ranked| Entry {
            source: ranked.source,
            remote: Some(ranked.place),
        }));
        if is_reversed && let Some(remotes) = entries.get_mut(first..) {
            remotes.reverse();
        }
        Self {
            entries,
            causes,
            found,
        }
    }

    /// The lines.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The causes found, the worst first.
    pub(crate) fn causes(&self) -> &[Found] {
        &self.causes
    }

    /// How many remote hosts have findings, whatever the filter.
    pub(crate) const fn found(&self) -> usize {
        self.found
    }
}

/// Sources with findings of their own. That nothing was seen yet is none of a list.
fn of_sources(survey: &Survey, filter: &Filter) -> impl Iterator<Item = Entry> {
    let sources = survey.sources.iter().enumerate();
    sources
        .filter(|(_, source)| {
            !source.diagnosis.findings.is_empty()
                && !source.has_seen_nothing()
                && filter.takes(Some(source), None, &survey.names, &mut String::new())
        })
        .map(|(source, _)| Entry {
            source,
            remote: None,
        })
}

fn causes(survey: &Survey) -> Vec<Found> {
    let mut causes: BTreeMap<Cause, Found> = BTreeMap::new();
    let mut add = |example: Entry, finding: &Finding| {
        let found = causes.entry(finding.cause).or_insert(Found {
            cause: finding.cause,
            severity: finding.severity,
            confidence: finding.confidence,
            remotes: 0,
            example,
        });
        found.severity = found.severity.max(finding.severity);
        found.confidence = found.confidence.max(finding.confidence);
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

/// Words that all must be found in a line of the list, or networks that its address is of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    text: String,
    words: Vec<Word>,
}

#[derive(Clone, Debug)]
enum Word {
    Network(Network),
    Text(String),
}

impl Filter {
    /// The filter that was typed.
    pub(crate) fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(|word| {
            let network = word.contains('/').then(|| word.parse().ok()).flatten();
            network.map_or_else(|| Word::Text(word.to_lowercase()), Word::Network)
        });
        Self {
            text: text.to_owned(),
            words: words.collect(),
        }
    }

    /// The hosts with this cause.
    pub(crate) fn cause(cause: Cause) -> Self {
        Self::new(cause.as_str())
    }

    /// What was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether everything is shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a line is shown; `text` is room to work in.
    fn takes(
        &self,
        source: Option<&SourceSurvey>,
        remote: Option<&RemoteDiagnosis>,
        names: &Names,
        text: &mut String,
    ) -> bool {
        text.clear();
        if let Some(source) = source {
            text.push_str(&source.name);
        }
        let findings = match (remote, source) {
            (Some(remote), _) => {
                // Writing to a text does not fail.
                let _ = write!(text, " {}", remote.address);
                if let Some(name) = names.known(remote.address) {
                    text.push(' ');
                    text.push_str(&name);
                }
                remote.findings.as_slice()
            }
            (None, Some(source)) => source.diagnosis.findings.as_slice(),
            (None, None) => &[],
        };
        for finding in findings {
            for word in [
                finding.cause.as_str(),
                wording::title(finding.cause),
                finding.severity.as_str(),
            ] {
                text.push(' ');
                text.push_str(word);
            }
        }
        text.make_ascii_lowercase();
        self.words.iter().all(|word| match word {
            Word::Text(word) => text.contains(word.as_str()),
            Word::Network(network) => remote.is_some_and(|remote| network.contains(remote.address)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn addresses(survey: &Survey, filter: &str, sort: Sort, is_reversed: bool) -> Vec<String> {
        let busy = |_, address: IpAddr| u64::from(address.is_ipv6());
        let order = Order::new(survey, &Filter::new(filter), sort, is_reversed, &busy);
        let entries = order.entries().iter().map(|entry| {
            let source = &survey.sources[entry.source];
            entry.remote.map_or_else(
                || source.name.clone(),
                |place| source.diagnosis.remotes[place].address.to_string(),
            )
        });
        entries.collect()
    }

    const RECYCLE: &str = "198.51.100.80";
    const FRAGMENTS: &str = "2001:db8::44";
    const UDP: &str = "2001:db8::53";

    #[test]
    fn list_is_sorted_by_what_was_asked_for() {
        let survey = fixture::two_interfaces();
        for (sort, want) in [
            (Sort::Severity, [RECYCLE, FRAGMENTS, UDP]),
            (Sort::Rate, [FRAGMENTS, UDP, RECYCLE]),
            (Sort::Fragments, [FRAGMENTS, UDP, RECYCLE]),
            (Sort::Syns, [RECYCLE, FRAGMENTS, UDP]),
            (Sort::Address, [RECYCLE, FRAGMENTS, UDP]),
        ] {
            assert_eq!(addresses(&survey, "", sort, false), want, "{sort:?}");
            let reversed: Vec<_> = want.into_iter().rev().collect();
            assert_eq!(addresses(&survey, "", sort, true), reversed, "{sort:?}");
        }
    }

    #[test]
    fn filter_wants_all_words_of_address_network_cause_or_interface() {
        let survey = fixture::two_interfaces();
        for (filter, want) in [
            ("recycle", &[RECYCLE][..]),
            ("RECYCLE ens6", &[RECYCLE]),
            ("recycle ens5", &[]),
            ("2001:db8::/32 fragment", &[FRAGMENTS, UDP]),
            ("critical", &[RECYCLE]),
            ("198.51", &[RECYCLE]),
            ("198.51.100.0/33", &[]),
            ("  ", &[RECYCLE, FRAGMENTS, UDP]),
        ] {
            let shown = addresses(&survey, filter, Sort::Severity, false);
            assert_eq!(shown, want, "{filter}");
        }
    }

    #[test]
    fn source_with_a_finding_stands_first_and_nothing_seen_is_none() {
        let mut survey = fixture::blind();
        survey.sources[0].diagnosis.remotes_known = 1;
        assert_eq!(
            addresses(&survey, "", Sort::Address, true),
            ["ens5", RECYCLE]
        );
        assert!(addresses(&fixture::idle(), "", Sort::Severity, false).is_empty());
    }

    #[test]
    fn causes_are_counted_the_worst_first() {
        let survey = fixture::two_interfaces();
        let order = Order::new(
            &survey,
            &Filter::default(),
            Sort::Severity,
            false,
            &|_, _| 0,
        );
        let causes: Vec<_> = order
            .causes()
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

    #[test]
    fn every_order_has_a_next_one() {
        let mut sort = Sort::default();
        for _ in Sort::ALL {
            sort = sort.next();
        }
        assert_eq!(sort, Sort::default());
    }
}
