//! Conversations, and which way their packets went.

use std::net::{Ipv4Addr, Ipv6Addr};

use natdiag_common::{
    LinkType, packet,
    testkit::{
        CLIENT, CLIENT_V6, Payload, SERVER, SERVER_V6, Segment, echo_request, raw, tcp, udp,
        unreachable,
    },
};

use super::*;

const HOME: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 5);
const CARRIER: Ipv4Addr = Ipv4Addr::new(100, 127, 0, 5);
const UNIQUE_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5);

#[test]
fn end_that_sends_the_syn_is_local() {
    let mut finder = Finder::default();
    assert_eq!(
        finder.sees(&syn(40000, 80).in_ipv4(CLIENT, SERVER).octets()),
        SENT
    );
    assert_eq!(
        finder.sees(&syn_ack(80, 40000).in_ipv4(SERVER, CLIENT).octets()),
        RECEIVED
    );
    assert_eq!(
        finder.sees(&data(40000, 80).in_ipv4(CLIENT, SERVER).octets()),
        SENT
    );
    assert_eq!(
        finder.sees(&data(80, 40000).in_ipv4(SERVER, CLIENT).octets()),
        RECEIVED
    );
}

#[test]
fn two_hosts_that_open_to_each_other_are_told_apart_by_connection() {
    let mut finder = Finder::default();
    finder.sees(&syn(40000, 80).in_ipv4(CLIENT, SERVER).octets());
    finder.sees(&syn(50000, 22).in_ipv4(SERVER, CLIENT).octets());

    assert_eq!(
        finder.sees(&data(80, 40000).in_ipv4(SERVER, CLIENT).octets()),
        RECEIVED
    );
    assert_eq!(
        finder.sees(&data(50000, 22).in_ipv4(SERVER, CLIENT).octets()),
        SENT
    );
    // Fragments have no ports: who opened last counts.
    let fragment = udp()
        .data_len(64)
        .in_ipv4(CLIENT, SERVER)
        .later_fragment(1480);
    assert_eq!(finder.sees(&fragment.octets()), RECEIVED);
}

#[test]
fn syn_ack_without_its_syn_goes_to_the_local_side() {
    let mut finder = Finder::default();
    let syn_ack = syn_ack(443, 40000).in_ipv6(SERVER_V6, CLIENT_V6);
    assert_eq!(finder.sees(&syn_ack.octets()), RECEIVED);
    assert_eq!(
        finder.sees(&data(40000, 443).in_ipv6(CLIENT_V6, SERVER_V6).octets()),
        SENT
    );
}

#[test]
fn fragments_of_a_known_pair_follow_its_opener() {
    let mut finder = Finder::default();
    finder.sees(&syn(40000, 80).in_ipv4(CLIENT, SERVER).octets());
    for fragment in [
        tcp().data_len(64).in_ipv4(SERVER, CLIENT).first_fragment(),
        raw(47, &[0; 64])
            .in_ipv4(SERVER, CLIENT)
            .later_fragment(800),
    ] {
        assert_eq!(finder.sees(&fragment.octets()), RECEIVED);
    }
    let sent = udp().data_len(64).in_ipv4(CLIENT, SERVER).first_fragment();
    assert_eq!(finder.sees(&sent.octets()), SENT);
}

#[test]
fn host_that_opens_connections_is_local_to_hosts_never_seen() {
    let mut finder = Finder::default();
    let resolver = Ipv4Addr::new(203, 0, 113, 53);
    finder.sees(&syn(40000, 80).in_ipv4(CLIENT, SERVER).octets());

    let answer = udp()
        .data_len(64)
        .in_ipv4(resolver, CLIENT)
        .first_fragment();
    assert_eq!(finder.sees(&answer.octets()), RECEIVED);
    let question = udp()
        .data_len(64)
        .in_ipv4(CLIENT, resolver)
        .first_fragment();
    assert_eq!(finder.sees(&question.octets()), SENT);
}

#[test]
fn private_address_is_local_to_a_public_one() {
    for (name, sent, received) in [
        (
            "RFC 1918",
            udp().in_ipv4(HOME, SERVER).octets(),
            udp().in_ipv4(SERVER, HOME).octets(),
        ),
        (
            "RFC 6598",
            udp().in_ipv4(CARRIER, SERVER).octets(),
            udp().in_ipv4(SERVER, CARRIER).octets(),
        ),
        (
            "RFC 4193",
            udp().in_ipv6(UNIQUE_LOCAL, SERVER_V6).octets(),
            udp().in_ipv6(SERVER_V6, UNIQUE_LOCAL).octets(),
        ),
    ] {
        let mut finder = Finder::default();
        assert_eq!(finder.sees(&sent), SENT, "{name}");
        assert_eq!(finder.sees(&received), RECEIVED, "{name}");
    }
}

#[test]
fn between_strangers_the_destination_is_local_and_that_is_an_assumption() {
    let fragment = udp().data_len(64).in_ipv4(SERVER, CLIENT).first_fragment();
    let judgement = Finder::default().judges(&fragment.octets(), None);
    assert_eq!(judgement.direction, RECEIVED);
    assert!(!judgement.is_founded);
}

#[test]
fn sender_of_an_echo_request_is_local() {
    let request = echo_request(7, 1, 3000).in_ipv4(CLIENT, SERVER);
    let request_tail = request.clone().later_fragment(1480);
    let reply = raw(1, &[0; 64]).in_ipv4(SERVER, CLIENT);
    let mut finder = Finder::default();
    assert_eq!(finder.sees(&request.octets()), SENT);
    assert_eq!(finder.sees(&request_tail.octets()), SENT);
    assert_eq!(finder.sees(&reply.octets()), RECEIVED);
    // A capture that begins with the reply shows it as well.
    let mut finder = Finder::default();
    assert_eq!(finder.sees(&reply.octets()), RECEIVED);
    assert_eq!(finder.sees(&request_tail.octets()), SENT);
    // Who opens connections is known better by them.
    let mut finder = Finder::default();
    finder.sees(&syn(40000, 80).in_ipv4(SERVER, CLIENT).octets());
    assert_eq!(finder.sees(&request.octets()), RECEIVED);
}

#[test]
fn icmp_error_goes_to_the_sender_of_the_packet_that_it_quotes() {
    let router = Ipv4Addr::new(203, 0, 113, 1);
    let ours = syn(40000, 80).in_ipv4(CLIENT, SERVER).octets();
    let theirs = data(80, 40000).in_ipv4(SERVER, CLIENT).octets();
    let mut finder = Finder::default();
    // Before any SYN: the complaint is taken for one about us.
    let stranger = unreachable(&ours).in_ipv4(router, CLIENT).octets();
    let judgement = finder.judges(&stranger, None);
    assert_eq!(
        (judgement.direction, judgement.is_founded),
        (RECEIVED, false)
    );

    finder.sees(&ours);
    assert_eq!(finder.sees(&stranger), RECEIVED);
    let complaint = unreachable(&theirs).in_ipv4(CLIENT, SERVER).octets();
    assert_eq!(finder.sees(&complaint), SENT);
}

#[test]
fn what_the_capture_says_wins_over_what_it_shows() {
    let syn = syn(40000, 80).in_ipv4(CLIENT, SERVER).octets();
    let judgement = Finder::default().judges(&syn, Some(RECEIVED));
    assert_eq!(judgement.direction, RECEIVED);
}

#[test]
fn given_networks_win_over_everything() {
    let mut finder = Finder(DirectionFinder::new(vec![
        "198.51.100.0/24".parse().unwrap(),
    ]));
    let syn = syn(40000, 80).in_ipv4(CLIENT, SERVER).octets();
    assert_eq!(finder.judges(&syn, Some(SENT)).direction, RECEIVED);
    let answer = syn_ack(80, 40000).in_ipv4(SERVER, CLIENT).octets();
    assert_eq!(finder.judges(&answer, None).direction, SENT);
    // Neither end is of that network: the other rules hold.
    let stranger = Ipv4Addr::new(203, 0, 113, 9);
    let other = udp().in_ipv4(HOME, stranger).octets();
    assert_eq!(finder.judges(&other, None).direction, SENT);
}

#[test]
fn flood_from_many_addresses_does_not_evict_a_connection_in_use() {
    let mut finder = Finder::default();
    finder.sees(&syn(40000, 80).in_ipv4(CLIENT, SERVER).octets());
    for number in 0..200_000_u32 {
        let spoofed = Ipv4Addr::from_bits(0x1700_0000 + number);
        finder.sees(&syn(1024, 80).in_ipv4(spoofed, SERVER).octets());
        if number % 10_000 == 0 {
            finder.sees(&data(80, 40000).in_ipv4(SERVER, CLIENT).octets());
        }
    }
    let judgement = finder.judges(&data(80, 40000).in_ipv4(SERVER, CLIENT).octets(), None);
    assert_eq!(
        (judgement.direction, judgement.is_founded),
        (RECEIVED, true)
    );
}

const SENT: Direction = Direction::Egress;
const RECEIVED: Direction = Direction::Ingress;

struct Finder(DirectionFinder);

impl Default for Finder {
    fn default() -> Self {
        Self(DirectionFinder::new(Vec::new()))
    }
}

impl Finder {
    fn judges(&mut self, octets: &[u8], said: Option<Direction>) -> Judgement {
        let packet = packet::parse(octets, LinkType::RawIp).unwrap().unwrap();
        self.0.judge(octets, &packet, said)
    }

    fn sees(&mut self, octets: &[u8]) -> Direction {
        self.judges(octets, None).direction
    }
}

fn syn(source_port: u16, destination_port: u16) -> Segment {
    tcp().ports(source_port, destination_port).syn()
}

fn syn_ack(source_port: u16, destination_port: u16) -> Segment {
    tcp().ports(source_port, destination_port).flags(SYN | ACK)
}

fn data(source_port: u16, destination_port: u16) -> Segment {
    tcp()
        .ports(source_port, destination_port)
        .flags(ACK)
        .data_len(10)
}
