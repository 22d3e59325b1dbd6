//! The pair of programs that hand over the segments of connections that were drawn. They are on the interface while
//! this exists.

use aya::{
    Ebpf,
    maps::{Array, MapData, PerCpuArray, RingBuf},
};
use bytes::Buf as _;
use natdiag_common::{
    LinkType, names,
    sample::{Sample, Share},
};

use super::{
    attach::classifier::Place,
    gauge::RingGauge,
    load,
    map::{MapsError, address, gauge},
    order::{Order, Timed},
    pair::{self, Pair, PairError, Position},
};
use crate::{
    SAMPLE_OBJECT,
    cost::{Fill, Runs},
    host::link::Link,
    value::hook::TcHook,
};

/// Octets of the ring.
const RING_OCTETS: u32 = 1 << 22;

/// The programs on an interface, and what they hand over.
pub struct Sampler {
    _pair: Pair,
    mask: Array<MapData, u32>,
    missed: PerCpuArray<MapData, u64>,
    ring: RingBuf<MapData>,
    gauge: RingGauge,
    order: Order<Sample>,
    /// The programs, which tell how long they ran.
    object: Ebpf,
}

impl Sampler {
    /// Attaches the programs, which draw this share of all connections.
    pub fn attach(link: &Link, link_type: LinkType, share: Share) -> Result<Self, PairError> {
        let mut ebpf = pair::open(SAMPLE_OBJECT, link_type)?;
        let mut mask = load::take_map(&mut ebpf, names::MAP_SAMPLE_MASK)?;
        set(&mut mask, share)?;
        let position = Position {
            link,
            place: Place::First,
            hook: TcHook::Auto,
        };
        let pair = Pair::attach(
            &mut ebpf,
            position,
            names::PROGRAM_SAMPLE_INGRESS,
            names::PROGRAM_SAMPLE_EGRESS,
        )?;
        let ring = load::take_map(&mut ebpf, names::MAP_SAMPLES)?;
        Ok(Self {
            _pair: pair,
            mask,
            missed: load::take_map(&mut ebpf, names::MAP_SAMPLES_MISSED)?,
            gauge: gauge(names::MAP_SAMPLES, &ring, RING_OCTETS)?,
            ring,
            order: Order::default(),
            object: ebpf,
        })
    }

    /// Draws another share from here on.
    pub fn draw(&mut self, share: Share) -> Result<(), MapsError> {
        set(&mut self.mask, share)
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

fn set(mask: &mut Array<MapData, u32>, share: Share) -> Result<(), MapsError> {
    mask.set(0, share.mask(), 0)
        .map_err(MapsError::refused(names::MAP_SAMPLE_MASK))
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
