//! The network: clients - NAT - router - server, a namespace each, joined by veth pairs without offloads.
//!
//! ```text
//! client0 eth0 --.
//!                 lan (bridge) NAT public ---- outside ROUTER inside ---- eth0 SERVER
//! client1 eth0 --'        masquerade
//! ```

use std::{
    fmt::{self, Display, Formatter},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{namespace::Namespace, parameters::Parameters};
use crate::exec;

/// The NAT's public address.
pub(crate) const NAT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The NAT's public IPv6 address.
pub(crate) const NAT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
/// The server that a scenario is about.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);
/// The IPv6 address of that server.
pub(crate) const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x80, 0, 0, 0, 0, 0x80);
/// A second address of the server, with which nothing is wrong.
pub(crate) const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 81);
/// The NAT's address on its second interface.
const BACKUP_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
/// The other backend's address, where there are two.
pub(crate) const BACKEND: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 130);
/// First of the clients' addresses.
const FIRST_CLIENT: u8 = 11;

/// The NAT's interface towards the server.
pub(crate) const PUBLIC: &str = "public";
/// The NAT's interface towards its clients.
pub(crate) const LAN: &str = "lan";
/// The NAT's second interface towards the router, where there is one.
pub(crate) const BACKUP: &str = "backup";
/// The router's interface towards the NAT.
pub(crate) const OUTSIDE: &str = "outside";
/// The only interface of a client, and of the server.
pub(crate) const ETH0: &str = "eth0";

/// Hosts and the links between them.
#[derive(Debug)]
pub(crate) struct Network {
    /// Hosts behind the NAT.
    pub(crate) clients: Vec<Namespace>,
    /// The NAT.
    pub(crate) nat: Namespace,
    /// A router on the path.
    pub(crate) router: Namespace,
    /// The server.
    pub(crate) server: Namespace,
    /// A host that stands for the server beside it, where there is one.
    backend: Option<Namespace>,
}

impl Network {
    /// Builds it.
    pub(crate) fn build(
        scenario: &str,
        parameters: &Parameters,
        two_backends: bool,
        keep: bool,
    ) -> Result<Self> {
        let host = |name: &str| Namespace::create(scenario, name, keep);
        let network = Self {
            nat: host("nat")?,
            router: host("router")?,
            server: host("server")?,
            backend: two_backends.then(|| host("backend")).transpose()?,
            clients: (0..parameters.clients)
                .map(|place| host(&format!("client{place}")))
                .collect::<Result<_>>()?,
        };
        network.settle().context("cannot set sysctls")?;
        network.join().context("cannot join the hosts")?;
        Ok(network)
    }

    /// Lets nothing through any more, in either direction.
    pub(crate) fn hush(&self) -> Result<()> {
        for forwarder in [&self.nat, &self.router] {
            forwarder.nft(
                "table inet hush {
                    chain forward {
                        type filter hook forward priority -500;
                        drop
                    }
                }",
            )?;
        }
        Ok(())
    }

    /// A client.
    pub(crate) fn client(&self, place: usize) -> Result<&Namespace> {
        self.clients.get(place).context("no such client")
    }

    /// The host beside the server.
    pub(crate) fn backend(&self) -> Result<&Namespace> {
        self.backend.as_ref().context("there is one server only")
    }

    /// Those who take connections.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Namespace> {
        std::iter::once(&self.server).chain(&self.backend)
    }

    /// Everybody's sysctls, before there are interfaces.
    fn settle(&self) -> Result<()> {
        for host in self.hosts() {
            host.sysctl(&[
                ("ipv6/conf/default/accept_dad", "0"),
                ("ipv6/conf/default/accept_ra", "0"),
                ("ipv6/conf/default/router_solicitations", "0"),
            ])?;
        }
        // What is spoofed from there gets no answer, not even an error.
        self.router.ip(&["route add blackhole 198.18.0.0/15"])?;
        for forwarder in [&self.nat, &self.router] {
            forwarder.sysctl(&[
                ("ipv4/ip_forward", "1"),
                ("ipv6/conf/all/forwarding", "1"),
                ("ipv6/conf/default/forwarding", "1"),
            ])?;
        }
        Ok(())
    }

    fn hosts(&self) -> impl Iterator<Item = &Namespace> {
        [&self.nat, &self.router, &self.server]
            .into_iter()
            .chain(&self.backend)
            .chain(&self.clients)
    }

    /// Links, addresses, routes, and the NAT's rule.
    fn join(&self) -> Result<()> {
        self.nat.ip(&[
            "link add lan type bridge",
            "addr add 10.60.1.1/24 dev lan",
            "addr add 2001:db8:1::1/64 dev lan nodad",
            "link set lan up",
        ])?;
        for (place, client) in self.clients.iter().enumerate() {
            let port = format!("port{place}");
            link((&self.nat, &port), (client, ETH0))?;
            self.nat.ip(&[format!("link set {port} master lan up")])?;
            let last = usize::from(FIRST_CLIENT) + place;
            client.ip(&[
                format!("addr add 10.60.1.{last}/24 dev eth0"),
                format!("addr add 2001:db8:1::{last}/64 dev eth0 nodad"),
                "link set eth0 up".to_owned(),
                "route add default via 10.60.1.1".to_owned(),
                "route add ::/0 via 2001:db8:1::1".to_owned(),
            ])?;
        }
        link((&self.nat, PUBLIC), (&self.router, OUTSIDE))?;
        link((&self.router, "inside"), (&self.server, ETH0))?;
        self.nat.ip(&[
            "addr add 203.0.113.1/30 dev public",
            "addr add 2001:db8:0:1::1/64 dev public nodad",
            "link set public up",
        ])?;
        self.router.ip(&[
            "addr add 203.0.113.2/30 dev outside",
            "addr add 2001:db8:0:1::2/64 dev outside nodad",
            "addr add 203.0.113.65/26 dev inside",
            "addr add 2001:db8:80::1/64 dev inside nodad",
            "link set outside up",
            "link set inside up",
        ])?;
        self.server.ip(&[
            "addr add 203.0.113.80/26 dev eth0",
            "addr add 203.0.113.81/26 dev eth0",
            "addr add 2001:db8:80::80/64 dev eth0 nodad",
            "link set eth0 up",
            "route add default via 203.0.113.65",
            "route add ::/0 via 2001:db8:80::1",
        ])?;
        self.nat.ip(&[
            "route add default via 203.0.113.2",
            "route add ::/0 via 2001:db8:0:1::2",
        ])?;
        if let Some(backend) = &self.backend {
            link((&self.router, "inside2"), (backend, ETH0))?;
            self.router.ip(&[
                "addr add 203.0.113.129/26 dev inside2",
                "link set inside2 up",
            ])?;
            backend.ip(&[
                format!("addr add {BACKEND}/26 dev eth0"),
                "link set eth0 up".to_owned(),
                "route add default via 203.0.113.129".to_owned(),
            ])?;
        }
        self.nat.nft(
            "table inet nat {
                chain postrouting {
                    type nat hook postrouting priority srcnat;
                    oifname \"public\" masquerade
                }
            }",
        )
    }
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    first: IpAddr,
    len: u8,
}

impl Prefix {
    /// All that begin as this one does, for so many bits.
    pub(crate) const fn new(first: IpAddr, len: u8) -> Self {
        Self { first, len }
    }

    /// Whether an address is one of them.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let differing = bits(self.first) ^ bits(address);
        self.first.is_ipv4() == address.is_ipv4() && differing.leading_zeros() >= self.len.into()
    }
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        Self::new(address, if address.is_ipv4() { 32 } else { 128 })
    }
}

impl Display for Prefix {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.first, self.len)
    }
}

/// The NAT's own public addresses.
pub(crate) fn nat_addresses() -> Vec<Prefix> {
    [IpAddr::from(NAT), NAT_V6.into(), BACKUP_ADDRESS.into()]
        .map(Prefix::from)
        .to_vec()
}

/// Everything that is not on the clients' side of the NAT, and the NAT's own address there.
pub(crate) fn beyond_clients() -> Vec<Prefix> {
    vec![
        Prefix::new(Ipv4Addr::new(203, 0, 113, 0).into(), 24),
        Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, 0x80, 0, 0, 0, 0, 0).into(), 64),
        Prefix::from(IpAddr::from(Ipv4Addr::new(10, 60, 1, 1))),
    ]
}

/// A client's addresses of either family.
pub(crate) fn client_addresses(place: u8) -> [IpAddr; 2] {
    let last = FIRST_CLIENT + place;
    [
        Ipv4Addr::new(10, 60, 1, last).into(),
        // The digits are the same as in the IPv4 address.
        Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, decimal_digits(last)).into(),
    ]
}

/// The number whose hexadecimal digits are the decimal ones of `number`.
fn decimal_digits(number: u8) -> u16 {
    u16::from(number / 10) * 16 + u16::from(number % 10)
}

/// Joins two hosts by a veth pair, and turns off what would show a watcher other packets than the wire's.
pub(crate) fn link(
    (here, name): (&Namespace, &str),
    (there, peer): (&Namespace, &str),
) -> Result<()> {
    here.ip(&[format!(
        "link add {name} type veth peer name {peer} netns {}",
        there.name()
    )])?;
    set_offloads(here, name, "off")?;
    set_offloads(there, peer, "off")
}

/// Turns offloads of a device on or off.
pub(crate) fn set_offloads(host: &Namespace, interface: &str, state: &str) -> Result<()> {
    let mut command = Command::new("ethtool");
    command.args(["-K", interface]);
    for offload in ["rx", "tx", "tso", "gso", "gro"] {
        command.args([offload, state]);
    }
    host.put_in(&mut command)?;
    exec::read(&mut command).map(drop)
}
