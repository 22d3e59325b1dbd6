use std::net::IpAddr;

use natdiag_common::{
    Address, LinkType,
    counter::{Counter, RemoteCounter, RemoteCounts},
    error::{Cause, Layer},
};

use super::*;

/// CRC-32 of what the layout below is written as.
const LAYOUT: u32 = 0xd5a5_2b10;

/// The counters of a remote host, in the order of their places.
const REMOTE_COUNTERS: [RemoteCounter; RemoteCounter::COUNT] = [
    RemoteCounter::FragmentTcpFirst,
    RemoteCounter::FragmentTcpMiddle,
    RemoteCounter::FragmentTcpLast,
    RemoteCounter::FragmentUdpFirst,
    RemoteCounter::FragmentUdpMiddle,
    RemoteCounter::FragmentUdpLast,
    RemoteCounter::FragmentIcmpFirst,
    RemoteCounter::FragmentIcmpMiddle,
    RemoteCounter::FragmentIcmpLast,
    RemoteCounter::FragmentOtherFirst,
    RemoteCounter::FragmentOtherMiddle,
    RemoteCounter::FragmentOtherLast,
    RemoteCounter::FragmentAtomic,
    RemoteCounter::FragmentSent,
    RemoteCounter::SynSent,
    RemoteCounter::SynReceived,
    RemoteCounter::SynAckSent,
    RemoteCounter::SynAckReceived,
    RemoteCounter::RstAnsweringSyn,
    RemoteCounter::RstEstablished,
    RemoteCounter::RstSent,
    RemoteCounter::PacketTooBig,
    RemoteCounter::IcmpError,
    RemoteCounter::FragmentDontFragment,
    RemoteCounter::AtomicSegmentReceived,
    RemoteCounter::AtomicSegmentSent,
    RemoteCounter::DatagramUnobserved,
    RemoteCounter::LargestFirstTcpOctets,
    RemoteCounter::LargestFirstOtherOctets,
];

fn mark(index: u32) -> String {
    let link = Link {
        index,
        name: "eth0".to_owned(),
        device_type: 1,
        mtu: 1500,
        kind: None,
        parent: None,
        xdp_program_ids: Vec::new(),
    };
    text(&link, LoadOptions::new(LinkType::Ethernet)).unwrap()
}

#[test]
fn a_mark_tells_its_interface_here_and_nowhere_else() {
    assert_eq!(interface(&mark(7)), Some(7));
    assert_eq!(interface(&format!("{}9", mark(7))), None);
    assert_eq!(interface("abi=2"), None);
}

#[test]
fn a_difference_names_what_was_found() {
    let other = mark(7).replace("abi=2 ", "abi=9 ");
    assert_eq!(difference(&other, &mark(7)), "it is of another kind: abi=9");
    assert_eq!(
        difference(&mark(8), &mark(7)),
        "it is of another kind: interface=8"
    );
}

#[test]
fn a_layout_that_changes_needs_another_version() {
    let counters = REMOTE_COUNTERS.map(|counter| (counter as usize, counter));
    let causes = (Layer::ALL, Cause::ALL);
    let (address, counts) = (Address::from(IpAddr::from([0_u16; 8])), RemoteCounts::ZERO);
    let slot = RemoteSlot {
        epoch_head: 0,
        packets: 0,
        address,
        counts,
        budget: 0,
        refilled: 0,
        denied: 0,
        reserved: [0; 2],
        epoch_tail: 0,
    };
    let spill = Spill {
        cpu: 0,
        slot: 0,
        epoch: 0,
        packets: 0,
        address,
        counts,
    };
    // What is written names every field, in order.
    let layout = format!(
        "{slot:?} {spill:?} {:?} {counters:?} {:?} {causes:?}",
        Record::ZERO,
        Counter::ALL,
    );
    let found = crc32fast::hash(layout.as_bytes());
    assert_eq!(
        found, LAYOUT,
        "raise ABI_VERSION and set LAYOUT, unless only a name has changed"
    );
}
