//! The programs in the kernel and the reader on the host say the same of every frame: of named ones, and of
//! thousands of random and damaged ones, by `BPF_PROG_TEST_RUN`.

#[cfg(test)]
mod comparison;
#[cfg(test)]
mod kernel;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod partial;

use natdiag::bpf::program::WatchProgram;
use natdiag_common::{
    Direction, LinkType,
    classify::Keep,
    counter::{Counter, RemoteCounter},
    slot::{BUDGET_BURST, slot_index},
    testkit::{CLIENT, Payload as _, SERVER, echo_request, raw, tcp, udp},
};

use self::{
    comparison::{compare, fixtures, random_frames},
    kernel::{Kernel, needs_root},
};

/// Packets of a storm, far beyond any budget.
const STORM: u32 = 5000;
/// The programs that see raw IP as well.
const TC: [WatchProgram; 2] = [WatchProgram::TcIngress, WatchProgram::TcEgress];

#[test]
fn fixtures_give_the_same_in_every_program() {
    if needs_root("fixtures_give_the_same_in_every_program") {
        return;
    }
    for program in WatchProgram::ALL {
        compare(program, LinkType::Ethernet, fixtures(LinkType::Ethernet));
    }
    for program in TC {
        compare(program, LinkType::RawIp, fixtures(LinkType::RawIp));
    }
}

#[test]
fn random_frames_give_the_same_in_xdp() {
    if needs_root("random_frames_give_the_same_in_xdp") {
        return;
    }
    for program in [WatchProgram::Xdp, WatchProgram::XdpFrags] {
        compare(
            program,
            LinkType::Ethernet,
            random_frames(LinkType::Ethernet),
        );
    }
}

#[test]
fn random_frames_give_the_same_in_tc() {
    if needs_root("random_frames_give_the_same_in_tc") {
        return;
    }
    for program in TC {
        compare(
            program,
            LinkType::Ethernet,
            random_frames(LinkType::Ethernet),
        );
        compare(program, LinkType::RawIp, random_frames(LinkType::RawIp));
    }
}

#[test]
fn jumbo_frames_give_the_same_over_several_buffers() {
    if needs_root("jumbo_frames_give_the_same_over_several_buffers") {
        return;
    }
    let frames = [
        tcp().ack(1).data_len(8900).in_ipv4(SERVER, CLIENT).frame(),
        tcp()
            .syn()
            .mss(8960)
            .data_len(8000)
            .in_ipv4(SERVER, CLIENT)
            .frame(),
        udp()
            .data_len(8900)
            .in_ipv4(SERVER, CLIENT)
            .first_fragment()
            .frame(),
        echo_request(1, 1, 8900).in_ipv4(SERVER, CLIENT).frame(),
    ];
    compare(WatchProgram::XdpFrags, LinkType::Ethernet, frames);
}

#[test]
fn a_storm_from_one_host_is_counted_whole_and_recorded_within_its_budget() {
    if needs_root("a_storm_from_one_host_is_counted_whole_and_recorded_within_its_budget") {
        return;
    }
    let fragment = tcp()
        .ack(1)
        .data_len(800)
        .in_ipv4(SERVER, CLIENT)
        .first_fragment();
    for frame in [
        fragment.frame(),
        tcp().rst().in_ipv4(SERVER, CLIENT).frame(),
    ] {
        let mut kernel = Kernel::open(WatchProgram::Xdp, LinkType::Ethernet);
        let seen = kernel.run_often(&frame, STORM);
        let records = u32::try_from(seen.records.len()).unwrap();
        let missed = seen.totals.value(Counter::MissedRecordsBudget);
        println!("{records} records, {missed} beyond the budget");
        assert_eq!(u64::from(records) + missed, u64::from(STORM));
        assert!(records >= BUDGET_BURST, "{records} records");
        // One is earned per jiffy, and the storm lasts milliseconds.
        assert!(records < 2 * BUDGET_BURST, "{records} records");
        let slot = kernel.slot(slot_index(SERVER.into()));
        // The records count for themselves.
        assert_eq!(
            (slot.packets, slot.address),
            (STORM - records, SERVER.into())
        );
    }
}

#[test]
fn what_opens_or_closes_connections_is_recorded_without_a_budget() {
    if needs_root("what_opens_or_closes_connections_is_recorded_without_a_budget") {
        return;
    }
    for segment in [tcp().syn(), tcp().syn().ack(1), tcp().fin().ack(1)] {
        let mut kernel = Kernel::open(WatchProgram::TcEgress, LinkType::Ethernet);
        let frame = segment.in_ipv4(CLIENT, SERVER).frame();
        let seen = kernel.run_often(&frame, 5000);
        assert_eq!(seen.records.len(), 5000);
        assert_eq!(seen.totals.value(Counter::MissedRecordsBudget), 0);
    }
}

#[test]
fn the_first_fragment_of_a_host_is_within_budget_whatever_its_identification() {
    if needs_root("the_first_fragment_of_a_host_is_within_budget_whatever_its_identification") {
        return;
    }
    for identification in [0, 1, u16::MAX] {
        let mut kernel = Kernel::open(WatchProgram::Xdp, LinkType::Ethernet);
        let packet = raw(6, &[0x50; 80]).in_ipv4(SERVER, CLIENT);
        let packet = packet.identification(identification).first_fragment();
        let seen = kernel.run(&packet.frame());
        assert_eq!(seen.records.len(), 1, "identification {identification}");
    }
}

#[test]
fn two_hosts_that_want_one_slot_lose_nothing() {
    if needs_root("two_hosts_that_want_one_slot_lose_nothing") {
        return;
    }
    let mut hosts = (0..=u16::MAX).map(|number| {
        let [high, low] = number.to_be_bytes();
        std::net::Ipv4Addr::new(198, 18, high, low)
    });
    let first = hosts.next().unwrap();
    let wanted = slot_index(first.into());
    let second = hosts.find(|host| slot_index((*host).into()) == wanted);
    let pair = [first, second.expect("65,536 hosts share 1,024 slots")];
    let frames = (0..200).map(|number| {
        let host = pair[usize::from(number % 3 == 0)];
        tcp().syn().in_ipv4(CLIENT, host).frame()
    });
    compare(WatchProgram::TcEgress, LinkType::Ethernet, frames);
}

#[test]
fn every_kind_of_decision_is_among_the_random_frames() {
    let mut reached = [false; RemoteCounter::FIRST_DETAIL];
    let mut kept = [0; 3];
    let mut malformed = std::collections::BTreeSet::new();
    for frame in random_frames(LinkType::Ethernet) {
        for direction in [Direction::Ingress, Direction::Egress] {
            match oracle::decide(&frame, LinkType::Ethernet, direction) {
                Err(error) => {
                    malformed.insert(error);
                }
                Ok(None) => {}
                Ok(Some(observation)) => {
                    if let Some(tally) = observation.tally {
                        reached[tally.counter] = true;
                    }
                    kept[match observation.keep {
                        Keep::Always => 0,
                        Keep::WithinBudget => 1,
                        Keep::Never => 2,
                    }] += 1;
                }
            }
        }
    }
    assert_eq!(reached, [true; RemoteCounter::FIRST_DETAIL]);
    assert!(kept.iter().all(|count| *count > 500), "{kept:?}");
    assert!(malformed.len() >= 15, "{malformed:?}");
}
