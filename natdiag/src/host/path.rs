//! The way to an address, as the kernel would take it (rtnetlink(7): `RTM_GETROUTE`).

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use super::{
    link::{self, Link},
    netlink::{self, Request, attribute, number},
};

/// `struct rtmsg`: family, two prefix lengths, TOS, table, protocol, scope, type, flags.
const ROUTE_MESSAGE_LEN: usize = 12;
const TYPE_OFFSET: usize = 7;
/// Attributes (`include/uapi/linux/rtnetlink.h`).
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_PREFSRC: u16 = 7;

/// The way to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The interface that packets leave by.
    pub link: Link,
    /// The address that they come from, where the kernel says.
    pub source: Option<IpAddr>,
    /// Whether the address is the broadcast address of a network that this host is in.
    pub is_broadcast: bool,
}

/// The way that packets to an address take.
///
/// # Errors
/// The kernel's, such as `ENETUNREACH`.
pub fn to(address: SocketAddr) -> io::Result<Path> {
    let (family, octets) = match address.ip() {
        IpAddr::V4(v4) => (libc::AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6, v6.octets().to_vec()),
    };
    let mut message = [0; ROUTE_MESSAGE_LEN];
    let [first, prefix_len, ..] = &mut message;
    *first = u8::try_from(family).unwrap_or(0);
    *prefix_len = u8::try_from(octets.len() * 8).unwrap_or(0);
    let mut request = Request::one(libc::RTM_GETROUTE)
        .octets(&message)
        .attribute(RTA_DST, &octets);
    if let SocketAddr::V6(v6) = address
        && v6.scope_id() != 0
    {
        request = request.attribute(RTA_OIF, &v6.scope_id().to_ne_bytes());
    }
    let replies = netlink::request(&request)?;
    let (header, attributes) = replies
        .first()
        .and_then(|reply| reply.split_at_checked(ROUTE_MESSAGE_LEN))
        .unwrap_or_default();
    let index = number(attributes, RTA_OIF).ok_or(io::ErrorKind::NetworkUnreachable)?;
    let link = link::by_index(index)?.ok_or(io::ErrorKind::NotFound)?;
    Ok(Path {
        link,
        source: attribute(attributes, RTA_PREFSRC).and_then(read_address),
        is_broadcast: header.get(TYPE_OFFSET) == Some(&libc::RTN_BROADCAST),
    })
}

fn read_address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_this_host_is_the_loopback() {
        let path = to("127.0.0.1:80".parse().unwrap()).unwrap();
        assert!(path.link.is_loopback() && !path.is_broadcast);
        assert_eq!(path.source, Some("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_last_address_of_a_network_of_this_host_is_its_broadcast_address() {
        assert!(
            to("127.255.255.255:80".parse().unwrap())
                .unwrap()
                .is_broadcast
        );
    }
}
