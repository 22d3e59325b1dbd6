//! natdiag's programs with their maps in hand, beside the driver that runs them.

use anyhow::Result;
use aya::maps::{MapData, PerCpuArray, PerCpuValues, RingBuf};
use natdiag::bpf::{
    load::WatchObject,
    program::{LoadOptions, WatchProgram},
    sample::{Draw, Sampler},
};
use natdiag_common::{
    LinkType,
    counter::Totals,
    names,
    sample::Share,
    slot::{RemoteSlot, SLOTS},
};

use super::driver::{Driver, take};

/// Everything loaded.
pub(super) struct Rig {
    pub(super) driver: Driver,
    pub(super) watch: WatchObject,
    totals: PerCpuArray<MapData, Totals>,
    slots: PerCpuArray<MapData, RemoteSlot>,
    spills: RingBuf<MapData>,
    records: RingBuf<MapData>,
    sampler: Sampler,
    /// Segments that had found no room in the ring of those drawn.
    drawn_missed: u64,
}

impl Rig {
    /// Loads everything.
    pub(super) fn new() -> Result<Self> {
        let mut watch = WatchObject::open(LoadOptions::new(LinkType::Ethernet))?;
        for program in WatchProgram::ALL {
            watch.load(program)?;
        }
        let draw = Draw::take(&mut watch)?;
        let sampler = Sampler::begin(draw, &WatchProgram::ALL, LinkType::Ethernet, Share::LEAST)?;
        let ebpf = watch.ebpf_mut();
        Ok(Self {
            totals: take(ebpf, names::MAP_TOTALS)?.try_into()?,
            slots: take(ebpf, names::MAP_REMOTE_SLOTS)?.try_into()?,
            spills: take(ebpf, names::MAP_SPILLS)?.try_into()?,
            records: take(ebpf, names::MAP_RECORDS)?.try_into()?,
            sampler,
            drawn_missed: 0,
            driver: Driver::load()?,
            watch,
        })
    }

    /// Empties both rings. Returns how many records there were.
    pub(super) fn drain(&mut self) -> u32 {
        while self.spills.next().is_some() {}
        let mut records = 0;
        while self.records.next().is_some() {
            records += 1;
        }
        records
    }

    /// Has every connection drawn, or hardly any: none of those that the packets are of.
    pub(super) fn draw(&mut self, all: bool) -> Result<()> {
        let share = if all { Share::ALL } else { Share::LEAST };
        Ok(self.sampler.draw(share)?)
    }

    /// Takes the segments that were drawn. Returns how many there were, with those that found no room.
    pub(super) fn drain_drawn(&mut self) -> Result<u32> {
        while !self.sampler.drain(usize::MAX) {}
        let drawn = self.sampler.release(u64::MAX, true).len();
        let missed = self.sampler.missed()?;
        let missed_now = missed - std::mem::replace(&mut self.drawn_missed, missed);
        Ok(u32::try_from(drawn as u64 + missed_now)?)
    }

    /// The counters over all packets.
    pub(super) fn totals(&self) -> Result<Totals> {
        let mut sum = Totals::ZERO;
        for totals in self.totals.get(&0, 0)?.iter() {
            sum.add(totals);
        }
        Ok(sum)
    }

    /// Sets what budget every slot has left, as of the last time that any slot was asked for it.
    pub(super) fn set_budgets(&mut self, budget: u32) -> Result<()> {
        let mut slots: Vec<Vec<RemoteSlot>> = Vec::new();
        for index in 0..SLOTS {
            slots.push(self.slots.get(&index, 0)?.iter().copied().collect());
        }
        let latest = slots.iter().flatten().map(|slot| slot.refilled).max();
        for (index, mut slots) in (0..).zip(slots) {
            for slot in &mut slots {
                slot.budget = budget;
                slot.refilled = latest.unwrap_or_default();
            }
            self.slots.set(index, PerCpuValues::try_from(slots)?, 0)?;
        }
        Ok(())
    }
}
