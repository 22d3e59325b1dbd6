//! What captures do to traffic that is healthy: they see one side of it, a part of it, or some of it twice.

use std::time::Duration;

use natdiag_common::{
    testkit::Random,
    wire::tcp::{FIN, RST, SYN},
};

use crate::{
    frame::{a_hop_further, as_ipv6, in_pppoe, tagged, under_mpls, without_identification},
    packet::{Packet, in_order},
};

/// One way of seeing the same traffic differently.
pub(crate) struct Mutation {
    /// What it is called in the table.
    pub(crate) name: &'static str,
    /// Makes of a capture what is then seen.
    pub(crate) apply: fn(&[Packet], &mut Random) -> Vec<Packet>,
}

const fn mutation(
    name: &'static str,
    apply: fn(&[Packet], &mut Random) -> Vec<Packet>,
) -> Mutation {
    Mutation { name, apply }
}

/// Between two looks at one packet: a mirror port, a mirror port that is busy, two taps.
const APART: [Duration; 3] = [
    Duration::from_micros(5),
    Duration::from_millis(1),
    Duration::from_millis(3),
];
const MS: Duration = Duration::from_millis(1);

/// All of them; the first changes nothing.
pub(crate) const MUTATIONS: [Mutation; 37] = [
    mutation("as it is", |packets, _| packets.to_vec()),
    mutation("our side only", |packets, _| {
        only(packets, |packet| packet.is_ours)
    }),
    mutation("their side only", |packets, _| {
        only(packets, |packet| !packet.is_ours)
    }),
    mutation("without FIN and RST", |packets, _| {
        only(packets, |packet| packet.flags & (FIN | RST) == 0)
    }),
    mutation("without SYN-ACK", |packets, _| {
        only(packets, |packet| packet.is_ours || packet.flags & SYN == 0)
    }),
    mutation("joined to itself, by time", |packets, _| {
        twice(packets, Duration::ZERO, <[u8]>::to_vec)
    }),
    mutation("joined to itself, end to end", |packets, _| {
        [packets, packets].concat()
    }),
    mutation("twice, 5 us apart", |packets, _| {
        twice(packets, APART[0], <[u8]>::to_vec)
    }),
    mutation("twice, 1 ms apart", |packets, _| {
        twice(packets, APART[1], <[u8]>::to_vec)
    }),
    mutation("twice, 3 ms apart", |packets, _| {
        twice(packets, APART[2], <[u8]>::to_vec)
    }),
    mutation("twice, 5 us apart, identification 0", |packets, _| {
        twice(
            &each(packets, without_identification),
            APART[0],
            <[u8]>::to_vec,
        )
    }),
    mutation("twice, 1 ms apart, identification 0", |packets, _| {
        twice(
            &each(packets, without_identification),
            APART[1],
            <[u8]>::to_vec,
        )
    }),
    mutation("twice, 3 ms apart, identification 0", |packets, _| {
        twice(
            &each(packets, without_identification),
            APART[2],
            <[u8]>::to_vec,
        )
    }),
    mutation("twice, 5 us apart, as IPv6", |packets, _| {
        twice(&each(packets, as_ipv6), APART[0], <[u8]>::to_vec)
    }),
    mutation("twice, 1 ms apart, as IPv6", |packets, _| {
        twice(&each(packets, as_ipv6), APART[1], <[u8]>::to_vec)
    }),
    mutation("twice, 3 ms apart, as IPv6", |packets, _| {
        twice(&each(packets, as_ipv6), APART[2], <[u8]>::to_vec)
    }),
    mutation("before and behind a router", |packets, _| {
        twice(packets, Duration::from_micros(30), a_hop_further)
    }),
    mutation("identification 0", |packets, _| {
        each(packets, without_identification)
    }),
    mutation("as IPv6", |packets, _| each(packets, as_ipv6)),
    mutation("2 % lost by the capture", |packets, random| {
        only(packets, |_| random.below(100) >= 2)
    }),
    mutation("10 % lost by the capture", |packets, random| {
        only(packets, |_| random.below(100) >= 10)
    }),
    mutation("10 % lost, our side only", |packets, random| {
        only(packets, |packet| packet.is_ours && random.below(100) >= 10)
    }),
    mutation("first half", |packets, _| {
        packets[..packets.len() / 2].to_vec()
    }),
    mutation("last half", |packets, _| {
        packets[packets.len() / 2..].to_vec()
    }),
    mutation("last half, our side only", |packets, _| {
        only(&packets[packets.len() / 2..], |packet| packet.is_ours)
    }),
    mutation("first ten packets", |packets, _| {
        packets[..packets.len().min(10)].to_vec()
    }),
    mutation("snap length 54", |packets, _| snapped(packets, 54)),
    mutation("snap length 68", |packets, _| snapped(packets, 68)),
    mutation("snap length 96", |packets, _| snapped(packets, 96)),
    mutation("through a VLAN", |packets, _| each(packets, tagged)),
    mutation("through PPPoE", |packets, _| each(packets, in_pppoe)),
    mutation("under MPLS", |packets, _| each(packets, under_mpls)),
    mutation("through a VLAN, snap length 68", |packets, _| {
        snapped(&each(packets, tagged), 68)
    }),
    mutation("out of order by 1 ms, times right", |packets, random| {
        out_of_order(packets, random)
    }),
    mutation("our side late by 1 ms", |packets, _| {
        late(packets, |packet| packet.is_ours)
    }),
    mutation("their side late by 1 ms", |packets, _| {
        late(packets, |packet| !packet.is_ours)
    }),
    mutation("twice, 1 ms apart, our side only", |packets, _| {
        twice(&only(packets, |packet| packet.is_ours), MS, <[u8]>::to_vec)
    }),
];

fn only(packets: &[Packet], mut keep: impl FnMut(&Packet) -> bool) -> Vec<Packet> {
    packets
        .iter()
        .filter(|packet| keep(packet))
        .cloned()
        .collect()
}

fn each(packets: &[Packet], reframe: fn(&[u8]) -> Vec<u8>) -> Vec<Packet> {
    packets
        .iter()
        .map(|packet| packet.reframed(reframe))
        .collect()
}

fn snapped(packets: &[Packet], octets: usize) -> Vec<Packet> {
    packets
        .iter()
        .map(|packet| packet.clone().snapped(octets))
        .collect()
}

/// Each packet, and what a second look shows of it.
fn twice(packets: &[Packet], apart: Duration, second: fn(&[u8]) -> Vec<u8>) -> Vec<Packet> {
    let both = packets
        .iter()
        .flat_map(|packet| [packet.clone(), packet.reframed(second).later(apart)])
        .collect();
    in_order(both)
}

/// Packets in a file as several queues of an interface give them: each stands up to a millisecond too late.
fn out_of_order(packets: &[Packet], random: &mut Random) -> Vec<Packet> {
    let mut placed: Vec<(Duration, &Packet)> = packets
        .iter()
        .map(|packet| (packet.time + MS.mul_f64(share(random)), packet))
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed
        .into_iter()
        .map(|(_, packet)| packet.clone())
        .collect()
}

/// One side is seen by a capture whose clock is a millisecond behind.
fn late(packets: &[Packet], is_late: fn(&Packet) -> bool) -> Vec<Packet> {
    let packets = packets.iter().map(|packet| {
        if is_late(packet) {
            packet.later(MS)
        } else {
            packet.clone()
        }
    });
    in_order(packets.collect())
}

/// From 0 up to 1.
fn share(random: &mut Random) -> f64 {
    f64::from(random.u16()) / f64::from(u16::MAX)
}
