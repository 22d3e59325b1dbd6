//! The programs that hand over the segments of connections that were drawn. Those that watch an interface go on with
//! them while this exists.

mod draw;

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, MapData, PerCpuArray, RingBuf},
};
use bytes::Buf as _;
use natdiag_common::{
    LinkType, names,
    sample::{Sample, Share},
};
use thiserror::Error;

pub use self::draw::Draw;
use super::{
    gauge::RingGauge,
    load::{self, LoadError},
    map::{MapsError, address, gauge},
    order::{Order, Timed},
    program::WatchProgram,
};
use crate::{
    SAMPLE_OBJECT,
    cost::{Fill, Runs},
};

/// Octets of the ring.
const RING_OCTETS: u32 = 1 << 22;

/// Why nothing is handed over.
#[derive(Debug, Error)]
pub enum SampleError {
    /// The kernel does not take the programs.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A map cannot be used.
    #[error(transparent)]
    Maps(#[from] MapsError),
}

/// The programs of an interface, and what they hand over.
pub struct Sampler {
    /// Dropped first: nothing goes on with the programs then.
    draw: Draw,
    one_in: Array<MapData, u32>,
    missed: PerCpuArray<MapData, u64>,
    ring: RingBuf<MapData>,
    gauge: RingGauge,
    order: Order<Sample>,
    /// The programs, which tell how long they ran.
    object: Ebpf,
}

impl Sampler {
    /// Loads the programs that go with those that watch, and has these draw a share of all connections.
    pub fn begin(
        mut draw: Draw,
        watching: &[WatchProgram],
        link_type: LinkType,
        share: Share,
    ) -> Result<Self, SampleError> {
        let link_type = link_type as u8;
        let mut object = load::create_maps(
            EbpfLoader::new().override_global(names::GLOBAL_LINK_TYPE, &link_type, true),
            SAMPLE_OBJECT,
        )?;
        for watching in watching {
            draw.go_on_with(*watching, &mut object)?;
        }
        let ring = load::take_map(&mut object, names::MAP_SAMPLES)?;
        let mut sampler = Self {
            draw,
            one_in: load::take_map(&mut object, names::MAP_SAMPLE_ONE_IN)?,
            missed: load::take_map(&mut object, names::MAP_SAMPLES_MISSED)?,
            gauge: gauge(names::MAP_SAMPLES, &ring, RING_OCTETS)?,
            ring,
            order: Order::default(),
            object,
        };
        sampler.draw(share)?;
        Ok(sampler)
    }

    /// Draws another share from here on.
    pub fn draw(&mut self, share: Share) -> Result<(), MapsError> {
        self.one_in
            .set(0, share.one_in(), 0)
            .map_err(MapsError::refused(names::MAP_SAMPLE_ONE_IN))?;
        self.draw.one_in(share.one_in())
    }

    /// Takes at most `limit` samples from the ring. Returns whether it is empty.
    pub fn drain(&mut self, limit: usize) -> bool {
        self.gauge.look();
        for _ in 0..limit {
            let Some(item) = self.ring.next() else {
                return true;
            };
            if let Some(sample) = decode(&item) {
                self.order.push(sample);
            }
        }
        false
    }

    /// Gives the samples up to a time, in order. `before_ns` is when draining began.
    pub fn release(
        &mut self,
        before_ns: u64,
        ring_is_empty: bool,
    ) -> impl ExactSizeIterator<Item = Sample> {
        self.order.release(before_ns, ring_is_empty, usize::MAX)
    }

    /// Segments that found no room in the ring.
    pub fn missed(&self) -> Result<u64, MapsError> {
        let per_cpu = self
            .missed
            .get(&0, 0)
            .map_err(MapsError::refused(names::MAP_SAMPLES_MISSED))?;
        Ok(per_cpu.iter().sum())
    }

    /// How full the ring was at most since the last call.
    pub(crate) fn ring(&mut self) -> Fill {
        let (used, capacity) = self.gauge.take_most();
        Fill {
            name: "samples",
            used,
            capacity,
        }
    }

    /// What the programs have taken so far, where the kernel measures it.
    #[must_use]
    pub fn runs(&self) -> Vec<Runs> {
        load::runs(self.object.programs())
    }
}

impl Timed for Sample {
    fn time_ns(&self) -> u64 {
        self.time_ns
    }
}

/// Reads a sample from its octets. `None` if there are not enough.
fn decode(mut octets: &[u8]) -> Option<Sample> {
    if octets.len() < Sample::SIZE {
        return None;
    }
    Some(Sample {
        time_ns: octets.get_u64_ne(),
        local: address(&mut octets),
        remote: address(&mut octets),
        local_port: octets.get_u16_ne(),
        remote_port: octets.get_u16_ne(),
        seq: octets.get_u32_ne(),
        ack: octets.get_u32_ne(),
        data_octets: octets.get_u32_ne(),
        tsval: octets.get_u32_ne(),
        window: octets.get_u16_ne(),
        tcp_flags: octets.get_u8(),
        bits: octets.get_u8(),
    })
}

#[cfg(test)]
mod tests {
    use natdiag_common::Address;

    use super::*;

    #[test]
    fn every_field_of_a_sample_is_read_from_its_place() {
        let mut octets = [0; Sample::SIZE];
        for (value, octet) in (1..).zip(&mut octets) {
            *octet = value;
        }
        let expected = Sample {
            time_ns: u64::from_ne_bytes([1, 2, 3, 4, 5, 6, 7, 8]),
            local: Address::from_octets(octets[8..24].try_into().unwrap()),
            remote: Address::from_octets(octets[24..40].try_into().unwrap()),
            local_port: u16::from_ne_bytes([41, 42]),
            remote_port: u16::from_ne_bytes([43, 44]),
            seq: u32::from_ne_bytes([45, 46, 47, 48]),
            ack: u32::from_ne_bytes([49, 50, 51, 52]),
            data_octets: u32::from_ne_bytes([53, 54, 55, 56]),
            tsval: u32::from_ne_bytes([57, 58, 59, 60]),
            window: u16::from_ne_bytes([61, 62]),
            tcp_flags: 63,
            bits: 64,
        };
        assert_eq!(decode(&octets), Some(expected));
        assert_eq!(decode(&octets[1..]), None);
    }
}
