//! Network interfaces, as rtnetlink describes them (`RTM_GETLINK`). Unlike /sys this follows the network namespace of
//! the thread.

use std::io;

use bytes::Buf;
use natdiag_common::LinkType;

use super::netlink::{self, Request, attribute, number, text};

/// `struct ifinfomsg`: family, device type, index, flags, change mask.
const INTERFACE_MESSAGE_LEN: usize = 16;

/// Attributes (`include/uapi/linux/if_link.h`).
const IFLA_PARENT_DEV_NAME: u16 = 56;
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_XDP_PROG_ID: u16 = 4;
const IFLA_XDP_DRV_PROG_ID: u16 = 5;
const IFLA_XDP_SKB_PROG_ID: u16 = 6;
const IFLA_XDP_HW_PROG_ID: u16 = 7;

/// Device types (`include/uapi/linux/if_arp.h`) whose packets begin with an Ethernet header at TC and XDP.
const ETHERNET_TYPES: [u16; 2] = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK];
/// Those whose packets begin with the IP header: PPP, raw IP (modems), and TUN or `WireGuard`.
const RAW_IP_TYPES: [u16; 3] = [libc::ARPHRD_PPP, ARPHRD_RAWIP, libc::ARPHRD_NONE];
const ARPHRD_RAWIP: u16 = 519;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Type of its link layer (`ARPHRD_`).
    pub device_type: u16,
    /// Its MTU in octets.
    pub mtu: u32,
    /// What kind of virtual device it is, such as `veth`; none for others.
    pub kind: Option<String>,
    /// The bus device behind it, such as a PCI address (Linux 5.14); none for virtual devices.
    pub parent: Option<String>,
    /// Programs in its XDP slots.
    pub xdp_program_ids: Vec<u32>,
}

impl Link {
    /// How its frames begin. `None` for link layers that natdiag does not read.
    #[must_use]
    pub fn link_type(&self) -> Option<LinkType> {
        if ETHERNET_TYPES.contains(&self.device_type) {
            Some(LinkType::Ethernet)
        } else if RAW_IP_TYPES.contains(&self.device_type) {
            Some(LinkType::RawIp)
        } else {
            None
        }
    }

    /// Whether it is the loopback interface.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.device_type == libc::ARPHRD_LOOPBACK
    }

    fn parse(message: &[u8]) -> Option<Self> {
        let mut header = message;
        let attributes = attributes(message)?;
        let _family_and_padding = header.get_u16_ne();
        let device_type = header.get_u16_ne();
        let index = header.get_u32_ne();
        let kind = attribute(attributes, libc::IFLA_LINKINFO)
            .and_then(|about| text(about, libc::IFLA_INFO_KIND));
        Some(Self {
            index,
            name: text(attributes, libc::IFLA_IFNAME)?,
            device_type,
            mtu: number(attributes, libc::IFLA_MTU).unwrap_or(0),
            kind,
            parent: text(attributes, IFLA_PARENT_DEV_NAME),
            xdp_program_ids: attribute(attributes, libc::IFLA_XDP)
                .map(xdp_program_ids)
                .unwrap_or_default(),
        })
    }
}

/// The attributes of such a reply.
pub(super) fn attributes(reply: &[u8]) -> Option<&[u8]> {
    reply.get(INTERFACE_MESSAGE_LEN..)
}

/// Reads the programs in the XDP slots: one, or one per mode.
fn xdp_program_ids(xdp: &[u8]) -> Vec<u32> {
    let attached = attribute(xdp, IFLA_XDP_ATTACHED).is_some_and(|mode| mode != [0]);
    let mut ids: Vec<_> = [
        IFLA_XDP_PROG_ID,
        IFLA_XDP_DRV_PROG_ID,
        IFLA_XDP_SKB_PROG_ID,
        IFLA_XDP_HW_PROG_ID,
    ]
    .into_iter()
    .filter(|_| attached)
    .filter_map(|slot| number(xdp, slot))
    .filter(|id| *id != 0)
    .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// All interfaces of this network namespace, by index.
///
/// # Errors
/// The kernel does not answer.
pub fn all() -> io::Result<Vec<Link>> {
    let request = Request::dump(libc::RTM_GETLINK).octets(&[0; INTERFACE_MESSAGE_LEN]);
    let replies = netlink::request(&request)?;
    Ok(replies
        .iter()
        .filter_map(|reply| Link::parse(reply))
        .collect())
}

/// The interface with this index, or `None` if there is none any more.
///
/// # Errors
/// The kernel does not answer.
pub fn by_index(index: u32) -> io::Result<Option<Link>> {
    Ok(reply(index)?.and_then(|reply| Link::parse(&reply)))
}

/// What the kernel says about the interface with this index, or `None` if there is none any more.
pub(super) fn reply(index: u32) -> io::Result<Option<Vec<u8>>> {
    let mut message = [0; INTERFACE_MESSAGE_LEN];
    if let Some(field) = message.get_mut(4..8) {
        field.copy_from_slice(&index.to_ne_bytes());
    }
    match netlink::request(&Request::one(libc::RTM_GETLINK).octets(&message)) {
        Ok(replies) => Ok(replies.into_iter().next()),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(device_type: u16) -> Link {
        Link {
            index: 1,
            name: "x0".to_owned(),
            device_type,
            mtu: 1500,
            kind: None,
            parent: None,
            xdp_program_ids: Vec::new(),
        }
    }

    #[test]
    fn the_device_type_tells_how_frames_begin() {
        for (device_type, expected) in [
            (1, Some(LinkType::Ethernet)),
            (772, Some(LinkType::Ethernet)),
            (65534, Some(LinkType::RawIp)),
            (512, Some(LinkType::RawIp)),
            (519, Some(LinkType::RawIp)),
            (778, None),
            (801, None),
        ] {
            assert_eq!(link(device_type).link_type(), expected, "{device_type}");
        }
    }

    #[test]
    fn loopback_is_among_all_interfaces() {
        let links = all().unwrap();
        let loopback = links.iter().find(|link| link.is_loopback()).unwrap();
        assert_eq!(by_index(loopback.index).unwrap().as_ref(), Some(loopback));
        assert_eq!(loopback.name, "lo");
        assert_eq!(loopback.parent, None);
    }

    #[test]
    fn there_is_no_interface_with_the_last_index() {
        assert_eq!(by_index(i32::MAX.cast_unsigned()).unwrap(), None);
    }
}
