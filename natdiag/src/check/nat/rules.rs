//! What the rules of nftables and iptables do that matters to a NAT.

mod iptables;
mod nft;

use std::collections::{BTreeMap, BTreeSet};

/// The ports that a NAT takes for a client's port from 1024 on (`nf_nat_l4proto_unique_tuple`, `net/netfilter/nf_nat_core.c`).
pub const ALL_PORTS: u32 = 65_536 - 1_024;

/// A rule that changes the source of packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The rule as its owner knows it.
    pub rule: String,
    /// The interface by which packets leave, where the rule names one.
    pub interface: Option<String>,
    /// Whether source ports are drawn at random; `None` where the rule could not be read so far.
    pub is_random: Option<bool>,
    /// How many ports it may use, where it says so.
    pub ports: Option<u32>,
    /// The command that makes it draw ports at random.
    pub remedy: String,
}

/// What was read of the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Rules that change the source.
    pub translations: Vec<Translation>,
    /// Whether INVALID packets that would be forwarded are dropped.
    pub drops_invalid: bool,
    /// Whether the MSS of connections is clamped.
    pub clamps_mss: bool,
    /// Names of flowtables, which let connections pass by the rules.
    pub flowtables: Vec<String>,
}

impl Rules {
    /// Reads what `nft -j list ruleset` prints, and the `-save` of each iptables.
    #[must_use]
    pub fn parse(nft: Option<&str>, iptables: &[(String, String)]) -> Self {
        let mut rules = Self::default();
        if let Some(text) = nft {
            // What iptables wrote stands in nftables without its details.
            nft::read(text, iptables.is_empty(), &mut rules);
        }
        for (program, text) in iptables {
            iptables::read(program, text, &mut rules);
        }
        rules
    }

    /// How many ports every rule leaves for one translated address and one destination.
    #[must_use]
    pub fn ports(&self) -> u32 {
        let limits = self.translations.iter().map(|rule| rule.ports);
        // One rule without a limit leaves all ports to its connections, and nothing tells which are its.
        limits
            .collect::<Option<Vec<_>>>()
            .map_or(ALL_PORTS, |all| all.into_iter().max().unwrap_or(ALL_PORTS))
    }
}

impl Rules {
    /// Adds a translation, once: two programs may show the same rules.
    fn add(&mut self, translation: Translation) {
        let is_known = |known: &Translation| known.rule == translation.rule;
        if !self.translations.iter().any(is_known) {
            self.translations.push(translation);
        }
    }
}

/// What a chain does to packets that are forwarded.
#[derive(Debug, Default)]
struct Chain {
    is_on_the_way: bool,
    drops_invalid: bool,
    leads_to: Vec<String>,
}

/// Whether some chain that forwarded packets take drops INVALID ones.
fn drops_invalid(chains: &BTreeMap<String, Chain>) -> bool {
    let mut left: Vec<_> = chains
        .iter()
        .filter(|(_, chain)| chain.is_on_the_way)
        .map(|(name, _)| name.as_str())
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = left.pop() {
        let Some(chain) = chains.get(name).filter(|_| seen.insert(name)) else {
            continue;
        };
        if chain.drops_invalid {
            return true;
        }
        left.extend(chain.leads_to.iter().map(String::as_str));
    }
    false
}

#[cfg(test)]
mod tests;
