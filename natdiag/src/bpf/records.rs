//! Reads the ring of records and gives them in the order of their times.

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
    order::{Order, Timed},
    pins::PinFolder,
    program::LoadOptions,
};
use crate::cost::Fill;

/// The ring of records of one interface.
pub struct Records {
    ring: RingBuf<MapData>,
    gauge: RingGauge,
    order: Order<Record>,
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
                self.order.push(record);
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

    /// Records given out so far that count for some remote host.
    #[must_use]
    pub const fn released(&self) -> u64 {
        self.released
    }

    /// Makes room for so many that are taken and not given out.
    pub fn make_room(&mut self, records: usize) {
        self.order.make_room(records);
    }

    /// Records taken that were not given out yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.order.waiting()
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

impl Timed for Record {
    fn time_ns(&self) -> u64 {
        self.time_ns
    }
}

/// Whether a record counts for some remote host.
const fn is_charged(record: &Record) -> bool {
    record.counter != NO_COUNTER
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
