//! What the hosts send each other: real sockets of real Linux.

mod client;
mod datagram;
mod echo;
mod scan;
mod server;
mod volley;

use std::{
    net::{IpAddr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

pub(crate) use self::{
    client::Experience,
    server::{Servers, Service, omit_path_mtu},
    volley::Volley,
};
use super::{
    interrupt,
    namespace::Namespace,
    network::{NEIGHBOUR, Network, SERVER, SERVER_V6},
    parameters::Parameters,
    random::Random,
};

/// One kind of traffic.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Traffic {
    /// TCP connections, one after the other.
    Connections(Connections),
    /// UDP requests with responses that do not fit one packet.
    Datagrams(Family),
    /// `ICMP` echoes that do not fit one packet.
    Echoes(Family),
    /// The server tries the NAT's own ports.
    Scan,
    /// Packets that no kernel here makes, painted whole.
    Volley(Volley),
}

/// TCP connections, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connections {
    pub(crate) to: Target,
    pub(crate) closer: Closer,
    pub(crate) size: Size,
    /// Workers of each client.
    pub(crate) workers: u32,
    /// So many times the usual pause between two connections.
    pub(crate) pauses: u32,
    /// How long a connection rests between its first request and its last, in milliseconds; 0 if there is one only.
    pub(crate) rests_ms: u32,
    /// Octets that a client sends behind its last request.
    pub(crate) uploads: u32,
    /// Whether a client keeps its connections awake, by a question after each second of silence.
    pub(crate) is_kept_awake: bool,
    /// How long a client waits for the SYN-ACK, in milliseconds.
    pub(crate) patience_ms: u32,
    /// Whether each worker goes on after its first connection.
    pub(crate) often: bool,
}

/// Where a connection goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Open,
    OpenV6,
    Closed,
    Guarded,
    /// The open port of the server's second address.
    Neighbour,
}

/// Who closes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closer {
    Server,
    Client,
    /// The server, by a RST.
    ServerResets,
}

/// How much the server sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    /// One segment.
    Small,
    /// Many full segments.
    Large,
}

/// Which IP.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    fn server(self) -> IpAddr {
        match self {
            Self::V4 => SERVER.into(),
            Self::V6 => SERVER_V6.into(),
        }
    }
}

impl Target {
    fn address(self, parameters: &Parameters) -> SocketAddr {
        match self {
            Self::Open => (SERVER, parameters.open_port).into(),
            Self::OpenV6 => (SERVER_V6, parameters.open_port).into(),
            Self::Closed => (SERVER, parameters.closed_port).into(),
            Self::Guarded => (SERVER, parameters.guarded_port).into(),
            Self::Neighbour => (NEIGHBOUR, parameters.open_port).into(),
        }
    }
}

/// Lets all clients send all kinds of traffic side by side, for a while. Returns what they met with.
pub(crate) fn play(
    network: &Network,
    parameters: &Parameters,
    kinds: &[Traffic],
    duration: Duration,
    random: &mut Random,
) -> Result<Experience> {
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for kind in kinds {
            for host in kind.hosts(network) {
                for _ in 0..kind.workers() {
                    let rhythm = Rhythm {
                        random: Random::new(random.next(), host.name()),
                        pause_ms: parameters.pause_ms * kind.pauses(),
                        end: Instant::now() + duration,
                    };
                    workers.push(
                        scope.spawn(move || host.enter(move || kind.send(parameters, rhythm))),
                    );
                }
            }
        }
        let mut total = Experience::default();
        for worker in workers {
            total += worker.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        Ok(total)
    })
}

/// Sends the server a datagram that asks for nothing, so that a capture goes on beyond the last connection.
pub(crate) fn tick(network: &Network, parameters: &Parameters) -> Result<()> {
    let server = (SERVER, parameters.open_port).into();
    network.client(0)?.enter(|| datagram::tick(server))
}

/// When to send, and for how long.
#[derive(Debug)]
struct Rhythm {
    random: Random,
    pause_ms: u32,
    end: Instant,
}

impl Rhythm {
    /// Waits for the next turn. `false` means that there is none.
    fn next(&mut self) -> Result<bool> {
        let (low, high) = (self.pause_ms / 2, self.pause_ms * 3 / 2);
        let pause = Duration::from_millis(u64::from(self.random.between(low, high)));
        interrupt::wait(pause)?;
        Ok(Instant::now() < self.end)
    }
}

impl Traffic {
    const fn workers(self) -> u32 {
        match self {
            Self::Connections(connections) => connections.workers,
            Self::Datagrams(_) | Self::Echoes(_) | Self::Scan | Self::Volley(_) => 1,
        }
    }

    const fn pauses(self) -> u32 {
        match self {
            Self::Connections(connections) => connections.pauses,
            // Each makes as many fragments as a few connections.
            Self::Datagrams(_) | Self::Echoes(_) => 3,
            Self::Scan => 1,
            // Each has a rate of its own.
            Self::Volley(_) => 0,
        }
    }

    /// What of it no real Linux sends, in a few words.
    pub(crate) const fn painted_by(self) -> Option<&'static str> {
        match self {
            Self::Volley(_) => Some("packets by a raw socket"),
            Self::Connections(_) | Self::Datagrams(_) | Self::Echoes(_) | Self::Scan => None,
        }
    }

    /// Who sends it.
    fn hosts(self, network: &Network) -> &[Namespace] {
        match self {
            Self::Connections(_) | Self::Datagrams(_) | Self::Echoes(_) => &network.clients,
            Self::Scan => std::slice::from_ref(&network.server),
            Self::Volley(volley) => std::slice::from_ref(volley.host(network)),
        }
    }

    fn send(self, parameters: &Parameters, rhythm: Rhythm) -> Result<Experience> {
        match self {
            Self::Connections(connections) => client::connect_often(
                connections,
                connections.to.address(parameters),
                parameters,
                rhythm,
            ),
            Self::Datagrams(family) => datagram::request_often(
                (family.server(), parameters.open_port).into(),
                parameters.datagram_octets,
                rhythm,
            ),
            Self::Echoes(family) => {
                echo::echo_often(family.server(), parameters.datagram_octets, rhythm)
            }
            Self::Scan => scan::scan(rhythm),
            Self::Volley(volley) => volley.send(parameters, rhythm),
        }
    }
}
