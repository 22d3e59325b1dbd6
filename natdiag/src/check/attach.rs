//! What `natdiag watch` would meet on an interface: facts, and from them the outlook of each hook. Nothing is attached.

pub mod outlook;
pub mod read;
pub mod vantage;

use std::net::IpAddr;

use self::outlook::{Outlook, Step};
use crate::{
    bpf::inspect::AttachedProgram,
    host::{
        ethtool::{Driver, Offloads},
        holder::Process,
        link::Link,
    },
};

/// All that was read about an interface.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Release of the kernel.
    pub kernel: String,
    /// The interface.
    pub link: Link,
    /// Its driver, if it has one.
    pub driver: Option<Driver>,
    /// Its offloads.
    pub offloads: Offloads,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Programs on it, and who holds them.
    pub programs: Vec<Attached>,
    /// Capabilities that watching needs, and whether this process has them.
    pub capabilities: Vec<(&'static str, bool)>,
    /// Connections tracked in this network namespace, where there is connection tracking.
    pub tracked: Option<u64>,
    /// The hooks that `natdiag watch` would try, in its order, for received packets, then for sent ones.
    pub steps: Vec<Step>,
}

/// A program on an interface.
#[derive(Clone, Debug)]
pub struct Attached {
    /// The program.
    pub program: AttachedProgram,
    /// The processes that hold it.
    pub holders: Vec<Process>,
}

impl Facts {
    /// Whether `natdiag watch` would find a hook for both directions.
    #[must_use]
    pub fn can_attach(&self) -> bool {
        self.steps
            .iter()
            .filter(|step| step.outlook == Outlook::Chosen)
            .count()
            == 2
    }
}
