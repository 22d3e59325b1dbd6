//! Reads the ring of records and gives events in the order of their times.
//!
//! CPUs write to one ring, each with a clock reading of its own shortly before; and a record of the way in may wait
//! for one of the way out. So records are held back for a while and sorted.

use std::vec;

use aya::maps::{MapData, RingBuf};
use bytes::Buf;
use natdiag_common::{
    names,
    record::{NO_COUNTER, Record},
};

use super::{
    gauge::RingGauge,
    load::WatchObject,
    log::KernelLog,
    map::{MapsError, address, gauge, typed},
    pins::PinFolder,
    program::LoadOptions,
};
use crate::cost::Fill;

/// How long a record is held back: a CPU of a virtual machine may be taken away between the reading of the clock and
/// the writing of the record.
pub const HOLD_BACK_NS: u64 = 5_000_000;

/// Records for which room is kept: more than are held back but after a wait.
const USUALLY_HELD: usize = 1 << 16;

/// The ring of records of one interface.
pub struct Records {
    ring: RingBuf<MapData>,
    gauge: RingGauge,
    order: Order,
    charged: u64,
    released: u64,
    log: Option<KernelLog>,
}

impl Records {
    /// Takes the ring out of the object.
    pub fn take(object: &mut WatchObject) -> Result<Self, MapsError> {
        let ring = typed(names::MAP_RECORDS, |name| object.take_map(name))?;
        Self::of(ring, object.options(), 0, object.take_log())
    }

    /// Reads on where another natdiag has stopped, after so many records that count for some remote host.
    pub fn pinned(
        folder: &PinFolder,
        options: LoadOptions,
        charged: u64,
    ) -> Result<Self, MapsError> {
        let ring = typed(names::MAP_RECORDS, |name| folder.map(name))?;
        Self::of(ring, options, charged, None)
    }

    fn of(
        ring: RingBuf<MapData>,
        options: LoadOptions,
        charged: u64,
        log: Option<KernelLog>,
    ) -> Result<Self, MapsError> {
        Ok(Self {
            gauge: gauge(names::MAP_RECORDS, &ring, options.records_octets)?,
            ring,
            order: Order::default(),
            charged,
            released: charged,
            log,
        })
    }

    /// Takes at most `limit` records from the ring. Returns whether the ring is empty.
    pub fn drain(&mut self, limit: usize) -> bool {
        if let Some(log) = &mut self.log {
            log.flush();
        }
        self.gauge.look();
        for _ in 0..limit {
            let Some(item) = self.ring.next() else {
                return true;
            };
            if let Some(record) = decode(&item) {
                self.charged += u64::from(is_charged(&record));
                self.order.held.push(record);
            }
        }
        false
    }

    /// How full the ring was at most since the last call.
    pub(crate) fn ring(&mut self) -> Fill {
        let (used, capacity) = self.gauge.take_most();
        Fill {
            name: "records",
            used,
            capacity,
        }
    }

    /// Records taken so far that count for some remote host, as nothing else counts their packets.
    #[must_use]
    pub const fn charged(&self) -> u64 {
        self.charged
    }

    /// The same, of those that were given out.
    #[must_use]
    pub const fn released(&self) -> u64 {
        self.released
    }

    /// Makes room for so many that are taken and not given out.
    pub fn make_room(&mut self, records: usize) {
        self.order.held.reserve_exact(records);
    }

    /// Records taken that were not given out yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.order.held.len()
    }

    /// Gives the records up to a time, in order, at most so many. `before` is when draining began; what the ring still
    /// holds may be as old as the newest record taken.
    pub fn release(
        &mut self,
        before_ns: u64,
        ring_is_empty: bool,
        limit: usize,
    ) -> impl ExactSizeIterator<Item = Record> {
        let ready = self.order.release(before_ns, ring_is_empty, limit);
        self.released += ready
            .as_slice()
            .iter()
            .filter(|ready| is_charged(ready))
            .count() as u64;
        ready
    }
}

/// Whether a record counts for some remote host.
const fn is_charged(record: &Record) -> bool {
    record.counter != NO_COUNTER
}

/// Records that wait for older ones.
#[derive(Debug, Default)]
struct Order {
    held: Vec<Record>,
}

impl Order {
    fn release(
        &mut self,
        before_ns: u64,
        ring_is_empty: bool,
        limit: usize,
    ) -> vec::Drain<'_, Record> {
        // Room that only a long wait has needed.
        self.held.shrink_to(self.held.len().max(USUALLY_HELD));
        self.held.sort_by_key(|record| record.time_ns);
        let newest_ns = self.held.last().map_or(0, |record| record.time_ns);
        let limit_ns = if ring_is_empty {
            before_ns
        } else {
            newest_ns.min(before_ns)
        };
        let limit_ns = limit_ns.saturating_sub(HOLD_BACK_NS);
        let ready = self
            .held
            .partition_point(|record| record.time_ns <= limit_ns);
        self.held.drain(..ready.min(limit))
    }
}

/// Reads a record from its octets. `None` if there are not enough.
fn decode(mut octets: &[u8]) -> Option<Record> {
    if octets.len() < Record::SIZE {
        return None;
    }
    let time_ns = octets.get_u64_ne();
    let [source, destination] = [address(&mut octets), address(&mut octets)];
    let mut record = Record {
        time_ns,
        source,
        destination,
        total_len: octets.get_u32_ne(),
        identification: octets.get_u32_ne(),
        data_len: octets.get_u32_ne(),
        seq: octets.get_u32_ne(),
        ack: octets.get_u32_ne(),
        source_port: octets.get_u16_ne(),
        destination_port: octets.get_u16_ne(),
        window: octets.get_u16_ne(),
        fragment_offset_octets: octets.get_u16_ne(),
        flags: octets.get_u8(),
        tcp_flags: octets.get_u8(),
        direction: octets.get_u8(),
        protocol: octets.get_u8(),
        ttl: octets.get_u8(),
        version: octets.get_u8(),
        excerpt_len: octets.get_u8(),
        counter: octets.get_u8(),
        ..Record::ZERO
    };
    octets.copy_to_slice(&mut record.reserved);
    octets.copy_to_slice(record.excerpt.as_flattened_mut());
    Some(record)
}

#[cfg(test)]
mod tests {
    use natdiag_common::Address;

    use super::*;

    const MS: u64 = 1_000_000;

    fn at(time_ns: u64) -> Record {
        Record {
            time_ns,
            ..Record::ZERO
        }
    }

    fn times(records: impl Iterator<Item = Record>) -> Vec<u64> {
        records.map(|record| record.time_ns).collect()
    }

    #[test]
    fn records_come_in_the_order_of_their_times() {
        let mut order = Order::default();
        order.held.extend([at(30 * MS), at(10 * MS), at(20 * MS)]);
        assert_eq!(
            times(order.release(100 * MS, true, usize::MAX)),
            [10 * MS, 20 * MS, 30 * MS]
        );
    }

    #[test]
    fn records_beyond_the_limit_come_the_next_time() {
        let mut order = Order::default();
        order.held.extend([at(30 * MS), at(10 * MS), at(20 * MS)]);
        assert_eq!(times(order.release(100 * MS, true, 2)), [10 * MS, 20 * MS]);
        order.held.push(at(25 * MS));
        assert_eq!(times(order.release(100 * MS, true, 2)), [25 * MS, 30 * MS]);
    }

    #[test]
    fn young_records_wait_for_older_ones() {
        let mut order = Order::default();
        order.held.push(at(98 * MS));
        assert_eq!(times(order.release(100 * MS, true, usize::MAX)), [0_u64; 0]);
        order.held.push(at(97 * MS));
        assert_eq!(
            times(order.release(110 * MS, true, usize::MAX)),
            [97 * MS, 98 * MS]
        );
    }

    #[test]
    fn records_wait_while_older_ones_may_still_be_in_the_ring() {
        let mut order = Order::default();
        order.held.extend([at(10 * MS), at(12 * MS)]);
        assert_eq!(
            times(order.release(100 * MS, false, usize::MAX)),
            [0_u64; 0]
        );
        assert_eq!(
            times(order.release(100 * MS, true, usize::MAX)),
            [10 * MS, 12 * MS]
        );
    }

    #[test]
    fn a_cut_off_record_is_none() {
        assert_eq!(decode(&[0; Record::SIZE - 1]), None);
        let zero = decode(&[0; Record::SIZE]).unwrap();
        assert_eq!((zero.time_ns, zero.source), (0, Address::default()));
    }

    #[test]
    fn every_field_of_a_record_is_read_from_its_place() {
        let mut octets = [0; Record::SIZE];
        for (value, octet) in (1..).zip(&mut octets) {
            *octet = value;
        }
        let record = decode(&octets).unwrap();
        let expected = Record {
            time_ns: u64::from_ne_bytes([1, 2, 3, 4, 5, 6, 7, 8]),
            source: Address::from_octets(octets[8..24].try_into().unwrap()),
            destination: Address::from_octets(octets[24..40].try_into().unwrap()),
            total_len: u32::from_ne_bytes([41, 42, 43, 44]),
            identification: u32::from_ne_bytes([45, 46, 47, 48]),
            data_len: u32::from_ne_bytes([49, 50, 51, 52]),
            seq: u32::from_ne_bytes([53, 54, 55, 56]),
            ack: u32::from_ne_bytes([57, 58, 59, 60]),
            source_port: u16::from_ne_bytes([61, 62]),
            destination_port: u16::from_ne_bytes([63, 64]),
            window: u16::from_ne_bytes([65, 66]),
            fragment_offset_octets: u16::from_ne_bytes([67, 68]),
            flags: 69,
            tcp_flags: 70,
            direction: 71,
            protocol: 72,
            ttl: 73,
            version: 74,
            excerpt_len: 75,
            counter: 76,
            reserved: [77, 78, 79, 80],
            excerpt: octets[80..].as_chunks().0.try_into().unwrap(),
        };
        assert_eq!(record, expected);
    }
}
