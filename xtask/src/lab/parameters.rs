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
}

impl Parameters {
    /// Draws them.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let clients = if random.between(0, 2) == 0 { 2 } else { 3 };
        let port = 1024 + 3 * u16::try_from(random.between(0, 9000)).unwrap_or_default();
        let mut clock_bases: Vec<u32> = (0..clients)
            .map(|place| {
                // Far enough apart that no clock overtakes another within a run, near enough not to wrap.
                let steps = u32::try_from(clients - place).unwrap_or_default();
                steps * 100_000_000 + random.between(0, 50_000_000)
            })
            .collect();
        if random.between(0, 4) == 0 {
            // Around the wrap: comparison is on the half circle.
            for base in &mut clock_bases {
                *base = base.wrapping_sub(200_000_000);
            }
        }
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
        }
    }
}
