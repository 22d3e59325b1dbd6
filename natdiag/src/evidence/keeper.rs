//! Keeps the newest records of every remote host for the case that a finding comes to rest on them. Bounded per host
//! and in all, so that neither a flood from one host nor one from many drives out what is known about the others for
//! long.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use natdiag_common::{Direction, record::Record};

use crate::{analysis::scope, seed::Seed};

/// Most records kept of one remote host: the handshakes and closings of a hundred connections.
const MAX_PER_REMOTE: usize = 512;
/// Most records kept in all, at 140 octets each.
const MAX_IN_ALL: usize = 1 << 17;

/// The newest records of every remote host.
#[derive(Debug, Default)]
pub struct Keeper {
    remotes: HashMap<IpAddr, Kept, Seed>,
    /// A host for each record, the oldest first.
    order: VecDeque<IpAddr>,
}

#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<Record>,
    /// Places in the order whose records are gone already.
    gone: usize,
}

impl Keeper {
    /// Keeps a record, whose time is since 1970.
    pub fn keep(&mut self, record: Record) {
        for remote in remotes(&record) {
            let kept = self.remotes.entry(remote).or_default();
            if kept.records.len() >= MAX_PER_REMOTE {
                kept.records.pop_front();
                kept.gone += 1;
            }
            kept.records.push_back(record);
            self.order.push_back(remote);
        }
        while self.order.len() > MAX_IN_ALL {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(remote) = self.order.pop_front() else {
            return;
        };
        if let Some(kept) = self.remotes.get_mut(&remote) {
            if kept.gone > 0 {
                kept.gone -= 1;
            } else {
                kept.records.pop_front();
            }
            if kept.records.is_empty() && kept.gone == 0 {
                self.remotes.remove(&remote);
            }
        }
    }

    /// The remote hosts of which there are most records, at most so many.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "they are put into an order")]
    pub fn best_known(&self, number: usize) -> Vec<IpAddr> {
        let mut remotes: Vec<_> = self
            .remotes
            .iter()
            .map(|(remote, kept)| (Reverse(kept.records.len()), *remote))
            .collect();
        remotes.sort_unstable();
        remotes.truncate(number);
        remotes.into_iter().map(|(_, remote)| remote).collect()
    }

    /// Takes the records of a remote host, the oldest first.
    pub fn take(&mut self, remote: IpAddr) -> Vec<Record> {
        let Some(kept) = self.remotes.get_mut(&remote) else {
            return Vec::new();
        };
        let records: Vec<_> = std::mem::take(&mut kept.records).into();
        kept.gone += records.len();
        records
    }
}

/// Whom a record is evidence about: the host that it is counted for, or the far side. On the inner side of a NAT the
/// far side is a client of ours; there it is also about whom the client talks to.
fn remotes(record: &Record) -> impl Iterator<Item = IpAddr> {
    let (source, destination) = (record.source.into(), record.destination.into());
    let (far, near) = if record.direction == Direction::Ingress as u8 {
        (source, destination)
    } else {
        (destination, source)
    };
    let counted = record.tally().map(|tally| tally.remote.into());
    let beyond = scope::is_behind_nat(far, near).then_some(near);
    [counted.unwrap_or(far)].into_iter().chain(beyond)
}

#[cfg(test)]
mod tests {
    use natdiag_common::Address;

    use super::*;

    fn record(host: u32, time_ns: u64) -> Record {
        Record {
            time_ns,
            source: Address::from_ipv4(host.to_be_bytes()),
            ..Record::ZERO
        }
    }

    fn address(host: u32) -> IpAddr {
        IpAddr::from(host.to_be_bytes())
    }

    #[test]
    fn the_newest_records_of_a_host_are_kept_and_taken_once() {
        let mut keeper = Keeper::default();
        for time in 0..600 {
            keeper.keep(record(1, time));
        }
        let taken = keeper.take(address(1));
        assert_eq!(taken.len(), MAX_PER_REMOTE);
        assert_eq!((taken[0].time_ns, taken[511].time_ns), (88, 599));
        assert_eq!(keeper.take(address(1)), []);
        assert_eq!(keeper.take(address(2)), []);
    }

    #[test]
    fn the_best_known_have_most_records() {
        let mut keeper = Keeper::default();
        for (host, records) in [(1, 2), (2, 5), (3, 1), (4, 2)] {
            for time in 0..records {
                keeper.keep(record(host, time));
            }
        }
        assert_eq!(keeper.best_known(3), [2, 1, 4].map(address));
    }

    #[test]
    fn inside_of_a_nat_a_record_is_also_about_whom_the_client_talks_to() {
        let mut keeper = Keeper::default();
        let [client, server] = [[10, 60, 1, 2], [203, 0, 113, 80]];
        keeper.keep(Record {
            source: Address::from_ipv4(client),
            destination: Address::from_ipv4(server),
            direction: Direction::Ingress as u8,
            ..Record::ZERO
        });
        keeper.keep(Record {
            source: Address::from_ipv4(server),
            destination: Address::from_ipv4(client),
            direction: Direction::Egress as u8,
            ..Record::ZERO
        });
        assert_eq!(keeper.take(client.into()).len(), 2);
        assert_eq!(keeper.take(server.into()).len(), 2);
    }

    #[test]
    fn a_flood_from_one_host_leaves_the_others() {
        let mut keeper = Keeper::default();
        keeper.keep(record(1, 0));
        for time in 0..MAX_IN_ALL as u64 - 1 {
            keeper.keep(record(2, time));
        }
        assert_eq!(keeper.take(address(1)).len(), 1);
    }

    #[test]
    fn what_is_kept_in_all_is_bounded() {
        let mut keeper = Keeper::default();
        for host in 0..200_000 {
            keeper.keep(record(host, u64::from(host)));
        }
        assert_eq!(keeper.order.len(), MAX_IN_ALL);
        assert_eq!(keeper.remotes.len(), MAX_IN_ALL);
        assert_eq!(keeper.take(address(0)), []);
        assert_eq!(keeper.take(address(199_999)).len(), 1);
        for host in 0..200_000 {
            keeper.keep(record(host, u64::from(host)));
            keeper.take(address(host));
        }
        for host in 0..200_000 {
            keeper.keep(record(host % 3, 0));
        }
        assert!(keeper.remotes.len() <= 3);
    }
}
