//! What is done to the network so that a fault is there. Each is either real Linux doing what it does, or painted by a
//! program of the lab.

mod clock;
mod damage;
mod filter;
mod gateway;
mod kernel;
mod link;
mod recycle;
mod splitter;
mod tag;

use anyhow::Result;

pub(crate) use self::{
    clock::Clocks,
    damage::Damage,
    filter::Filter,
    gateway::Gateway,
    kernel::Kernel,
    link::Links,
    recycle::{Era, paint as paint_recycle},
    splitter::Cut,
    tag::Tags,
};
use super::{bpf::Attached, network::Network, parameters::Parameters};

/// Something done to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// The server forgets nobody's timestamps.
    TwRecycle(Era),
    /// The clients' clocks.
    Clocks(Clocks),
    /// Rules of the router.
    Filter(Filter),
    /// Rules of the NAT.
    Gateway(Gateway),
    /// Settings of the server's kernel.
    Kernel(Kernel),
    /// What links carry, and where they lead.
    Links(Links),
    /// A program on the server turns its IPv6 TCP packets into fragments.
    Splitter(Cut),
    /// A program behind the server rewrites segments.
    Damage(Damage),
    /// VLAN tags between the NAT and the router.
    Tags(Tags),
    /// The router spreads connections over the server and another host.
    TwoBackends,
}

/// What stays alive as long as the mechanism does.
#[derive(Debug)]
pub(crate) enum Installed {
    /// Rules and settings, which go with their namespace.
    Settings,
    /// Programs of the lab that need no reading.
    #[expect(dead_code, reason = "held so that the programs stay attached")]
    Programs(Vec<Attached>),
    /// The painted server.
    Recycle(Attached),
    /// The device that rewrites segments.
    Damage(Attached),
    /// The thread that cuts packets.
    #[expect(dead_code, reason = "held so that the thread goes on")]
    Splitter(splitter::Splitter),
}

impl Mechanism {
    /// What of it no real Linux does here, in a few words.
    pub(crate) const fn painted_by(self) -> Option<&'static str> {
        match self {
            Self::TwRecycle(_) => Some("tcp_tw_recycle by a TC program"),
            Self::Clocks(clocks) => clocks.painted_by(),
            Self::Gateway(gateway) => gateway.painted_by(),
            Self::Splitter(_) => Some("fragments by a TUN program"),
            Self::Damage(_) => Some("rewritten segments by a TC program"),
            Self::Tags(_) => Some("VLAN tags by a TC program"),
            Self::TwoBackends => Some("the backends' clocks by a TC program"),
            Self::Filter(_) | Self::Kernel(_) | Self::Links(_) => None,
        }
    }

    /// Whether SYNs that natdiag sees may not reach the server's first address.
    pub(crate) const fn keeps_syns_from_server(self) -> bool {
        matches!(self, Self::Filter(_) | Self::TwoBackends)
    }

    /// Does it.
    pub(crate) fn install(self, network: &Network, parameters: &Parameters) -> Result<Installed> {
        match self {
            Self::TwRecycle(era) => {
                return recycle::paint(&network.server, era).map(Installed::Recycle);
            }
            Self::Clocks(clocks) => {
                return clocks.set(network, parameters).map(Installed::Programs);
            }
            Self::Splitter(cut) => {
                return splitter::start(&network.server, cut).map(Installed::Splitter);
            }
            Self::Damage(damage) => return damage.install(network).map(Installed::Damage),
            Self::Tags(tags) => return tags.install(network, parameters).map(Installed::Programs),
            Self::TwoBackends => {
                filter::spread(network)?;
                return clock::set_backend(network, parameters).map(Installed::Programs);
            }
            Self::Filter(filter) => filter.install(network, parameters)?,
            Self::Gateway(gateway) => gateway.install(network, parameters)?,
            Self::Kernel(kernel) => kernel.set(network)?,
            Self::Links(links) => links.change(network)?,
        }
        Ok(Installed::Settings)
    }
}

impl Installed {
    /// SYNs that the painted server saw and dropped.
    pub(crate) fn recycled_syns(&self) -> Result<Option<recycle::Syns>> {
        match self {
            Self::Recycle(attached) => recycle::syns(attached).map(Some),
            Self::Settings | Self::Programs(_) | Self::Damage(_) | Self::Splitter(_) => Ok(None),
        }
    }

    /// Packets to which something painted was done, where it counts them.
    pub(crate) fn painted(&self) -> Result<u64> {
        match self {
            Self::Recycle(attached) => Ok(recycle::syns(attached)?.dropped),
            Self::Damage(attached) => damage::segments(attached),
            Self::Settings | Self::Programs(_) | Self::Splitter(_) => Ok(0),
        }
    }
}
