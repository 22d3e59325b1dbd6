//! Counts datagrams, as they are decided, for the hosts that sent them.

use std::net::IpAddr;

use natdiag_common::counter::{Counter, RemoteCounter};

use super::{
    Analysis,
    fragments::{Datagrams, Decision, LeftOut},
};

/// Remote hosts whose datagrams are told apart. The rest is counted together.
const MAX_FRAGMENTING: usize = 1 << 18;
/// How many of them may be strangers, whom anybody can forge.
const MAX_STRANGERS: usize = MAX_FRAGMENTING / 2;

impl Analysis {
    /// What was left out of the records of a host's fragments so far.
    pub(super) fn left_out(&self, source: IpAddr) -> LeftOut {
        let remote = self.table.get(source.into());
        LeftOut {
            datagrams: remote.map_or(0, |remote| {
                remote.counts.value(RemoteCounter::DatagramUnobserved)
            }),
            records: self.totals.value(Counter::MissedRecordsRing),
        }
    }

    /// Where the datagrams of a host are counted.
    pub(super) fn datagrams_of(&mut self, source: IpAddr) -> &mut Datagrams {
        let known = self.table.get(source.into());
        let limit = if known.is_none_or(|known| known.counts.is_stranger()) {
            MAX_STRANGERS
        } else {
            MAX_FRAGMENTING
        };
        let has_room = self.datagrams.len() < limit;
        if has_room || self.datagrams.contains_key(&source) {
            self.datagrams.entry(source).or_default()
        } else {
            &mut self.overflow_datagrams
        }
    }

    pub(super) fn settle_datagrams(&mut self) {
        for (source, decision) in self.reassembly.take_decided() {
            let left_out = self.left_out(source);
            let datagrams = self.datagrams_of(source);
            let cell = match decision {
                Decision::Complete(protocol) => datagrams.complete.get_mut(protocol as usize),
                Decision::Incomplete { protocol, before } if before == left_out => {
                    datagrams.incomplete.get_mut(protocol as usize)
                }
                // The kernel has counted it, when it left out the first of its fragments.
                Decision::Incomplete { before, .. } if before.datagrams != left_out.datagrams => {
                    None
                }
                Decision::Overlapping => Some(&mut datagrams.overlapping),
                Decision::Incomplete { .. } | Decision::Unobserved => {
                    Some(&mut datagrams.unobserved)
                }
            };
            if let Some(cell) = cell {
                *cell += 1;
            }
        }
    }
}
