//! Which ports a NAT uses: for one destination, each connection from one translated address takes a port of its own.
//!
//! Memory is bounded: a destination that finds no room is counted in [`Usage::left_out`], and nothing is estimated.

use std::{
    cmp::Reverse,
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{host::conntrack::Entry, seed::Seed};

/// As many destinations, and as many clients, as a table of 2^19 places takes before it would grow.
const CAPACITY: usize = (1 << 19) / 8 * 7;

/// One translated address and one destination, which share out the ports of one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair<A = IpAddr> {
    /// Number of the protocol.
    pub protocol: u8,
    /// The address that the NAT writes.
    pub translated: A,
    /// Where the connections lead.
    pub destination: A,
    /// The port there.
    pub port: u16,
}

impl<A: Into<IpAddr>> Pair<A> {
    fn of_any_family(self) -> Pair {
        Pair {
            protocol: self.protocol,
            translated: self.translated.into(),
            destination: self.destination.into(),
            port: self.port,
        }
    }
}

/// What is counted while connections are read. Addresses of IPv4 have a table of their own, which is smaller.
#[derive(Debug, Default)]
pub struct Count {
    pairs_v4: HashMap<Pair<Ipv4Addr>, u32, Seed>,
    pairs_v6: HashMap<Pair<Ipv6Addr>, u32, Seed>,
    clients_v4: HashMap<Ipv4Addr, u32, Seed>,
    clients_v6: HashMap<Ipv6Addr, u32, Seed>,
    entries: u64,
    translated: u64,
    unanswered: u64,
    left_out: u64,
}

/// The use of ports at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Connections with ports.
    pub entries: u64,
    /// Those of which the source was changed.
    pub translated: u64,
    /// Those of them that were not answered yet.
    pub unanswered: u64,
    /// Those of them that no table had room for.
    pub left_out: u64,
    /// The pairs with the most ports in use, the most first.
    pub pairs: Vec<(Pair, u32)>,
    /// The clients with the most connections, the most first.
    pub clients: Vec<(IpAddr, u32)>,
}

impl Count {
    /// Counts a connection.
    pub fn add(&mut self, entry: &Entry) {
        self.entries += 1;
        if !entry.is_source_changed() {
            return;
        }
        self.translated += 1;
        self.unanswered += u64::from(!entry.is_answered);
        let reply = &entry.reply;
        let (protocol, port) = (entry.protocol, reply.source_port);
        let has_room = match (reply.destination, reply.source, entry.original.source) {
            (IpAddr::V4(translated), IpAddr::V4(destination), IpAddr::V4(client)) => {
                let pair = Pair {
                    protocol,
                    translated,
                    destination,
                    port,
                };
                add(&mut self.pairs_v4, pair) & add(&mut self.clients_v4, client)
            }
            (IpAddr::V6(translated), IpAddr::V6(destination), IpAddr::V6(client)) => {
                let pair = Pair {
                    protocol,
                    translated,
                    destination,
                    port,
                };
                add(&mut self.pairs_v6, pair) & add(&mut self.clients_v6, client)
            }
            // The kernel translates within one family.
            _ => true,
        };
        self.left_out += u64::from(!has_room);
    }

    /// What was counted, with the first `top` of each kind.
    #[must_use]
    pub fn into_usage(self, top: usize) -> Usage {
        let pairs_v4 = first(self.pairs_v4, top).into_iter();
        let pairs_v6 = first(self.pairs_v6, top).into_iter();
        let pairs = pairs_v4
            .map(|(pair, ports)| (pair.of_any_family(), ports))
            .chain(pairs_v6.map(|(pair, ports)| (pair.of_any_family(), ports)));
        let clients_v4 = first(self.clients_v4, top).into_iter();
        let clients_v6 = first(self.clients_v6, top).into_iter();
        let clients = clients_v4
            .map(|(client, number)| (client.into(), number))
            .chain(clients_v6.map(|(client, number)| (client.into(), number)));
        Usage {
            entries: self.entries,
            translated: self.translated,
            unanswered: self.unanswered,
            left_out: self.left_out,
            pairs: first(pairs, top),
            clients: first(clients, top),
        }
    }
}

/// Adds one; `false` where there is no room.
fn add<K: Eq + Hash>(table: &mut HashMap<K, u32, Seed>, key: K) -> bool {
    if let Some(number) = table.get_mut(&key) {
        *number += 1;
    } else if table.len() < CAPACITY {
        table.insert(key, 1);
    } else {
        return false;
    }
    true
}

/// The entries with the largest numbers, the largest first.
fn first<K: Ord + Copy>(all: impl IntoIterator<Item = (K, u32)>, top: usize) -> Vec<(K, u32)> {
    let mut best: Vec<(K, u32)> = Vec::with_capacity(top + 1);
    for (key, number) in all {
        let place =
            best.partition_point(|(other, most)| (Reverse(*most), *other) < (Reverse(number), key));
        if place < top {
            best.insert(place, (key, number));
            best.truncate(top);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::conntrack::parse_line;

    #[test]
    fn ports_are_counted_by_translated_address_and_destination() {
        let mut count = Count::default();
        for (client, port, to) in [
            ("10.0.0.5", 1024, 443),
            ("10.0.0.6", 1025, 443),
            ("10.0.0.5", 1024, 80),
        ] {
            let line = format!(
                "ipv4 2 tcp 6 60 SYN_SENT src={client} dst=198.51.100.7 sport=40000 dport={to} [UNREPLIED] \
                 src=198.51.100.7 dst=203.0.113.1 sport={to} dport={port}"
            );
            count.add(&parse_line(&line).unwrap());
        }
        let own = "ipv4 2 udp 17 60 src=203.0.113.1 dst=198.51.100.7 sport=53 dport=53 src=198.51.100.7 \
                   dst=203.0.113.1 sport=53 dport=53";
        count.add(&parse_line(own).unwrap());
        let usage = count.into_usage(1);
        assert_eq!(
            (usage.entries, usage.translated, usage.unanswered),
            (4, 3, 3)
        );
        assert_eq!(usage.left_out, 0);
        let (pair, ports) = usage.pairs[0];
        assert_eq!((pair.port, ports), (443, 2));
        assert_eq!(usage.clients, [("10.0.0.5".parse().unwrap(), 2)]);
    }
}
