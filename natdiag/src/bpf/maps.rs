//! Reads the kernel's counters: the totals, the resident slots and the ring of spills, as plain data.

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
    load::WatchObject,
    reconcile::{Increment, Reconciler},
};

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
    reconciler: Reconciler,
}

impl Counters {
    /// Takes the maps out of the object, which can go then.
    pub fn take(object: &mut WatchObject) -> Result<Self, MapsError> {
        let slots = object.take_map(names::MAP_REMOTE_SLOTS)?;
        let cpus = aya::util::nr_cpus().map_or(1, |cpus| cpus);
        Ok(Self {
            totals: object.take_map(names::MAP_TOTALS)?,
            slots,
            spills: object.take_map(names::MAP_SPILLS)?,
            spills_capacity: object.options().spills_octets as usize / size_of::<Spill>(),
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
        for (place, copy) in copies.iter().enumerate() {
            for (cpu, slot) in copy.iter().enumerate() {
                if let Some(increment) = self.reconciler.resident(cpu, place, slot) {
                    merge(increment);
                }
            }
        }
        Ok(())
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
