//! Counters that tell what a NAT drops, wherever the kernel keeps them.

use std::collections::BTreeMap;

/// A counter: where it is kept, and its name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    /// `conntrack`, `softnet`, `TcpExt`, or an interface.
    pub of: String,
    /// Its name.
    pub name: String,
}

/// Where connection tracking counts.
pub const TRACKING: &str = "conntrack";
/// Where the kernel counts what its queues of received packets drop.
pub const SOFTNET: &str = "softnet";
/// Where TCP counts, and the reverse path filter.
pub const TCP: &str = "TcpExt";
/// What the reverse path filter dropped.
pub const REVERSE_PATH: &str = "IPReversePathFilter";

/// What a full receive ring drops (Documentation/ABI/testing/sysfs-class-net-statistics).
pub const RING: [&str; 2] = ["rx_missed_errors", "rx_fifo_errors"];
/// Other losses of an interface. Packets of protocols that nobody reads are among them, so that they prove nothing.
pub const LOSSES: [&str; 4] = ["rx_dropped", "rx_errors", "tx_dropped", "tx_errors"];
/// What EC2 allows an instance (`Documentation/networking/device_drivers/ethernet/amazon/ena.rst`).
pub const ALLOWANCES: [&str; 5] = [
    "bw_in_allowance_exceeded",
    "bw_out_allowance_exceeded",
    "pps_allowance_exceeded",
    "conntrack_allowance_exceeded",
    "linklocal_allowance_exceeded",
];

/// The columns of `/proc/net/stat/nf_conntrack` that are looked at, and their names in conntrack(8).
const COLUMNS: [(&str, &str); 6] = [
    ("invalid", "invalid"),
    ("insert_failed", "insert_failed"),
    ("drop", "drop"),
    ("early_drop", "early_drop"),
    ("search_restart", "search_restart"),
    ("clashres", "clash_resolve"),
];

impl Counter {
    /// One of connection tracking.
    #[must_use]
    pub fn of_tracking(name: &str) -> Self {
        Self::new(TRACKING, name)
    }

    /// One kept at some place.
    #[must_use]
    pub fn new(of: &str, name: &str) -> Self {
        Self {
            of: of.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// The counters at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Connections tracked.
    pub tracked: Option<u64>,
    /// The counters.
    pub counters: BTreeMap<Counter, u64>,
}

impl Sample {
    /// A counter, if it was read.
    #[must_use]
    pub fn value(&self, counter: &Counter) -> Option<u64> {
        self.counters.get(counter).copied()
    }

    /// Sets a counter.
    pub fn set(&mut self, of: &str, name: &str, number: u64) {
        self.counters.insert(Counter::new(of, name), number);
    }

    /// Reads `/proc/net/stat/nf_conntrack`: names, and a line of hexadecimal numbers for each CPU.
    pub fn read_tracking(&mut self, text: &str) {
        let mut lines = text.lines();
        let names: Vec<_> = lines
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let rows: Vec<Vec<_>> = lines
            .map(|line| line.split_whitespace().collect())
            .collect();
        for (column, name) in COLUMNS {
            let Some(place) = names.iter().position(|name| *name == column) else {
                continue;
            };
            let cells = rows.iter().filter_map(|row| hex(row.get(place)?));
            self.set(TRACKING, name, cells.sum());
        }
    }

    /// Reads `/proc/net/softnet_stat`: for each CPU packets, those dropped, and how often time ran out.
    pub fn read_softnet(&mut self, text: &str) {
        for (place, name) in [(1, "dropped"), (2, "time_squeeze")] {
            let cells = text
                .lines()
                .filter_map(|line| hex(line.split_whitespace().nth(place)?));
            self.set(SOFTNET, name, cells.sum());
        }
    }

    /// Reads what `ethtool -S` prints of an interface, of which the allowances are kept.
    pub fn read_ethtool(&mut self, interface: &str, text: &str) {
        for line in text.lines() {
            let Some((name, number)) = line.trim().split_once(':') else {
                continue;
            };
            if let (true, Ok(number)) = (ALLOWANCES.contains(&name), number.trim().parse()) {
                self.set(interface, name, number);
            }
        }
    }
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_added_over_cpus() {
        let mut sample = Sample::default();
        sample.read_tracking(
            "entries  clashres found invalid insert_failed\n0a 01 00 02 10\n0a 02 00 00 01\n",
        );
        let value = |name| sample.value(&Counter::of_tracking(name));
        assert_eq!(value("insert_failed"), Some(0x11));
        assert_eq!(value("clash_resolve"), Some(3));
        assert_eq!(value("invalid"), Some(2));
        assert_eq!(value("early_drop"), None);
    }

    #[test]
    fn drops_of_the_queues_are_added_over_cpus() {
        let mut sample = Sample::default();
        sample.read_softnet(
            "00000010 00000002 00000001 00000000\n00000010 0000000a 00000000 00000000\n",
        );
        assert_eq!(sample.value(&Counter::new(SOFTNET, "dropped")), Some(12));
        assert_eq!(
            sample.value(&Counter::new(SOFTNET, "time_squeeze")),
            Some(1)
        );
    }

    #[test]
    fn allowances_are_read_and_nothing_else() {
        let mut sample = Sample::default();
        let text = "NIC statistics:\n     tx_timeout: 3\n     bw_in_allowance_exceeded: 0\n     \
                    conntrack_allowance_exceeded: 17\n     queue_0_tx_cnt: 5\n";
        sample.read_ethtool("eth0", text);
        let found: Vec<_> = sample
            .counters
            .iter()
            .map(|(counter, n)| (counter.name.as_str(), *n))
            .collect();
        assert_eq!(
            found,
            [
                ("bw_in_allowance_exceeded", 0),
                ("conntrack_allowance_exceeded", 17)
            ]
        );
    }
}
