//! Reads the kernel's counters: the totals, the resident slots and the ring of spills, as plain data.

use std::io;

use aya::maps::{MapData, MapError, PerCpuArray, RingBuf};
use bytes::Buf;
use natdiag_common::{
    Address,
    counter::{Counter, RemoteCounts, Totals},
    names,
    slot::{RemoteSlot, Spill},
};
use thiserror::Error;

use super::{
    cost::RingGauge,
    load::WatchObject,
    reconcile::{Increment, Reconciler},
};
use crate::cost::Fill;

/// Why a map cannot be used.
#[derive(Debug, Error)]
pub enum MapsError {
    /// The object has no such map, or it was taken before.
    #[error("the BPF object has no map `{0}`")]
    Missing(&'static str),
    /// The map is not what it should be, or the kernel refuses to read or write it.
    #[error("cannot use the BPF map `{map}`")]
    Refused {
        /// Which.
        map: &'static str,
        /// Why.
        #[source]
        source: MapError,
    },
    /// The positions of a ring cannot be read.
    #[error("cannot see how full the BPF ring `{map}` is")]
    Positions {
        /// Which.
        map: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl MapsError {
    /// The kernel's refusal, of this map.
    pub(super) fn refused(map: &'static str) -> impl FnOnce(MapError) -> Self {
        move |source| Self::Refused { map, source }
    }
}

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
}

impl Counters {
    /// Takes the maps out of the object, which can go then.
    pub fn take(object: &mut WatchObject) -> Result<Self, MapsError> {
        let slots = object.take_map(names::MAP_REMOTE_SLOTS)?;
        let cpus = aya::util::nr_cpus().map_or(1, |cpus| cpus);
        let spills: RingBuf<MapData> = object.take_map(names::MAP_SPILLS)?;
        let spills_octets = object.options().spills_octets;
        let spills_gauge = gauge(names::MAP_SPILLS, &spills, spills_octets)?;
        Ok(Self {
            totals: object.take_map(names::MAP_TOTALS)?,
            slots,
            spills,
            spills_capacity: spills_octets as usize / size_of::<Spill>(),
            spills_gauge,
            occupied: (0, 0),
            reconciler: Reconciler::new(cpus),
        })
    }

    /// The counters over all packets.
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
        let copies: Vec<_> = self
            .slots
            .iter()
            .collect::<Result<_, _>>()
            .map_err(|source| MapsError::Refused {
                map: names::MAP_REMOTE_SLOTS,
                source,
            })?;
        // What has been spilled before the copies were made is in the ring, which holds no more than this.
        self.drain_spills(self.spills_capacity, &mut merge);
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
        Ok(())
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

/// Looks at how full a ring is.
pub(super) fn gauge(
    map: &'static str,
    ring: &RingBuf<MapData>,
    octets: u32,
) -> Result<RingGauge, MapsError> {
    RingGauge::new(ring, octets).map_err(|source| MapsError::Positions { map, source })
}

/// Reads an address from the first of these octets, of which there are enough.
pub(super) fn address(octets: &mut &[u8]) -> Address {
    let mut address = [0; Address::LEN];
    octets.copy_to_slice(&mut address);
    Address::from_octets(address)
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
