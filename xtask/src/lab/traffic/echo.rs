//! `ICMP` echoes (RFC 792 and RFC 4443, section 4.1), as `ping -s` sends them.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd as _, OwnedFd},
};

use anyhow::{Context as _, Result};
use nix::sys::{
    socket::{
        self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, sockopt,
    },
    time::TimeVal,
};

use super::{Experience, Rhythm};

const REQUEST: u8 = 8;
const REQUEST_V6: u8 = 128;
const PATIENCE: TimeVal = TimeVal::new(0, 500_000);

/// Echoes so many octets again and again.
pub(super) fn echo_often(server: IpAddr, octets: u32, mut rhythm: Rhythm) -> Result<Experience> {
    let socket = connect(server)?;
    let mut experience = Experience::default();
    let mut reply = vec![0; octets as usize + 64];
    let mut sequence_number = 0;
    while rhythm.next()? {
        sequence_number += 1;
        let message = request(server, sequence_number, octets);
        socket::send(socket.as_raw_fd(), &message, MsgFlags::empty())?;
        match socket::recv(socket.as_raw_fd(), &mut reply, MsgFlags::empty()) {
            Ok(_) => experience.complete += 1,
            Err(_) => experience.unanswered += 1,
        }
    }
    Ok(experience)
}

/// An echo request. The kernel sets the checksum of `ICMPv6`.
fn request(server: IpAddr, sequence_number: u16, octets: u32) -> Vec<u8> {
    let kind = if server.is_ipv4() {
        REQUEST
    } else {
        REQUEST_V6
    };
    let identifier = std::process::id().to_be_bytes();
    let [_, _, id_high, id_low] = identifier;
    let [high, low] = sequence_number.to_be_bytes();
    let mut message = vec![kind, 0, 0, 0, id_high, id_low, high, low];
    message.resize(message.len() + octets as usize, b'n');
    if server.is_ipv4() {
        let sum = checksum(&message);
        message.splice(2..4, sum.to_be_bytes());
    }
    message
}

/// The Internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let sum: u32 = octets
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => u32::from(u16::from_be_bytes([high, low])),
            [high] => u32::from(high) << 8,
            _ => 0,
        })
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

/// A raw socket that talks to the server.
fn connect(server: IpAddr) -> Result<OwnedFd> {
    let (family, protocol) = match server {
        IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
        IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
    };
    let socket = socket::socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)
        .context("cannot open a raw socket")?;
    let address = SockaddrStorage::from(SocketAddr::new(server, 0));
    socket::connect(socket.as_raw_fd(), &address)
        .with_context(|| format!("cannot connect a raw socket to {server}"))?;
    socket::setsockopt(&socket, sockopt::ReceiveTimeout, &PATIENCE)
        .context("cannot set a timeout")?;
    Ok(socket)
}
