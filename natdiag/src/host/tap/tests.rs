use std::{
    net::{IpAddr, UdpSocket},
    thread,
    time::Duration,
};

use nix::unistd::geteuid;

use super::*;

/// What is sent from one address of the loopback interface to another, and what the tap has of it: whether it was sent,
/// and the last octet of the payload.
fn tapped(tap: &mut Tap, sent: &[(&str, u8)]) -> Vec<(bool, u8)> {
    let mark: u16 = 40_000 + u16::try_from(std::process::id() % 20_000).unwrap();
    for (to, octet) in sent {
        let to: IpAddr = to.parse().unwrap();
        let from: IpAddr = if to.is_ipv4() { "127.0.0.1" } else { "::1" }
            .parse()
            .unwrap();
        let socket = UdpSocket::bind((from, 0)).unwrap();
        socket.send_to(&[*octet], (to, mark)).unwrap();
    }
    let mut got = Vec::new();
    for _ in 0..20 {
        while let Some(packet) = tap.read().unwrap() {
            // Thousands may wait to be written.
            assert_eq!(packet.octets.capacity(), packet.octets.len());
            let port = mark.to_be_bytes();
            // Others use the loopback interface as well.
            if packet.octets.windows(2).any(|pair| pair == port) {
                assert!(packet.time > Timestamp(1_700_000_000_000_000_000));
                got.push((packet.is_sent, *packet.octets.last().unwrap()));
            }
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    got.retain(|(_, octet)| sent.iter().any(|(_, known)| known == octet));
    got.sort_unstable();
    got.dedup();
    got
}

#[test]
fn the_packets_of_the_hosts_are_taken_and_no_others() {
    const NAME: &str = "the_packets_of_the_hosts_are_taken_and_no_others";
    if !geteuid().is_root() {
        println!("SKIP {NAME}: needs root");
        return;
    }
    let networks = |texts: &[&str]| -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let sent = [
        ("127.9.0.80", 201),
        ("127.9.0.81", 202),
        ("127.9.1.80", 203),
        ("127.8.0.80", 204),
    ];
    let mut tap = Tap::open(&networks(&["127.9.0.80"])).unwrap();
    assert_eq!(tapped(&mut tap, &sent), [(false, 201), (true, 201)]);
    tap.set(&networks(&[
        "2001:db8::/32",
        "127.9.0.0/24",
        "127.8.0.80/31",
    ]))
    .unwrap();
    assert_eq!(
        tapped(&mut tap, &sent),
        [201, 202, 204]
            .into_iter()
            .map(|octet| (false, octet))
            .chain([(true, 201), (true, 202), (true, 204)])
            .collect::<Vec<_>>()
    );
    tap.set(&networks(&["::1"])).unwrap();
    assert_eq!(
        tapped(&mut tap, &[("::1", 205), ("127.9.0.80", 201)]),
        [(false, 205), (true, 205)]
    );
    tap.set(&[]).unwrap();
    assert_eq!(tapped(&mut tap, &sent), []);
    assert_eq!(tap.lost().unwrap(), 0);
}
