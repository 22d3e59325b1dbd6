//! All tracked connections by ctnetlink (`include/uapi/linux/netfilter/nfnetlink_conntrack.h`). They are handed over
//! as they come, so that a table of any size takes the memory of one datagram.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use nix::sys::socket::SockProtocol;

use super::{Entry, Way};
use crate::host::netlink::{self, Request, attribute};

/// `IPCTNL_MSG_CT_GET` of `NFNL_SUBSYS_CTNETLINK`.
const GET: u16 = 1 << 8 | 1;
/// `struct nfgenmsg`: family, version, resource.
const HEADER_LEN: usize = 4;

/// Attributes of a connection.
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
/// Those of a way.
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
/// Those of its addresses.
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
/// Those of its protocol.
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
/// The bit of the status that says that an answer was seen (`IPS_SEEN_REPLY`).
const SEEN_REPLY: u32 = 1 << 1;

/// Hands over each connection with ports that is tracked in the network namespace of this thread.
///
/// # Errors
/// This process lacks `CAP_NET_ADMIN`, or the kernel has no connection tracking.
pub fn for_each(take: &mut dyn FnMut(Entry)) -> io::Result<()> {
    let all_families = [0; HEADER_LEN];
    let request = Request::dump(GET).octets(&all_families);
    netlink::exchange(SockProtocol::NetlinkNetFilter, &request, &mut |body| {
        if let Some(entry) = body.get(HEADER_LEN..).and_then(entry) {
            take(entry);
        }
    })
}

fn entry(attributes: &[u8]) -> Option<Entry> {
    let original = attribute(attributes, CTA_TUPLE_ORIG)?;
    let status = attribute(attributes, CTA_STATUS)?;
    let status = u32::from_be_bytes(status.try_into().ok()?);
    let protocol = attribute(original, CTA_TUPLE_PROTO)?;
    Some(Entry {
        protocol: *attribute(protocol, CTA_PROTO_NUM)?.first()?,
        original: way(original)?,
        reply: way(attribute(attributes, CTA_TUPLE_REPLY)?)?,
        is_answered: status & SEEN_REPLY != 0,
    })
}

fn way(tuple: &[u8]) -> Option<Way> {
    let addresses = attribute(tuple, CTA_TUPLE_IP)?;
    let protocol = attribute(tuple, CTA_TUPLE_PROTO)?;
    Some(Way {
        source: address(addresses, CTA_IP_V4_SRC, CTA_IP_V6_SRC)?,
        destination: address(addresses, CTA_IP_V4_DST, CTA_IP_V6_DST)?,
        source_port: port(protocol, CTA_PROTO_SRC_PORT)?,
        destination_port: port(protocol, CTA_PROTO_DST_PORT)?,
    })
}

fn address(octets: &[u8], v4: u16, v6: u16) -> Option<IpAddr> {
    if let Some(octets) = attribute(octets, v4) {
        return Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into());
    }
    let octets = attribute(octets, v6)?;
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).into())
}

fn port(octets: &[u8], attribute_type: u16) -> Option<u16> {
    let octets = attribute(octets, attribute_type)?;
    Some(u16::from_be_bytes(octets.try_into().ok()?))
}
