//! Reads what is known about an interface, and tries what can be tried without attaching.

use std::fs;

use natdiag_common::Direction;

use super::{
    Attached, Facts,
    outlook::{Grounds, steps},
};
use crate::{
    bpf::{
        inspect::{self, AttachedProgram},
        ladder::{Circumstances, Rung},
    },
    host::{address, conntrack, ethtool, holder, link::Link},
    privilege,
};

const RUNGS: [Rung; 5] = [
    Rung::XdpNativeFrags,
    Rung::XdpNative,
    Rung::Tcx,
    Rung::Clsact,
    Rung::XdpGeneric,
];

/// Reads everything about an interface. What cannot be read is absent.
#[must_use]
pub fn read(link: Link) -> Facts {
    let capabilities = privilege::needed();
    let programs = inspect::attached(&link);
    let ids: Vec<_> = programs.iter().map(|program| program.id).collect();
    let mut holders = holder::holders(&ids);
    let grounds = grounds(&link, &capabilities, &programs);
    let name = link.name.as_str();
    Facts {
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned()),
        driver: ethtool::driver(name).ok(),
        offloads: ethtool::offloads(name),
        addresses: address::of_interface(name).unwrap_or_default(),
        programs: programs
            .into_iter()
            .map(|program| Attached {
                holders: holders.remove(&program.id).unwrap_or_default(),
                program,
            })
            .collect(),
        capabilities,
        tracked: conntrack::tracked(),
        steps: steps(&link, &grounds),
        link,
    }
}

fn grounds(
    link: &Link,
    capabilities: &[(&'static str, bool)],
    programs: &[AttachedProgram],
) -> Grounds {
    let missing: Vec<_> = capabilities
        .iter()
        .filter(|(_, is_held)| !is_held)
        .map(|(name, _)| *name)
        .collect();
    let xdp = programs.iter().filter(|program| program.hook == "xdp");
    let xdp_programs = xdp.map(|program| match &program.name {
        Some(name) => format!("{} `{name}`", program.id),
        None => program.id.to_string(),
    });
    Grounds {
        refused_programs: if missing.is_empty() {
            refused_programs(link)
        } else {
            Vec::new()
        },
        missing,
        circumstances: Circumstances {
            mtu: link.mtu,
            xdp_programs: xdp_programs.collect(),
        },
        tcx: [Direction::Ingress, Direction::Egress].map(|way| inspect::tcx(link, way)),
        qdisc: inspect::qdisc_in_place(link).ok().flatten(),
    }
}

/// The rungs of which the kernel does not take the program.
fn refused_programs(link: &Link) -> Vec<(Rung, Direction, String)> {
    let Some(link_type) = link.link_type() else {
        return Vec::new();
    };
    let rungs = || {
        let ways = [Direction::Ingress, Direction::Egress];
        ways.into_iter()
            .flat_map(|way| RUNGS.map(|rung| (rung, way)))
    };
    match inspect::refused(link_type) {
        Err(error) => rungs()
            .map(|(rung, way)| (rung, way, error.to_string()))
            .collect(),
        Ok(refused) => rungs()
            .filter_map(|(rung, way)| {
                let program = rung.program(way);
                let (_, error) = refused.iter().find(|(of, _)| *of == program)?;
                Some((rung, way, error.to_string()))
            })
            .collect(),
    }
}
