//! What an interface carries, as its driver counts it: octets on the wire, before anything merges or splits packets.

use std::io;

use bytes::Buf;
use serde::{Deserialize, Serialize};

use super::{link, netlink::attribute};

/// `struct rtnl_link_stats64` (`linux/if_link.h`) begins with the packets received and sent.
const PACKET_COUNTS_LEN: usize = 16;

/// Octets that an interface has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Octets {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

impl Octets {
    /// What has come since `earlier`. A driver that starts again from nothing has carried nothing.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            received: self.received.saturating_sub(earlier.received),
            sent: self.sent.saturating_sub(earlier.sent),
        }
    }

    fn parse(attributes: &[u8]) -> Option<Self> {
        let mut statistics = attribute(attributes, libc::IFLA_STATS64)?.get(PACKET_COUNTS_LEN..)?;
        Some(Self {
            received: statistics.try_get_u64_ne().ok()?,
            sent: statistics.try_get_u64_ne().ok()?,
        })
    }
}

/// Octets that the interface with this index has carried since it came up; `None` if there is none any more.
///
/// # Errors
/// The kernel does not answer.
pub fn octets(index: u32) -> io::Result<Option<Octets>> {
    let reply = link::reply(index)?;
    Ok(reply.and_then(|reply| Octets::parse(link::attributes(&reply)?)))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn loopback_carries_what_is_sent_over_it() {
        let links = link::all().unwrap();
        let loopback = links.iter().find(|link| link.is_loopback()).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let before = octets(loopback.index).unwrap().unwrap();
        let to = socket.local_addr().unwrap();
        socket.send_to(&[0; 10_000], to).unwrap();
        let carried = octets(loopback.index).unwrap().unwrap().since(before);
        assert!(carried.sent >= 10_000, "{carried:?}");
        assert!(carried.received >= 10_000, "{carried:?}");
    }

    #[test]
    fn interface_that_is_gone_carries_nothing() {
        assert_eq!(octets(i32::MAX.cast_unsigned()).unwrap(), None);
    }
}
