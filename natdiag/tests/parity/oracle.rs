//! What a program must have done with a frame, by the reader on the host and a plain model of the cache.

use std::collections::BTreeMap;

use natdiag_common::{
    Address, Direction, LinkType, ParseError,
    classify::{Keep, Observation, Tally, classify},
    counter::{Counter, RemoteCounter, RemoteCounts, Totals},
    packet::{self, PacketMeta},
    record::Record,
    slot::{Spill, slot_index},
};

use crate::kernel::{Kernel, Seen};

/// One slot of the cache, or all that was counted of one remote host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    address: Address,
    epoch: u32,
    packets: u32,
    counts: RemoteCounts,
}

/// The state that a program's maps must have.
pub(crate) struct Oracle {
    direction: Direction,
    link: LinkType,
    cpu: usize,
    totals: Totals,
    slots: BTreeMap<u32, Counted>,
    remotes: BTreeMap<Address, Counted>,
    /// What has left the kernel, in spills and in records.
    spilled: BTreeMap<Address, Counted>,
}

/// What the host decides about a frame.
pub(crate) fn decide(
    frame: &[u8],
    link: LinkType,
    direction: Direction,
) -> Result<Option<Observation>, ParseError> {
    let packet = packet::parse(frame, link)?;
    Ok(packet.map(|packet| classify(frame, &packet, direction)))
}

impl Oracle {
    /// Nothing has been seen yet.
    pub(crate) fn new(direction: Direction, link: LinkType, cpu: usize) -> Self {
        Self {
            direction,
            link,
            cpu,
            totals: Totals::ZERO,
            slots: BTreeMap::new(),
            remotes: BTreeMap::new(),
            spilled: BTreeMap::new(),
        }
    }

    /// Compares what one frame has done.
    pub(crate) fn check(&mut self, frame: &[u8], seen: &Seen, kernel: &mut Kernel) {
        self.totals.increment(match self.direction {
            Direction::Ingress => Counter::PacketsIngress,
            Direction::Egress => Counter::PacketsEgress,
        });
        let mut want = (Vec::new(), Vec::new());
        match packet::parse(frame, self.link) {
            Err(error) => self.totals.increment_malformed(error),
            Ok(None) => {}
            Ok(Some(packet)) => want = self.check_packet(frame, &packet, seen, kernel),
        }
        assert_eq!(seen.totals, self.totals);
        assert_eq!(seen.spills, want.0);
        let records: Vec<_> = seen
            .records
            .iter()
            .map(|it| Record { time_ns: 0, ..*it })
            .collect();
        assert_eq!(records, want.1);
        assert!(seen.records.iter().all(|record| record.time_ns != 0));
        for tally in seen.records.iter().filter_map(Record::tally) {
            merge(&mut self.spilled, tally.remote, 1, &tally.counts());
        }
    }

    /// Follows a packet through the model. Returns the spills and the records that it must have caused.
    fn check_packet(
        &mut self,
        frame: &[u8],
        packet: &PacketMeta,
        seen: &Seen,
        kernel: &mut Kernel,
    ) -> (Vec<Spill>, Vec<Record>) {
        let observation = classify(frame, packet, self.direction);
        // Whether the budget allows a record depends on the clock: either is right, but it must be said.
        let refused = observation.keep == Keep::WithinBudget && seen.records.is_empty();
        let tally = observation.tally;
        if tally.is_some() {
            self.totals.increment(Counter::Charged);
        }
        if refused {
            self.totals.increment(Counter::MissedRecordsBudget);
        } else if observation.keep != Keep::Never {
            if let Some(tally) = tally {
                merge(&mut self.remotes, tally.remote, 1, &tally.counts());
            }
            return (
                Vec::new(),
                vec![Record::new(frame, packet, tally, self.direction, 0)],
            );
        }
        let spill = tally.and_then(|tally| {
            let spill = self.charge(&tally);
            let is_part = packet.part().is_some();
            self.compare_slot(&tally, refused && is_part, kernel);
            spill
        });
        (spill.into_iter().collect(), Vec::new())
    }

    /// Counts a packet in its slot, and in a table of remote hosts that has room for all.
    fn charge(&mut self, tally: &Tally) -> Option<Spill> {
        let index = slot_index(tally.remote);
        let slot = self.slots.entry(index).or_default();
        let mut spill = None;
        if slot.address != tally.remote {
            if slot.packets != 0 {
                let left = spill.insert(Spill {
                    cpu: u32::try_from(self.cpu).unwrap(),
                    slot: index,
                    epoch: slot.epoch,
                    packets: slot.packets,
                    address: slot.address,
                    counts: slot.counts,
                });
                merge(&mut self.spilled, left.address, left.packets, &left.counts);
            }
            *slot = Counted {
                address: tally.remote,
                epoch: slot.epoch + 1,
                ..Counted::default()
            };
        }
        let once = tally.counts();
        slot.packets += 1;
        add(&mut slot.counts, &once);
        merge(&mut self.remotes, tally.remote, 1, &once);
        spill
    }

    fn compare_slot(&mut self, tally: &Tally, may_be_unobserved: bool, kernel: &mut Kernel) {
        const UNOBSERVED: usize = RemoteCounter::DatagramUnobserved as usize;
        let index = slot_index(tally.remote);
        let theirs = kernel.slot(index);
        let ours = self.slots.get_mut(&index).unwrap();
        let unobserved = theirs.counts.words[UNOBSERVED] - ours.counts.words[UNOBSERVED];
        assert!(unobserved <= u16::from(may_be_unobserved));
        ours.counts.words[UNOBSERVED] += unobserved;
        let remote = self.remotes.get_mut(&tally.remote).unwrap();
        remote.counts.words[UNOBSERVED] += unobserved;
        let theirs = Counted {
            address: theirs.address,
            epoch: theirs.epoch_head,
            packets: theirs.packets,
            counts: theirs.counts,
        };
        assert_eq!(theirs, *ours);
        assert_eq!(kernel.slot(index).epoch_tail, ours.epoch);
    }

    /// What was spilled, what is resident and what is in records is what was charged, in all and for each remote host.
    pub(crate) fn check_sums(mut self, kernel: &mut Kernel) {
        for index in self.slots.keys() {
            let slot = kernel.slot(*index);
            merge(&mut self.spilled, slot.address, slot.packets, &slot.counts);
        }
        assert_eq!(self.spilled, self.remotes);
        let packets: u64 = self.remotes.values().map(|it| u64::from(it.packets)).sum();
        assert_eq!(packets, self.totals.value(Counter::Charged));
    }
}

fn merge(
    remotes: &mut BTreeMap<Address, Counted>,
    address: Address,
    packets: u32,
    counts: &RemoteCounts,
) {
    let remote = remotes.entry(address).or_default();
    remote.address = address;
    remote.packets += packets;
    add(&mut remote.counts, counts);
}

fn add(counts: &mut RemoteCounts, more: &RemoteCounts) {
    let pairs = counts.words.iter_mut().zip(more.words);
    for (place, (word, more)) in pairs.enumerate() {
        *word = if place < RemoteCounter::FIRST_MAXIMUM {
            *word + more
        } else {
            (*word).max(more)
        };
    }
}
