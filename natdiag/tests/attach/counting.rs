//! The kernel counts what was sent: per remote host and exactly, also when hosts fight for slots and rings are full.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use natdiag::{
    bpf::{
        attach::{Attachment, attach},
        counters::Counters,
        load::WatchObject,
        program::LoadOptions,
        records::Records,
    },
    event::{Content, Event},
    value::hook::HookChoice,
};
use natdiag_common::{
    Address, LinkType,
    counter::{Counter, FragmentPosition, FragmentProtocol, RemoteCounter, RemoteCounts},
    testkit::{CLIENT, Payload as _, tcp, udp},
};

use crate::network::{WATCHED, in_namespace, link_named, send, wait_until};

/// More than the slots of a CPU, so that many have to share.
const REMOTES: u32 = 3_000;
/// The largest first fragment that is sent.
const FIRST_OCTETS: u16 = 1_396;

struct Watch {
    _attachment: Attachment,
    counters: Counters,
    records: Records,
    /// By remote host: SYNs received, first fragments of TCP, last ones, the largest first one.
    counted: BTreeMap<IpAddr, [u32; 4]>,
    sent: u64,
}

impl Watch {
    fn start(choice: HookChoice, options: LoadOptions) -> Self {
        let mut object = WatchObject::open(options).unwrap();
        let counters = Counters::take(&mut object).unwrap();
        let records = Records::take(&mut object).unwrap();
        Self {
            _attachment: attach(&mut object, &link_named(WATCHED), choice).unwrap(),
            counters,
            records,
            counted: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Sends frames, and waits until the kernel has counted them.
    fn send(&mut self, frames: &[Vec<u8>]) {
        // A backlog holds a thousand packets.
        for frames in frames.chunks(200) {
            send(frames);
            self.sent += frames.len() as u64;
            wait_until("the kernel to count what was sent", || {
                self.total(Counter::PacketsIngress) == self.sent
            });
        }
    }

    fn total(&self, counter: Counter) -> u64 {
        self.counters.totals().unwrap().value(counter)
    }

    fn collect(&mut self) {
        let counted = &mut self.counted;
        let mut count = |remote: Address, counts: &RemoteCounts| {
            let entry = counted.entry(remote.into()).or_default();
            let fragments = |position| {
                let place = RemoteCounter::fragment(FragmentProtocol::Tcp, position);
                u32::from(counts.words[place])
            };
            entry[0] += u32::from(counts.value(RemoteCounter::SynReceived));
            entry[1] += fragments(FragmentPosition::First);
            entry[2] += fragments(FragmentPosition::Last);
            entry[3] = entry[3].max(counts.value(RemoteCounter::LargestFirstTcpOctets).into());
        };
        self.counters
            .collect(|increment| count(increment.remote, &increment.counts))
            .unwrap();
        assert!(self.records.drain(usize::MAX));
        let records = self.records.release(u64::MAX, true, usize::MAX);
        for tally in records.filter_map(|record| record.tally()) {
            count(tally.remote, &tally.counts());
        }
    }

    /// What is in the totals and with no remote host.
    fn unaccounted(&self) -> i64 {
        let totals = self.counters.totals().unwrap();
        self.counters.unaccounted(&totals, self.records.charged())
    }
}

fn remote(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + number)
}

/// A SYN, and a datagram in two fragments.
fn frames_of(remote: Ipv4Addr) -> Vec<Vec<u8>> {
    let segment = tcp()
        .data_len(usize::from(FIRST_OCTETS) - 40)
        .in_ipv4(remote, CLIENT)
        .identification(7);
    vec![
        tcp().syn().in_ipv4(remote, CLIENT).frame(),
        segment.clone().first_fragment().frame(),
        segment
            .later_fragment(FIRST_OCTETS - 20)
            .payload_cut_to(20)
            .frame(),
    ]
}

fn every_remote_is_counted_by(choice: HookChoice) {
    let mut watch = Watch::start(choice, LoadOptions::new(LinkType::Ethernet));
    let mut expected = BTreeMap::new();
    for round in 1..=3 {
        let frames: Vec<_> = (0..REMOTES)
            .flat_map(|number| frames_of(remote(number)))
            .collect();
        watch.send(&frames);
        watch.collect();
        assert_eq!(watch.unaccounted(), 0, "{choice:?}, round {round}");
        for number in 0..REMOTES {
            expected.insert(
                IpAddr::V4(remote(number)),
                [round, round, round, u32::from(FIRST_OCTETS)],
            );
        }
        assert_eq!(watch.counted.len(), expected.len());
        for (remote, counts) in &expected {
            assert_eq!(
                watch.counted.get(remote),
                Some(counts),
                "{choice:?}, {remote}"
            );
        }
    }
    assert_eq!(watch.total(Counter::MissedRemotes), 0);
    assert_eq!(watch.total(Counter::MissedRecordsRing), 0);
}

#[test]
fn tcx_counts_every_remote_host_exactly() {
    in_namespace("tcx_counts_every_remote_host_exactly", || {
        every_remote_is_counted_by(HookChoice::Tcx);
    });
}

#[test]
fn clsact_counts_every_remote_host_exactly() {
    in_namespace("clsact_counts_every_remote_host_exactly", || {
        every_remote_is_counted_by(HookChoice::Clsact);
    });
}

#[test]
fn xdp_counts_every_remote_host_exactly() {
    in_namespace("xdp_counts_every_remote_host_exactly", || {
        every_remote_is_counted_by(HookChoice::Xdp);
    });
}

#[test]
fn generic_xdp_counts_every_remote_host_exactly() {
    in_namespace("generic_xdp_counts_every_remote_host_exactly", || {
        every_remote_is_counted_by(HookChoice::XdpGeneric);
    });
}

#[test]
fn what_full_rings_leave_out_is_missed_and_not_lost() {
    in_namespace("what_full_rings_leave_out_is_missed_and_not_lost", || {
        let options = LoadOptions {
            spills_octets: 4_096,
            records_octets: 4_096,
            ..LoadOptions::new(LinkType::Ethernet)
        };
        let mut watch = Watch::start(HookChoice::Tcx, options);
        let syn = |number| tcp().syn().in_ipv4(remote(number), CLIENT).frame();
        let frames: Vec<_> = (0..REMOTES).map(syn).collect();
        watch.send(&frames);
        watch.collect();
        let missed = watch.total(Counter::MissedRemotes);
        assert!(missed > 0);
        assert_eq!(watch.unaccounted(), 0);
        let counted: u32 = watch.counted.values().map(|[syns, ..]| syns).sum();
        assert_eq!(u64::from(counted) + missed, u64::from(REMOTES));
    });
}

#[test]
fn what_a_full_ring_of_records_leaves_out_is_counted() {
    in_namespace("what_a_full_ring_of_records_leaves_out_is_counted", || {
        let options = LoadOptions {
            records_octets: 4_096,
            ..LoadOptions::new(LinkType::Ethernet)
        };
        let mut watch = Watch::start(HookChoice::Tcx, options);
        let syn = tcp().syn().in_ipv4(remote(1), CLIENT).frame();
        watch.send(&vec![syn; 100]);
        assert!(watch.records.drain(usize::MAX));
        let records = watch.records.release(u64::MAX, true, usize::MAX).count() as u64;
        assert!(records > 0);
        let missed = watch.total(Counter::MissedRecordsRing);
        assert_eq!(records + missed, 100);
        watch.collect();
        let [counted, ..] = watch.counted[&remote(1).into()];
        assert_eq!(u64::from(counted), missed);
        assert_eq!(watch.unaccounted(), 0);
    });
}

#[test]
fn records_tell_what_was_sent_in_its_order() {
    in_namespace("records_tell_what_was_sent_in_its_order", || {
        let mut watch = Watch::start(HookChoice::Auto, LoadOptions::new(LinkType::Ethernet));
        let syn = |port| {
            tcp()
                .syn()
                .ports(port, 443)
                .seq(u32::from(port) << 8)
                .timestamps(u32::from(port), 0)
                .in_ipv4(remote(1), CLIENT)
                .frame()
        };
        let boring = udp().in_ipv4(remote(1), CLIENT).frame();
        let frames: Vec<_> = (1..=500)
            .flat_map(|port| [syn(port), boring.clone()])
            .collect();
        watch.send(&frames);
        assert!(watch.records.drain(usize::MAX));
        let events: Vec<_> = watch
            .records
            .release(u64::MAX, true, usize::MAX)
            .filter_map(|record| Event::from_record(&record, 0))
            .collect();
        assert!(events.is_sorted_by_key(|event| event.time));
        let seen: Vec<_> = events
            .iter()
            .map(|event| {
                let Content::Segment(segment) = &event.content else {
                    panic!("{event:?}")
                };
                (segment.source_port, segment.seq.0, segment.options)
            })
            .collect();
        assert_eq!(seen.len(), 500);
        for ((port, seq, options), expected) in seen.into_iter().zip(1..) {
            assert_eq!((port, seq), (expected, u32::from(expected) << 8));
            assert_eq!(
                options.timestamps.map(|stamps| stamps.tsval.0),
                Some(u32::from(port))
            );
        }
    });
}
