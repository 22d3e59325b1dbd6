//! Reads the kernel's counters: the totals, the resident slots and the ring of spills, as plain data.

use std::{thread, time::Duration};

use aya::maps::{Map, MapData, PerCpuArray, PerCpuValues, RingBuf};
use bytes::Buf;
use natdiag_common::{
    Address,
    counter::{Counter, RemoteCounts, Totals},
    names,
    slot::{RemoteSlot, Spill},
};
use serde::{Deserialize, Serialize};

use super::{
    gauge::RingGauge,
    load::WatchObject,
    lost::Lost,
    map::{MapsError, address, gauge, typed},
    pins::PinFolder,
    program::LoadOptions,
    reconcile::{Increment, Reconciler},
};
use crate::cost::Fill;

/// How often slots are copied for want of a copy that is of one host.
const CATCH_UPS: usize = 10;
/// How long a CPU may take between making room in a ring and filling it, where it is taken away meanwhile.
const UNFINISHED: Duration = Duration::from_millis(5);

/// The counters of one interface.
pub struct Counters {
    totals: PerCpuArray<MapData, Totals>,
    slots: PerCpuArray<MapData, RemoteSlot>,
    spills: RingBuf<MapData>,
    spills_capacity: usize,
    spills_gauge: RingGauge,
    /// Slots that held a remote host when they were last collected, and all.
    occupied: (u64, u64),
    reconciler: Reconciler,
    lost: Lost,
}

/// What has been merged of the counters, for whoever reads on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedCounts {
    reconciler: Reconciler,
    /// Records that count for some remote host.
    records: u64,
    lost: Lost,
}

impl SavedCounts {
    /// Records that count for some remote host.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }
}

impl Counters {
    /// Takes the maps out of the object, which can go then.
    pub fn take(object: &mut WatchObject) -> Result<Self, MapsError> {
        let cpus = aya::util::nr_cpus().map_or(1, |cpus| cpus);
        let reconciler = Reconciler::new(cpus);
        Self::of(object.options(), reconciler, |name| object.take_map(name))
    }

    /// Reads on where another natdiag has stopped. Unless what was saved is the last of it, some of what it has taken
    /// is lost.
    pub fn pinned(
        folder: &PinFolder,
        options: LoadOptions,
        saved: SavedCounts,
        is_last: bool,
    ) -> Result<Self, MapsError> {
        let counters = Self::of(options, saved.reconciler, |name| folder.map(name))?;
        let lost = if is_last {
            saved.lost
        } else {
            saved.lost.and_more()
        };
        Ok(Self { lost, ..counters })
    }

    fn of(
        options: LoadOptions,
        reconciler: Reconciler,
        mut map: impl FnMut(&'static str) -> Result<Map, MapsError>,
    ) -> Result<Self, MapsError> {
        let spills = typed(names::MAP_SPILLS, &mut map)?;
        Ok(Self {
            totals: typed(names::MAP_TOTALS, &mut map)?,
            slots: typed(names::MAP_REMOTE_SLOTS, &mut map)?,
            spills_gauge: gauge(names::MAP_SPILLS, &spills, options.spills_octets)?,
            spills,
            spills_capacity: options.spills_octets as usize / size_of::<Spill>(),
            occupied: (0, 0),
            reconciler,
            lost: Lost::NOTHING,
        })
    }

    /// What is to be saved, beside so many records.
    #[must_use]
    pub fn saved(&self, records: u64) -> SavedCounts {
        SavedCounts {
            reconciler: self.reconciler.clone(),
            records,
            lost: self.lost,
        }
    }

    /// The counters over all packets. Packets that are known to be lost count as missed, and so do their records.
    pub fn totals(&self) -> Result<Totals, MapsError> {
        let per_cpu = self
            .totals
            .get(&0, 0)
            .map_err(|source| MapsError::Refused {
                map: names::MAP_TOTALS,
                source,
            })?;
        let mut sum = Totals::ZERO;
        for totals in per_cpu.iter() {
            sum.add(totals);
        }
        for counter in [Counter::MissedRemotes, Counter::MissedRecordsRing] {
            if let Some(missed) = sum.counters.get_mut(counter as usize) {
                *missed += self.lost.packets();
            }
        }
        Ok(sum)
    }

    /// Takes at most `limit` spills from the ring. Returns whether the ring is empty.
    pub fn drain_spills(&mut self, limit: usize, mut merge: impl FnMut(Increment)) -> bool {
        self.spills_gauge.look();
        for _ in 0..limit {
            let Some(item) = self.spills.next() else {
                return true;
            };
            let spill = decode(&item);
            drop(item);
            if let Some(increment) = spill.and_then(|spill| self.reconciler.spilled(&spill)) {
                merge(increment);
            }
        }
        false
    }

    /// Takes everything that has come: what is resident, and the spills.
    ///
    /// The slots are copied before the ring is drained, so that whatever a copy holds beyond its epoch's spill is
    /// told apart by the epoch.
    pub fn collect(&mut self, mut merge: impl FnMut(Increment)) -> Result<(), MapsError> {
        let copies = self.copies()?;
        // What has been spilled before the copies were made is in the ring, which holds no more than this.
        self.drain_spills(self.spills_capacity, &mut merge);
        self.merge_residents(&copies, merge);
        Ok(())
    }

    /// Takes everything that has come while nobody read, and does not wait for what a natdiag that was killed has
    /// taken.
    pub fn catch_up(&mut self, mut merge: impl FnMut(Increment)) -> Result<(), MapsError> {
        for _ in 0..CATCH_UPS {
            let copies = self.copies()?;
            self.drain_spills(self.spills_capacity, &mut merge);
            // One that was not finished hides those behind it.
            thread::sleep(UNFINISHED);
            self.drain_spills(self.spills_capacity, &mut merge);
            let mut all_are_whole = true;
            for (place, copy) in copies.iter().enumerate() {
                for (cpu, slot) in copy.iter().enumerate() {
                    all_are_whole &= self.reconciler.give_up_before(cpu, place, slot);
                }
            }
            self.merge_residents(&copies, &mut merge);
            if all_are_whole {
                break;
            }
        }
        Ok(())
    }

    fn copies(&self) -> Result<Vec<PerCpuValues<RemoteSlot>>, MapsError> {
        let copies = self.slots.iter().collect::<Result<_, _>>();
        copies.map_err(MapsError::refused(names::MAP_REMOTE_SLOTS))
    }

    fn merge_residents(
        &mut self,
        copies: &[PerCpuValues<RemoteSlot>],
        mut merge: impl FnMut(Increment),
    ) {
        self.occupied = (0, 0);
        for (place, copy) in copies.iter().enumerate() {
            for (cpu, slot) in copy.iter().enumerate() {
                self.occupied.0 += u64::from(slot.address != Address::default());
                self.occupied.1 += 1;
                if let Some(increment) = self.reconciler.resident(cpu, place, slot) {
                    merge(increment);
                }
            }
        }
    }

    /// Whether it is still being found out how much of what a killed natdiag had taken is lost.
    #[must_use]
    pub const fn searches_lost(&self) -> bool {
        self.lost.is_open()
    }

    /// Looks how much may be lost, right after everything was taken, so many records among it.
    pub fn read_lost(&mut self, records: u64) -> Result<(), MapsError> {
        if self.lost.is_open() {
            let left = self.unaccounted(&self.totals()?, records);
            self.lost.read(u64::try_from(left).unwrap_or(0));
        }
        Ok(())
    }

    /// Counts what is left over as lost, where something may be: nothing comes any more.
    pub fn settle_lost(&mut self, unaccounted: i64) {
        self.lost.settle(u64::try_from(unaccounted).unwrap_or(0));
    }

    /// How full the ring of spills was at most since the last call.
    pub(crate) fn ring(&mut self) -> Fill {
        let (used, capacity) = self.spills_gauge.take_most();
        Fill {
            name: "spills",
            used,
            capacity,
        }
    }

    /// How many slots held a remote host when everything was last taken.
    pub(crate) const fn occupied(&self) -> Fill {
        let (used, capacity) = self.occupied;
        Fill {
            name: "remote-slots",
            used,
            capacity,
        }
    }

    /// Packets that some remote host should have been counted for, less those that were, here or by as many records,
    /// and those that were missed. It is 0 once nothing is attached and everything is collected, or natdiag has
    /// miscounted.
    #[must_use]
    pub fn unaccounted(&self, totals: &Totals, records: u64) -> i64 {
        let missed = totals.value(Counter::MissedRemotes);
        let accounted = self.reconciler.counted().wrapping_add(records);
        totals
            .value(Counter::Charged)
            .wrapping_sub(accounted.wrapping_add(missed))
            .cast_signed()
    }
}

/// Reads a spill from its octets. `None` if there are not enough.
fn decode(mut octets: &[u8]) -> Option<Spill> {
    if octets.len() < size_of::<Spill>() {
        return None;
    }
    let mut spill = Spill {
        cpu: octets.get_u32_ne(),
        slot: octets.get_u32_ne(),
        epoch: octets.get_u32_ne(),
        packets: octets.get_u32_ne(),
        address: Address::default(),
        counts: RemoteCounts::ZERO,
    };
    spill.address = address(&mut octets);
    let words = octets.as_chunks().0;
    for (word, octets) in spill.counts.words.iter_mut().zip(words) {
        *word = u16::from_ne_bytes(*octets);
    }
    Some(spill)
}
