//! The programs that follow connections of suspects count what the host's own code counts of the same segments, and
//! leave everybody else alone.

use natdiag::{analysis::established::EstablishedTable, bpf::follow::Follower, event::Timestamp};
use natdiag_common::{
    Address, Direction, LinkType,
    follow::{self, FlowEnds, FollowCounter, FollowCounts},
    packet,
    testkit::{CLIENT, Payload as _, Random, SERVER, tcp},
};

use crate::hooks::wait_for_tcx_programs;
use crate::network::{SENDER, WATCHED, in_namespace, link_named, send_from, wait_until};

/// Batches of one direction each, and segments in a batch.
const BATCHES: usize = 60;
const BATCH: usize = 20;

/// A segment of one of a few connections, with numbers from so small a range that many repeat.
fn segment(random: &mut Random, direction: Direction) -> Vec<u8> {
    let port = 40_000 + random.u16() % 4;
    let (ports, [source, destination]) = match direction {
        Direction::Egress => ((port, 443), [CLIENT, SERVER]),
        Direction::Ingress => ((443, port), [SERVER, CLIENT]),
    };
    let mut segment = tcp()
        .ports(ports.0, ports.1)
        .seq((u32::MAX - 5_000).wrapping_add(random.u32() % 10_000))
        .ack((u32::MAX - 5_000).wrapping_add(random.u32() % 10_000));
    if random.once_in(2) {
        let tsval = random.u32() % 20;
        let mut options = vec![1, 1, 8, 10];
        options.extend(tsval.to_be_bytes());
        options.extend([0; 4]);
        segment = segment.raw_options(&options);
    }
    segment = match random.below(12) {
        0 => segment.rst(),
        1 => segment.fin(),
        2 => segment.syn(),
        _ => segment,
    };
    if random.once_in(40) {
        // Far outside any window.
        segment = segment.seq(1 << 30);
    }
    let octets = [0, 1, 500, 1_400];
    let packet = segment
        .data_len(octets[random.below(octets.len())])
        .in_ipv4(source, destination);
    if random.once_in(40) {
        packet.first_fragment().frame()
    } else {
        packet.frame()
    }
}

/// What the host counts.
fn follow_on_host(table: &mut EstablishedTable, frame: &[u8], direction: Direction) {
    let packet = packet::parse(frame, LinkType::Ethernet).unwrap().unwrap();
    let (segment, [source_port, destination_port]) =
        follow::segment(frame, &packet, packet.total_len).unwrap();
    let (local_port, remote_port) = match direction {
        Direction::Ingress => (destination_port, source_port),
        Direction::Egress => (source_port, destination_port),
    };
    let ends = FlowEnds {
        local: CLIENT.into(),
        remote: SERVER.into(),
        local_port,
        remote_port,
    };
    table.segment(direction, &ends, &segment, Timestamp(1));
}

/// Segments that were seen, followed or not.
fn seen(counts: &FollowCounts) -> u64 {
    [
        FollowCounter::SentSmall,
        FollowCounter::SentLarge,
        FollowCounter::ReceivedSmall,
        FollowCounter::ReceivedLarge,
        FollowCounter::LeftOut,
    ]
    .iter()
    .map(|counter| counts.value(*counter))
    .sum()
}

fn counts_of(follower: &Follower) -> FollowCounts {
    follower.read().unwrap()[0].1
}

#[test]
fn a_suspect_is_counted_as_the_host_counts() {
    in_namespace("a_suspect_is_counted_as_the_host_counts", || {
        let mut follower = Follower::attach(&link_named(WATCHED), LinkType::Ethernet).unwrap();
        let suspect = Address::from(SERVER);
        follower.set(&[suspect]).unwrap();
        let mut table = EstablishedTable::default();
        let mut random = Random::new(1);
        for batch in 0..BATCHES {
            let (direction, sender) = if batch % 2 == 0 {
                (Direction::Egress, WATCHED)
            } else {
                (Direction::Ingress, SENDER)
            };
            let frames: Vec<_> = (0..BATCH)
                .flat_map(|_| {
                    let times = if random.once_in(8) { 4 } else { 1 };
                    vec![segment(&mut random, direction); times]
                })
                .collect();
            for frame in &frames {
                follow_on_host(&mut table, frame, direction);
            }
            send_from(sender, &frames);
            let want = table.get(suspect).unwrap().counts();
            wait_until("the kernel to follow what was sent", || {
                seen(&counts_of(&follower)) >= seen(&want)
            });
        }
        let want = table.get(suspect).unwrap().counts();
        let mut counted = counts_of(&follower);
        // The host's clock stands still, and a busy machine may be silent for a second.
        let answers = |counts: &FollowCounts| {
            (
                counts.reset_after.iter().sum::<u64>(),
                counts.answered_after.iter().sum::<u64>(),
            )
        };
        assert_eq!(answers(&counted), answers(&want));
        (counted.reset_after, counted.answered_after) = (want.reset_after, want.answered_after);
        for counter in [
            FollowCounter::HoleFilled,
            FollowCounter::HoleLeftLarge,
            FollowCounter::HoleLeftSmall,
        ] {
            counted.counters[counter as usize] = want.value(counter);
        }
        assert_eq!(counted, want);
        for counter in [
            FollowCounter::SentLargeRepeated,
            FollowCounter::ReceivedSmallRepeated,
            FollowCounter::SentLargeAcknowledged,
            FollowCounter::SentSmallStuck,
            FollowCounter::SentLargeStuck,
            FollowCounter::Hole,
            FollowCounter::OutsideWindow,
            FollowCounter::SentOlderTimestamp,
            FollowCounter::ReceivedOlderTimestamp,
            FollowCounter::ResetUnprovoked,
        ] {
            assert!(want.value(counter) > 0, "{counter:?} was not tried");
        }
    });
}

#[test]
fn nobody_is_followed_before_and_after_the_suspicion() {
    in_namespace("nobody_is_followed_before_and_after_the_suspicion", || {
        let mut follower = Follower::attach(&link_named(WATCHED), LinkType::Ethernet).unwrap();
        let suspect = Address::from(SERVER);
        let frame = tcp().ack(1).data_len(10).in_ipv4(CLIENT, SERVER).frame();
        for _ in 0..2 {
            send_from(WATCHED, [&frame]);
            follower.set(&[suspect]).unwrap();
            assert_eq!(counts_of(&follower), FollowCounts::ZERO);
            send_from(WATCHED, [&frame]);
            assert_eq!(seen(&counts_of(&follower)), 1);
            follower.set(&[]).unwrap();
            assert_eq!(follower.read().unwrap(), []);
        }
    });
}

#[test]
fn nothing_stays_attached_when_the_suspicion_has_ended() {
    in_namespace(
        "nothing_stays_attached_when_the_suspicion_has_ended",
        || {
            let follower = Follower::attach(&link_named(WATCHED), LinkType::Ethernet).unwrap();
            wait_for_tcx_programs(WATCHED, 2);
            drop(follower);
            wait_for_tcx_programs(WATCHED, 0);
        },
    );
}
