//! Which remote hosts the list shows, and in which order. Pure.

use std::{cmp::Reverse, net::IpAddr};

use super::filter::Filter;
use crate::{
    analysis::diagnosis::RemoteDiagnosis,
    report::{ranking::ranked, table},
    survey::Survey,
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

/// The lines of the list.
#[derive(Debug, Default)]
pub(crate) struct Order {
    entries: Vec<Entry>,
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
        Self { entries, found }
    }

    /// The lines.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
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
    fn every_order_has_a_next_one() {
        let mut sort = Sort::default();
        for _ in Sort::ALL {
            sort = sort.next();
        }
        assert_eq!(sort, Sort::default());
    }
}
