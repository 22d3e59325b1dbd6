//! Which interfaces are to be watched, of those that there are.

use std::net::IpAddr;

use crate::{host::link::Link, value::pattern::InterfacePattern};

/// The interfaces that a configuration means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// Those to watch.
    pub(super) wanted: Vec<InterfacePattern>,
    /// Those not to watch, even so.
    pub(super) exclude: Vec<InterfacePattern>,
}

impl Selection {
    /// Whether an interface is meant.
    #[must_use]
    pub(super) fn includes(&self, link: &Link, addresses: &[IpAddr]) -> bool {
        let is_in = |patterns: &[InterfacePattern]| {
            patterns
                .iter()
                .any(|pattern| pattern.matches(&link.name, addresses))
        };
        is_in(&self.wanted) && !is_in(&self.exclude)
    }

    /// Patterns that stand for none of the interfaces there are.
    pub(super) fn unmet<'a>(
        &'a self,
        links: &'a [(Link, Vec<IpAddr>)],
    ) -> impl Iterator<Item = &'a InterfacePattern> {
        self.wanted.iter().filter(|pattern| {
            !links
                .iter()
                .any(|(link, addresses)| pattern.matches(&link.name, addresses))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str) -> Link {
        Link {
            index: 7,
            name: name.to_owned(),
            device_type: 1,
            mtu: 1500,
            kind: None,
            parent: None,
            xdp_program_ids: Vec::new(),
        }
    }

    fn selection() -> Selection {
        let read = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Selection {
            wanted: read(&["wan*", "203.0.113.0/24"]),
            exclude: read(&["wan9", "203.0.113.9"]),
        }
    }

    #[test]
    fn what_is_wanted_and_not_excluded_is_included() {
        for (name, address, want) in [
            ("wan0", "10.0.0.1", true),
            ("wan9", "10.0.0.1", false),
            ("eth0", "203.0.113.8", true),
            ("eth0", "203.0.113.9", false),
            ("eth0", "10.0.0.1", false),
        ] {
            let addresses = [address.parse().unwrap()];
            let included = selection().includes(&link(name), &addresses);
            assert_eq!(included, want, "{name} {address}");
        }
    }

    #[test]
    fn pattern_that_stands_for_nothing_is_unmet() {
        let selection = selection();
        let links = [(link("wan0"), vec![])];
        let unmet: Vec<_> = selection.unmet(&links).map(ToString::to_string).collect();
        assert_eq!(unmet, ["203.0.113.0/24"]);
    }
}
