//! Which hook to try, in which order, and what a refusal means. Pure.
//!
//! Native XDP comes first where a device has a driver of its own: it costs least there. On virtual devices it costs
//! the segmentation offload, so TCX comes first; clsact is for kernels without TCX, generic XDP for what is left.

use std::fmt;

use natdiag_common::Direction;
use nix::errno::Errno;

use super::program::WatchProgram;
use crate::{host::link::Link, value::hook::HookChoice};

/// Bus devices that are no hardware: their drivers turn receive offloads off when an XDP program comes
/// (`virtnet_xdp_set`, `drivers/net/virtio_net.c`; `netvsc_xdp_set`, `drivers/net/hyperv/netvsc_bpf.c`).
const PARAVIRTUAL_PARENTS: [&str; 2] = ["virtio", "vif-"];

/// One way to attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rung {
    /// XDP in the driver, for packets of several buffers.
    XdpNativeFrags,
    /// XDP in the driver.
    XdpNative,
    /// TC, as a link at the head of the others.
    Tcx,
    /// TC, as a filter of the clsact qdisc.
    Clsact,
    /// XDP after the driver.
    XdpGeneric,
}

impl Rung {
    /// All ways.
    pub const ALL: [Self; 5] = [
        Self::XdpNativeFrags,
        Self::XdpNative,
        Self::Tcx,
        Self::Clsact,
        Self::XdpGeneric,
    ];

    /// The hook's name in reports and in `--hook`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::XdpNativeFrags | Self::XdpNative => "xdp",
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
            Self::XdpGeneric => "xdp-generic",
        }
    }

    /// The program that is attached there.
    #[must_use]
    pub const fn program(self, direction: Direction) -> WatchProgram {
        match (self, direction) {
            (Self::XdpNativeFrags, _) => WatchProgram::XdpFrags,
            (Self::XdpNative | Self::XdpGeneric, _) => WatchProgram::Xdp,
            (Self::Tcx | Self::Clsact, Direction::Ingress) => WatchProgram::TcIngress,
            (Self::Tcx | Self::Clsact, Direction::Egress) => WatchProgram::TcEgress,
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XdpNativeFrags => "native XDP with fragments",
            Self::XdpNative => "native XDP",
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
            Self::XdpGeneric => "generic XDP",
        })
    }
}

/// What to try, in this order.
#[must_use]
pub fn ladder(choice: HookChoice, direction: Direction, link: &Link) -> &'static [Rung] {
    use Rung::{Clsact, Tcx, XdpGeneric, XdpNative, XdpNativeFrags};
    match (direction, choice) {
        (_, HookChoice::Tcx) => &[Tcx],
        (_, HookChoice::Clsact) => &[Clsact],
        (Direction::Egress, _) => &[Tcx, Clsact],
        (Direction::Ingress, HookChoice::Xdp) => &[XdpNativeFrags, XdpNative],
        (Direction::Ingress, HookChoice::XdpGeneric) => &[XdpGeneric],
        (Direction::Ingress, HookChoice::Auto) if xdp_costs_offloads(link) => {
            &[Tcx, Clsact, XdpGeneric]
        }
        (Direction::Ingress, HookChoice::Auto) => {
            &[XdpNativeFrags, XdpNative, Tcx, Clsact, XdpGeneric]
        }
    }
}

/// Whether a native XDP program would cost the device its offloads.
#[must_use]
pub fn xdp_costs_offloads(link: &Link) -> bool {
    link.parent.as_ref().is_none_or(|parent| {
        PARAVIRTUAL_PARENTS
            .iter()
            .any(|prefix| parent.starts_with(prefix))
    })
}

/// Why a hook is not used: what the kernel said, and what it means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The hook.
    pub rung: Rung,
    /// One line.
    pub reason: String,
}

/// What is known about an interface when a hook has been refused.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Its MTU in octets.
    pub mtu: u32,
    /// The programs in its XDP slots, by number and name where it could be read.
    pub xdp_programs: Vec<String>,
}

impl Refusal {
    /// Explains the kernel's answer; `errno` is positive, and 0 where there is none.
    #[must_use]
    pub fn explain(rung: Rung, errno: i32, circumstances: &Circumstances) -> Self {
        let mtu = circumstances.mtu;
        let is_xdp = matches!(
            rung,
            Rung::XdpNativeFrags | Rung::XdpNative | Rung::XdpGeneric
        );
        let meaning = match errno {
            libc::EBUSY | libc::EEXIST if is_xdp => {
                match circumstances.xdp_programs.join(" and ") {
                    programs if programs.is_empty() => {
                        "another XDP program is attached and stays".to_owned()
                    }
                    programs => format!("XDP program {programs} is attached and stays"),
                }
            }
            libc::ERANGE if is_xdp => {
                format!("the driver takes no XDP program at MTU {mtu}")
            }
            libc::EOPNOTSUPP if rung == Rung::XdpNativeFrags => {
                "the driver takes no XDP program for packets of several buffers".to_owned()
            }
            libc::EOPNOTSUPP if is_xdp => "the driver takes no XDP program".to_owned(),
            libc::EINVAL if rung == Rung::XdpNativeFrags => {
                format!("the kernel or the driver takes no such program at MTU {mtu}")
            }
            libc::EINVAL if is_xdp => {
                format!("the driver takes no XDP program as it is set up (MTU {mtu})")
            }
            libc::EINVAL if rung == Rung::Tcx => "this kernel has no tcx".to_owned(),
            libc::ENOENT | libc::EOPNOTSUPP if rung == Rung::Clsact => {
                "this kernel has no clsact qdisc".to_owned()
            }
            libc::EPERM | libc::EACCES => "it is not permitted".to_owned(),
            libc::ENODEV => "the interface is gone".to_owned(),
            libc::ENOMEM => "there is not enough memory, or not enough queues".to_owned(),
            _ => "the kernel refuses".to_owned(),
        };
        let name = Errno::from_raw(errno);
        let reason = if name == Errno::UnknownErrno {
            meaning
        } else {
            format!("{meaning} ({name:?})")
        };
        Self { rung, reason }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rung, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(kind: Option<&str>, parent: Option<&str>) -> Link {
        Link {
            index: 2,
            name: "eth0".to_owned(),
            device_type: 1,
            mtu: 9001,
            kind: kind.map(str::to_owned),
            parent: parent.map(str::to_owned),
            xdp_program_ids: Vec::new(),
        }
    }

    #[test]
    fn hardware_starts_at_native_xdp_and_virtual_devices_at_tcx() {
        for (link, first) in [
            (link(None, Some("0000:00:05.0")), Rung::XdpNativeFrags),
            (link(None, Some("virtio3")), Rung::Tcx),
            (link(Some("veth"), None), Rung::Tcx),
            (link(Some("tun"), None), Rung::Tcx),
        ] {
            let ladder = ladder(HookChoice::Auto, Direction::Ingress, &link);
            assert_eq!(ladder.first(), Some(&first), "{link:?}");
        }
    }

    #[test]
    fn sent_packets_are_never_watched_by_xdp() {
        for choice in [
            HookChoice::Auto,
            HookChoice::Xdp,
            HookChoice::Tcx,
            HookChoice::Clsact,
            HookChoice::XdpGeneric,
        ] {
            for rung in ladder(choice, Direction::Egress, &link(None, None)) {
                assert!(matches!(rung, Rung::Tcx | Rung::Clsact), "{choice:?}");
            }
        }
    }

    #[test]
    fn refusals_say_what_the_answer_means_here() {
        let circumstances = Circumstances {
            mtu: 9001,
            xdp_programs: vec!["42 `xdp_dispatcher`".to_owned()],
        };
        for (rung, errno, expected) in [
            (
                Rung::XdpNative,
                libc::EBUSY,
                "native XDP: XDP program 42 `xdp_dispatcher` is attached and stays (EBUSY)",
            ),
            (
                Rung::XdpNative,
                libc::ERANGE,
                "native XDP: the driver takes no XDP program at MTU 9001 (ERANGE)",
            ),
            (
                Rung::XdpNative,
                libc::EOPNOTSUPP,
                "native XDP: the driver takes no XDP program (EOPNOTSUPP)",
            ),
            (
                Rung::Tcx,
                libc::EINVAL,
                "tcx: this kernel has no tcx (EINVAL)",
            ),
            (Rung::Clsact, 0, "clsact: the kernel refuses"),
        ] {
            let refusal = Refusal::explain(rung, errno, &circumstances);
            assert_eq!(refusal.to_string(), expected);
        }
    }
}
