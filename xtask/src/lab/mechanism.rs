//! What is done to the network so that a fault is there. Each is either real Linux doing what it does, or painted by a
//! program of the lab.

mod clock;
mod filter;
mod gateway;
mod mtu;
mod recycle;
mod splitter;

use anyhow::Result;

use super::{bpf::Attached, network::Network, parameters::Parameters};

/// Something done to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// The router's link to the NAT has this MTU, and the server leaves DF clear.
    RouterFragments {
        /// MTU in octets.
        mtu: u32,
    },
    /// The server's own link has a smaller MTU than its TCP believes; IPv4.
    ServerFragments {
        /// MTU in octets.
        mtu: u32,
    },
    /// A program on the server cuts its IPv6 TCP packets.
    ServerFragmentsV6 {
        /// MTU in octets.
        mtu: u32,
    },
    /// The NAT drops TCP and ICMP fragments as they come in.
    ManagedGateway,
    /// The server forgets nobody's timestamps.
    TwRecycle(Era),
    /// Each client has a clock of its own.
    FixedClocks,
    /// The last client sends no timestamps.
    LastClientWithoutTimestamps,
    /// The router drops what goes to the guarded port.
    GuardedPort,
    /// The router drops everything that goes to the server's first address.
    GuardedHost,
    /// The router drops so many SYNs in a hundred.
    SynLoss {
        /// Of a hundred.
        percent: u32,
    },
}

/// The kernels that knew `tcp_tw_recycle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Up to 3.16: a SYN without timestamps passes.
    Until316,
    /// From 3.17 to 4.11: it does not.
    From317,
}

/// What stays alive as long as the mechanism does.
#[derive(Debug)]
pub(crate) enum Installed {
    /// Rules and settings, which go with their namespace.
    Settings,
    /// Programs of the lab that need no reading.
    #[expect(dead_code, reason = "held so that the programs stay attached")]
    Clocks(Vec<Attached>),
    /// The painted server.
    Recycle(Attached),
    /// The thread that cuts packets.
    #[expect(dead_code, reason = "held so that the thread goes on")]
    Splitter(splitter::Splitter),
}

impl Mechanism {
    /// Who does it, in a few words.
    pub(crate) const fn painted_by(self) -> Option<&'static str> {
        match self {
            Self::RouterFragments { .. }
            | Self::ServerFragments { .. }
            | Self::ManagedGateway
            | Self::LastClientWithoutTimestamps
            | Self::GuardedPort
            | Self::GuardedHost
            | Self::SynLoss { .. } => None,
            Self::ServerFragmentsV6 { .. } => Some("fragments by a TUN program"),
            Self::TwRecycle(_) => Some("tcp_tw_recycle by a TC program"),
            Self::FixedClocks => Some("clock bases by a TC program"),
        }
    }

    /// Does it.
    pub(crate) fn install(self, network: &Network, parameters: &Parameters) -> Result<Installed> {
        match self {
            Self::RouterFragments { mtu } => mtu::router_fragments(network, mtu)?,
            Self::ServerFragments { mtu } => mtu::server_fragments(network, mtu)?,
            Self::ServerFragmentsV6 { mtu } => {
                return splitter::start(&network.server, mtu).map(Installed::Splitter);
            }
            Self::ManagedGateway => gateway::drops_fragments(network)?,
            Self::TwRecycle(era) => return recycle::paint(network, era).map(Installed::Recycle),
            Self::FixedClocks => {
                return clock::set(network, &parameters.clock_bases).map(Installed::Clocks);
            }
            Self::LastClientWithoutTimestamps => clock::silence_last(network)?,
            Self::GuardedPort => filter::guard_port(network, parameters.guarded_port)?,
            Self::GuardedHost => filter::guard_host(network)?,
            Self::SynLoss { percent } => filter::lose_syns(network, percent)?,
        }
        Ok(Installed::Settings)
    }
}

impl Installed {
    /// SYNs that the painted server saw and dropped.
    pub(crate) fn recycled_syns(&self) -> Result<Option<recycle::Syns>> {
        match self {
            Self::Recycle(attached) => recycle::syns(attached).map(Some),
            Self::Settings | Self::Clocks(_) | Self::Splitter(_) => Ok(None),
        }
    }
}
