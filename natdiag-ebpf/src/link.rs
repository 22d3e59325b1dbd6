//! The device that programs are attached to, as userspace describes it before they are loaded.

use aya_ebpf::Global;
use natdiag_common::LinkType;

#[unsafe(no_mangle)]
static LINK_TYPE: Global<u8> = Global::new(LinkType::Ethernet as u8);

/// How the frames of the device begin.
#[must_use]
#[inline(always)]
pub fn link_type() -> LinkType {
    if LINK_TYPE.load() == LinkType::RawIp as u8 {
        LinkType::RawIp
    } else {
        LinkType::Ethernet
    }
}
