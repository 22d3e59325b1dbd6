//! This host as the NAT that drops connections: its rules, its settings, its counters, the ports in use, and what
//! they mean.
//!
//! Reading and judging are apart: [`read`] gives [`Facts`] of any root folder, live or collected elsewhere, and
//! [`verdict`] judges them.

pub mod link;
pub mod read;
pub mod rules;
pub mod sample;
pub mod script;
pub mod usage;
pub mod verdict;

use std::collections::BTreeMap;

use self::{
    link::{Link, Route},
    rules::{ALL_PORTS, Rules},
    sample::{Counter, Sample},
    usage::Usage,
};
use crate::{check::server::counters::rise, event::Timestamp};

/// The settings that are looked at, as sysctl(8) names them.
pub const SETTINGS: [&str; 12] = [
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.conf.all.rp_filter",
    MAX,
    COUNT,
    "net.netfilter.nf_conntrack_buckets",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_syn_sent",
    "net.netfilter.nf_conntrack_udp_timeout",
    "net.netfilter.nf_conntrack_tcp_be_liberal",
    "net.netfilter.nf_conntrack_tcp_loose",
];

const MAX: &str = "net.netfilter.nf_conntrack_max";
const COUNT: &str = "net.netfilter.nf_conntrack_count";

/// All that was read about a host.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The root folder.
    pub root: String,
    /// First moment looked at.
    pub start: Timestamp,
    /// Last moment looked at.
    pub end: Timestamp,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// Settings by name, as they were read last.
    pub settings: BTreeMap<&'static str, String>,
    /// What the rules do, where they could be read.
    pub rules: Option<Rules>,
    /// The ports in use, where connections could be read.
    pub usage: Option<Usage>,
    /// Interfaces but loopback.
    pub links: Vec<Link>,
    /// Routes of IPv4.
    pub routes: Vec<Route>,
    /// Interfaces that are said to lead out.
    pub chosen: Vec<String>,
    /// The counters.
    pub before: Sample,
    /// The counters again, and how many seconds later.
    pub after: Option<(Sample, f64)>,
    /// What could not be read, one sentence each.
    pub unread: Vec<String>,
}

impl Facts {
    /// A setting that is a number.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<u64> {
        self.settings.get(name)?.trim().parse().ok()
    }

    /// The last look at the counters.
    #[must_use]
    pub fn sample(&self) -> &Sample {
        self.after.as_ref().map_or(&self.before, |(after, _)| after)
    }

    /// How much a counter has risen meanwhile.
    #[must_use]
    pub fn delta(&self, counter: &Counter) -> Option<u64> {
        let (after, _) = self.after.as_ref()?;
        Some(rise(self.before.value(counter)?, after.value(counter)?))
    }

    /// How much a counter of connection tracking has risen, 0 where that is not known.
    #[must_use]
    pub fn tracking(&self, name: &'static str) -> u64 {
        self.delta(&Counter::of_tracking(name)).unwrap_or(0)
    }

    /// Seconds between both looks.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.after.as_ref().map_or(0.0, |(_, seconds)| *seconds)
    }

    /// Connections tracked, at the fuller of both looks, and how many may be.
    #[must_use]
    pub fn table(&self) -> Option<(u64, u64)> {
        let most = [self.before.tracked, self.sample().tracked].into_iter();
        Some((most.flatten().max()?, self.setting(MAX)?))
    }

    /// Whether anything says that this host changes the source of connections.
    #[must_use]
    pub fn is_nat(&self) -> bool {
        let rules = self.rules.as_ref();
        rules.is_some_and(|rules| !rules.translations.is_empty())
            || self
                .usage
                .as_ref()
                .is_some_and(|usage| usage.translated > 0)
    }

    /// How many ports there are for one translated address and one destination.
    #[must_use]
    pub fn ports(&self) -> u32 {
        self.rules.as_ref().map_or(ALL_PORTS, Rules::ports)
    }

    /// Interfaces that lead out: those that were named, or those of the rules, or those of default routes.
    #[must_use]
    pub fn outer(&self) -> Vec<&Link> {
        let named = |names: &[&str]| {
            let is_named = |link: &&Link| names.contains(&link.name.as_str());
            self.links.iter().filter(is_named).collect::<Vec<_>>()
        };
        let chosen: Vec<_> = self.chosen.iter().map(String::as_str).collect();
        let translations = self.rules.iter().flat_map(|rules| &rules.translations);
        let of_rules: Vec<_> = translations
            .filter_map(|rule| rule.interface.as_deref())
            .collect();
        let default = self.routes.iter().filter(|route| route.is_default);
        let of_routes: Vec<_> = default.map(|route| route.interface.as_str()).collect();
        [chosen, of_rules, of_routes]
            .iter()
            .map(|names| named(names))
            .find(|links| !links.is_empty())
            .unwrap_or_default()
    }

    /// Interfaces with routes that do not lead out.
    #[must_use]
    pub fn inner(&self) -> Vec<&Link> {
        let outer = self.outer();
        let has_route = |link: &&Link| {
            let mut routes = self.routes.iter();
            routes.any(|route| route.interface == link.name)
        };
        self.links
            .iter()
            .filter(|link| !outer.contains(link))
            .filter(has_route)
            .collect()
    }
}

#[cfg(test)]
mod tests;
