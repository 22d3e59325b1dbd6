//! Packets that no kernel here makes: attacks, and what tunnels carry. They are painted whole and sent by a raw socket.

use std::{
    net::{Ipv4Addr, SocketAddr},
    os::fd::{AsRawFd as _, OwnedFd},
};

use anyhow::{Context as _, Result};
use natdiag_common::testkit::{self, Ipv4, Packet, Payload as _};
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage,
};

use super::{Experience, Rhythm};
use crate::lab::{
    namespace::Namespace,
    network::{NAT, Network, SERVER},
    parameters::Parameters,
    random::Random,
};

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volley {
    /// SYNs to the open port, from addresses that never answer.
    HalfOpen {
        /// Milliseconds between two.
        every_ms: u32,
    },
    /// Tiny first fragments of TCP segments to the NAT, whose rest never comes, from a few addresses.
    TinyFragments,
    /// UDP datagrams in fragments from the server to the NAT, the last one first.
    Reversed,
    /// Packets of a tunnel from the server to the NAT, in fragments.
    Tunnel,
}

/// Addresses for benchmarks (RFC 2544): nobody has them, and the router sends nothing there.
const NOBODY: [u8; 2] = [198, 18];
const LINK_MTU: usize = 1500;
const GRE: u8 = 47;
const ESP: u8 = 50;
/// Smaller than a TCP header without options.
const TINY_OCTETS: usize = 16;

impl Volley {
    /// Who sends it.
    pub(super) fn host(self, network: &Network) -> &Namespace {
        match self {
            Self::HalfOpen { .. } | Self::TinyFragments => &network.router,
            Self::Reversed | Self::Tunnel => &network.server,
        }
    }

    const fn every_ms(self) -> u32 {
        match self {
            Self::HalfOpen { every_ms } => every_ms,
            Self::TinyFragments => 8,
            Self::Reversed | Self::Tunnel => 100,
        }
    }

    /// Sends it until the end.
    pub(super) fn send(self, parameters: &Parameters, mut rhythm: Rhythm) -> Result<Experience> {
        let socket = open()?;
        rhythm.pause_ms = self.every_ms();
        let mut number = 0;
        while rhythm.next()? {
            number += 1;
            for packet in self.packets(number, parameters, &mut rhythm.random) {
                let destination = if matches!(self, Self::HalfOpen { .. }) {
                    SERVER
                } else {
                    NAT
                };
                let address = SockaddrStorage::from(SocketAddr::from((destination, 0)));
                // A full queue loses the packet, as a link would.
                let _ = socket::sendto(socket.as_raw_fd(), &packet, &address, MsgFlags::empty());
            }
        }
        Ok(Experience::default())
    }

    fn packets(self, number: u16, parameters: &Parameters, random: &mut Random) -> Vec<Vec<u8>> {
        let port = u16::try_from(random.between(1024, 60_000)).unwrap_or(1024);
        match self {
            Self::HalfOpen { .. } => {
                let [high, low] = number.to_be_bytes();
                let [a, b] = NOBODY;
                let segment = testkit::tcp()
                    .syn()
                    .ports(port, parameters.open_port)
                    .seq(random.between(0, u32::MAX))
                    .mss(1460);
                vec![
                    segment
                        .in_ipv4(Ipv4Addr::new(a, b, high, low), SERVER)
                        .octets(),
                ]
            }
            Self::TinyFragments => {
                let sources = u16::from(parameters.attackers);
                let [a, b] = NOBODY;
                let last = u8::try_from(number % sources).unwrap_or_default();
                let segment = testkit::tcp().ports(port, 80).data_len(100);
                let packet = segment.in_ipv4(Ipv4Addr::new(a, b, 0, last + 1), NAT);
                vec![
                    packet
                        .identification(number)
                        .payload_cut_to(TINY_OCTETS)
                        .first_fragment()
                        .octets(),
                ]
            }
            Self::Reversed => {
                let datagram = testkit::udp()
                    .ports(parameters.open_port, port)
                    .data_len(parameters.datagram_octets as usize);
                let mut fragments = cut(&datagram.in_ipv4(SERVER, NAT).identification(number));
                fragments.reverse();
                fragments
            }
            Self::Tunnel => {
                let inside = tunnelled(parameters.tunnel_protocol);
                let outer = testkit::raw(parameters.tunnel_protocol, &inside);
                cut(&outer.in_ipv4(SERVER, NAT).identification(number))
            }
        }
    }
}

/// What a tunnel carries: a segment between two private hosts that fills the MTU, behind the tunnel's own header.
fn tunnelled(protocol: u8) -> Vec<u8> {
    let [here, there] = [1, 2].map(|last| Ipv4Addr::new(10, 99, 0, last));
    let segment = testkit::tcp().data_len(LINK_MTU - 40);
    let inner = segment.in_ipv4(here, there).octets();
    match protocol {
        // No options; an IPv4 packet follows (RFC 2784, section 2).
        GRE => [&[0, 0, 8, 0], inner.as_slice()].concat(),
        // An index, a sequence number, and what nobody can read (RFC 4303, section 2).
        ESP => [&[0, 0, 1, 0, 0, 0, 0, 1], vec![0xa5; LINK_MTU].as_slice()].concat(),
        _ => inner,
    }
}

fn cut(packet: &Packet<Ipv4>) -> Vec<Vec<u8>> {
    let fragments = packet.fragments(LINK_MTU);
    fragments.iter().map(Packet::octets).collect()
}

/// A raw socket that takes whole packets.
fn open() -> Result<OwnedFd> {
    socket::socket(
        AddressFamily::Inet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::Raw,
    )
    .context("cannot open a raw socket")
}
