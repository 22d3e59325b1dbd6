//! What a seed decides about a scenario.

use super::random::Random;

/// Ports, sizes, rates and clocks of one run of a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// Hosts behind the NAT.
    pub(crate) clients: usize,
    /// Port on which the server listens.
    pub(crate) open_port: u16,
    /// Port on which it does not.
    pub(crate) closed_port: u16,
    /// Port on which it listens and which a filter may guard.
    pub(crate) guarded_port: u16,
    /// Octets of a small response: one segment.
    pub(crate) small_octets: u32,
    /// Octets of a large response: many full segments.
    pub(crate) large_octets: u32,
    /// Octets of a UDP datagram or an echo that does not fit one packet.
    pub(crate) datagram_octets: u32,
    /// Milliseconds between two connections of one worker.
    pub(crate) pause_ms: u32,
    /// What each client's clock is ahead of the machine's, in ticks of 1 ms: the first client's most.
    pub(crate) clock_bases: Vec<u32>,
    /// What is lost on a bad path, of a hundred packets.
    pub(crate) loss_percent: u32,
    /// Connections that may wait for the server to take them.
    pub(crate) backlog: i32,
    /// Milliseconds that a slow server takes for each.
    pub(crate) accept_pause_ms: u64,
    /// SYNs that a limit lets through, a second.
    pub(crate) syns_a_second: u32,
    /// Connections that a limit lets be open.
    pub(crate) connections_at_a_time: u32,
    /// Ports of a NAT that has few.
    pub(crate) nat_ports: u16,
    /// Seconds after which a device forgets an idle connection.
    pub(crate) idle_timeout_seconds: u32,
    /// Where the TTL of an injected RST begins; the server's begins at 64.
    pub(crate) injected_ttl: u8,
    /// Protocol number of a tunnel.
    pub(crate) tunnel_protocol: u8,
    /// Addresses from which an attack comes.
    pub(crate) attackers: u8,
    /// A VLAN; the next number is another one.
    pub(crate) vlan: u16,
}

/// IPIP (RFC 2003), GRE (RFC 2784) and ESP (RFC 4303).
const TUNNELS: [u8; 3] = [4, 47, 50];

impl Parameters {
    /// Draws them, for so many clients if their number is fixed.
    pub(crate) fn draw(random: &mut Random, clients: Option<usize>) -> Self {
        let drawn = if random.between(0, 2) == 0 { 2 } else { 3 };
        let clients = clients.unwrap_or(drawn);
        let port = 1024 + 3 * u16::try_from(random.between(0, 9000)).unwrap_or_default();
        let clock_bases = draw_clock_bases(random, clients);
        let tunnel = usize::try_from(random.between(0, 3)).unwrap_or_default();
        Self {
            clients,
            open_port: port,
            closed_port: port + 1,
            guarded_port: port + 2,
            small_octets: random.between(100, 1200),
            large_octets: random.between(6_000, 20_000),
            datagram_octets: random.between(1_600, 9_000),
            pause_ms: random.between(60, 140),
            clock_bases,
            loss_percent: random.between(8, 15),
            backlog: i32::try_from(random.between(4, 9)).unwrap_or_default(),
            accept_pause_ms: random.between(150, 250).into(),
            syns_a_second: random.between(6, 12),
            connections_at_a_time: random.between(3, 6),
            nat_ports: u16::try_from(random.between(6, 10)).unwrap_or_default(),
            idle_timeout_seconds: random.between(2, 4),
            injected_ttl: if random.between(0, 2) == 0 { 128 } else { 255 },
            tunnel_protocol: TUNNELS.get(tunnel).copied().unwrap_or_default(),
            attackers: u8::try_from(random.between(4, 16)).unwrap_or_default(),
            vlan: u16::try_from(random.between(2, 4000)).unwrap_or_default(),
        }
    }
}

fn draw_clock_bases(random: &mut Random, clients: usize) -> Vec<u32> {
    let mut bases: Vec<u32> = (0..clients)
        .map(|place| {
            // Far enough apart that no clock overtakes another within a run, near enough not to wrap.
            let steps = u32::try_from(clients - place).unwrap_or_default();
            steps * 100_000_000 + random.between(0, 50_000_000)
        })
        .collect();
    if random.between(0, 4) == 0 {
        // Around the wrap: comparison is on the half circle.
        for base in &mut bases {
            *base = base.wrapping_sub(200_000_000);
        }
    }
    bases
}
