//! The driver of an interface and its offloads (`SIOCETHTOOL`, `include/uapi/linux/ethtool.h`). Asking takes no
//! privileges and changes nothing.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// The number of the call (`include/uapi/linux/sockios.h`); C libraries differ in its type.
const SIOCETHTOOL: libc::Ioctl = 0x8946;
/// Commands that ask.
const ETHTOOL_GDRVINFO: u32 = 0x0000_0003;
const ETHTOOL_GRXCSUM: u32 = 0x0000_0014;
const ETHTOOL_GTSO: u32 = 0x0000_001e;
const ETHTOOL_GGSO: u32 = 0x0000_0023;
const ETHTOOL_GFLAGS: u32 = 0x0000_0025;
const ETHTOOL_GGRO: u32 = 0x0000_002b;
/// The bit of `ETHTOOL_GFLAGS` that stands for LRO.
const ETH_FLAG_LRO: u32 = 1 << 15;

/// The driver of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// Its name.
    pub name: String,
    /// Its version; since Linux 5.6 usually that of the kernel.
    pub version: String,
}

/// The offloads that change what a hook sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// Generic receive offload: merges received segments between XDP and TC.
    pub gro: Option<bool>,
    /// Large receive offload: merges them in the device.
    pub lro: Option<bool>,
    /// Generic segmentation offload: segments are cut after TC.
    pub gso: Option<bool>,
    /// TCP segmentation offload: segments are cut in the device.
    pub tso: Option<bool>,
    /// Received checksums are checked in the device.
    pub rx_checksum: Option<bool>,
}

impl Offloads {
    /// Their names, as ethtool(8) has them, and whether they are on.
    #[must_use]
    pub const fn all(&self) -> [(&'static str, Option<bool>); 5] {
        [
            ("gro", self.gro),
            ("lro", self.lro),
            ("gso", self.gso),
            ("tso", self.tso),
            ("rx-checksum", self.rx_checksum),
        ]
    }
}

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct DriverMessage {
    command: u32,
    driver: [u8; 32],
    version: [u8; 32],
    rest: [u8; 128],
}

/// The driver of an interface in the network namespace of this thread.
///
/// # Errors
/// There is no such interface, or it has no driver to name.
pub fn driver(interface: &str) -> io::Result<Driver> {
    let mut message = DriverMessage {
        command: ETHTOOL_GDRVINFO,
        driver: [0; 32],
        version: [0; 32],
        rest: [0; 128],
    };
    ask(interface, &mut message)?;
    let text = |octets: &[u8]| {
        let text = CStr::from_bytes_until_nul(octets).unwrap_or_default();
        text.to_string_lossy().into_owned()
    };
    Ok(Driver {
        name: text(&message.driver),
        version: text(&message.version),
    })
}

/// The offloads of an interface; what it does not tell is absent.
#[must_use]
pub fn offloads(interface: &str) -> Offloads {
    let value = |command| {
        let mut value = Value { command, data: 0 };
        ask(interface, &mut value).ok().map(|()| value.data)
    };
    let is_on = |command| value(command).map(|data| data != 0);
    Offloads {
        gro: is_on(ETHTOOL_GGRO),
        lro: value(ETHTOOL_GFLAGS).map(|flags| flags & ETH_FLAG_LRO != 0),
        gso: is_on(ETHTOOL_GGSO),
        tso: is_on(ETHTOOL_GTSO),
        rx_checksum: is_on(ETHTOOL_GRXCSUM),
    }
}

/// Asks with one of the structs above, which the kernel overwrites.
fn ask<T>(interface: &str, message: &mut T) -> io::Result<()> {
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: std::ptr::from_mut(message).cast(),
        },
    };
    if interface.len() >= libc::IFNAMSIZ {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, octet) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *place = libc::c_char::from_ne_bytes([octet]);
    }
    let socket: OwnedFd = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    // SAFETY: `request` names a terminated string and points to `message`, which is one of the structs above, as large
    // as the kernel's struct for the command it holds, and borrowed by nobody else.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_tells_its_offloads() {
        let offloads = offloads("lo");
        assert_eq!(offloads.lro, Some(false), "{offloads:?}");
        assert!(offloads.gro.is_some(), "{offloads:?}");
    }

    #[test]
    fn interface_that_is_not_there_tells_nothing() {
        assert_eq!(offloads("no-such-iface"), Offloads::default());
        assert!(driver("no-such-iface").is_err());
        assert!(driver("a-name-longer-than-any-interface").is_err());
    }

    #[test]
    fn structs_are_as_large_as_the_kernels() {
        assert_eq!(size_of::<Value>(), 8);
        assert_eq!(size_of::<DriverMessage>(), 196);
    }
}
