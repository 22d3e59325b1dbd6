//! Sends ICMP echo requests and waits for the replies (RFC 792, RFC 4443 section 4).

use std::{
    io::{self, Read as _},
    net::IpAddr,
    os::fd::AsFd as _,
};

use bytes::{Buf as _, BufMut as _};
use nix::poll::PollFlags;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use thiserror::Error;

use super::{EchoArm, Echoes, LARGE_OCTETS, SMALL_OCTETS, TIMES};
use crate::{
    clock::Clock,
    probe::{
        connector::ConnectError,
        socket::{Signals, Waited},
    },
};

/// How long a reply is waited for.
const PATIENCE_NS: u64 = 1_000_000_000;
/// Time between two requests.
const PAUSE_NS: u64 = 250_000_000;
/// Types (RFC 792, RFC 4443).
const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REPLY_V4: u8 = 0;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;
/// Type, code, checksum, identifier, sequence number.
const HEADER_LEN: usize = 8;
/// Octets by which a reply is known to be ours.
const NONCE_LEN: usize = 8;
/// Longest IPv4 header.
const MOST_IP_HEADER_LEN: usize = 60;

/// Why no echoes can be sent.
#[derive(Debug, Error)]
pub enum EchoError {
    /// This process may not.
    #[error(
        "cannot send ICMP echoes: it takes CAP_NET_RAW, or a `net.ipv4.ping_group_range` that this user is in; run it with sudo, or \
         leave `--icmp` out"
    )]
    Forbidden(#[source] io::Error),
    /// The socket cannot be used.
    #[error("cannot send ICMP echoes")]
    Socket(#[source] io::Error),
    /// The end was asked for.
    #[error(transparent)]
    Ended(#[from] ConnectError),
}

impl EchoError {
    /// Whether the end was asked for.
    #[must_use]
    pub const fn is_interruption(&self) -> bool {
        matches!(self, Self::Ended(ConnectError::Interrupted))
    }
}

/// Echoes of one host.
pub struct Exchange<'a> {
    remote: IpAddr,
    socket: Socket,
    /// Whether what is received begins with the IP header: raw(7) of IPv4.
    has_ip_header: bool,
    clock: Clock,
    signals: &'a Signals,
}

impl<'a> Exchange<'a> {
    /// Opens a socket for the echoes of a host.
    ///
    /// # Errors
    /// This process may not, or the host cannot be reached.
    pub fn open(remote: IpAddr, clock: Clock, signals: &'a Signals) -> Result<Self, EchoError> {
        let (domain, protocol) = match remote {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let unprivileged = Socket::new(domain, Type::DGRAM.nonblocking(), Some(protocol));
        let is_raw = unprivileged.is_err();
        let socket = unprivileged
            .or_else(|_| Socket::new(domain, Type::RAW.nonblocking(), Some(protocol)))
            .map_err(EchoError::Forbidden)?;
        let port = 0;
        socket
            .connect(&SockAddr::from(std::net::SocketAddr::new(remote, port)))
            .map_err(EchoError::Socket)?;
        Ok(Self {
            remote,
            socket,
            has_ip_header: is_raw && remote.is_ipv4(),
            clock,
            signals,
        })
    }

    /// Sends the echoes of both sizes in turn.
    ///
    /// # Errors
    /// The socket fails, or the end was asked for.
    pub fn run(&self) -> Result<Echoes, EchoError> {
        let mut echoes = Echoes::default();
        for round in 0..TIMES {
            self.once(SMALL_OCTETS, 2 * round, &mut echoes.small)?;
            self.once(LARGE_OCTETS, 2 * round + 1, &mut echoes.large)?;
        }
        Ok(echoes)
    }

    fn once(&self, octets: usize, sequence: u16, arm: &mut EchoArm) -> Result<(), EchoError> {
        let nonce = fastrand::u64(..);
        let began_ns = self.clock.monotonic_ns();
        match self.socket.send(&self.request(octets, sequence, nonce)) {
            Ok(_) => {}
            // Larger than what is known of the path, or a host that an ICMP error was about: no answer either.
            Err(error) if is_of_path(&error) => {}
            Err(error) => return Err(EchoError::Socket(error)),
        }
        arm.sent += 1;
        if self.is_answered(octets, nonce, began_ns + PATIENCE_NS)? {
            arm.answered += 1;
        }
        self.signals.sleep_until(self.clock, began_ns + PAUSE_NS)?;
        Ok(())
    }

    fn request(&self, octets: usize, sequence: u16, nonce: u64) -> Vec<u8> {
        let kind = match self.remote {
            IpAddr::V4(_) => ECHO_REQUEST_V4,
            IpAddr::V6(_) => ECHO_REQUEST_V6,
        };
        let mut packet = vec![kind, 0, 0, 0];
        let [.., low, lower] = nonce.to_be_bytes();
        packet.put_slice(&[low, lower]);
        packet.put_u16(sequence);
        packet.put_u64(nonce);
        packet.resize(HEADER_LEN + octets, b'n');
        // The kernel sums up IPv6's, and those of sockets that need no privileges.
        let sum = checksum(&packet);
        if let (IpAddr::V4(_), Some(place)) = (self.remote, packet.get_mut(2..4)) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
        packet
    }

    fn is_answered(&self, octets: usize, nonce: u64, deadline_ns: u64) -> Result<bool, EchoError> {
        let mut buffer = vec![0; MOST_IP_HEADER_LEN + HEADER_LEN + LARGE_OCTETS];
        loop {
            let what = Some((self.socket.as_fd(), PollFlags::POLLIN));
            if self.signals.wait(self.clock, what, deadline_ns)? == Waited::TooLong {
                return Ok(false);
            }
            match (&self.socket).read(&mut buffer) {
                Ok(len) => {
                    let packet = buffer.get(..len).unwrap_or_default();
                    if self.reply_len(packet, nonce) == Some(octets) {
                        return Ok(true);
                    }
                }
                // ICMP errors among them.
                Err(error) if is_of_path(&error) || error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(EchoError::Socket(error)),
            }
        }
    }

    /// Octets of data, if the packet is the reply.
    fn reply_len(&self, mut packet: &[u8], nonce: u64) -> Option<usize> {
        if self.has_ip_header {
            let header_len = usize::from(packet.first()? & 0x0f) * 4;
            packet = packet.get(header_len..)?;
        }
        let (header, mut data) = packet.split_at_checked(HEADER_LEN)?;
        let octets = data.len();
        let is_reply = matches!(
            (self.remote, *header.first()?),
            (IpAddr::V4(_), ECHO_REPLY_V4) | (IpAddr::V6(_), ECHO_REPLY_V6)
        );
        (is_reply && octets >= NONCE_LEN && data.get_u64() == nonce).then_some(octets)
    }
}

fn is_of_path(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMSGSIZE | libc::EHOSTUNREACH | libc::ENETUNREACH | libc::ECONNREFUSED)
    )
}

/// The Internet checksum (RFC 1071) of an even number of octets.
fn checksum(octets: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    let mut rest = octets;
    while rest.len() >= 2 {
        sum += u32::from(rest.get_u16());
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [_, _, high, low] = sum.to_be_bytes();
    !u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_a_summed_packet_is_zero() {
        let mut packet = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1, b'n', b'n'];
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(checksum(&packet), 0);
    }

    #[test]
    fn echo_of_this_host_is_answered_in_either_size() {
        let signals = Signals::new().unwrap();
        let exchange = match Exchange::open([127, 0, 0, 1].into(), Clock::start(), &signals) {
            Err(EchoError::Forbidden(error)) => {
                println!("SKIP echo_of_this_host_is_answered_in_either_size: {error}");
                return;
            }
            opened => opened.unwrap(),
        };
        let all = EchoArm {
            sent: TIMES.into(),
            answered: TIMES.into(),
        };
        let echoes = exchange.run().unwrap();
        assert_eq!((echoes.small, echoes.large), (all, all));
    }
}
