//! The clocks of the clients.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aya::EbpfLoader;
use nix::time::{ClockId, clock_gettime};

use crate::lab::{
    bpf::{self, Attached, EGRESS, INGRESS},
    namespace::Namespace,
    network::{ETH0, Network},
    parameters::Parameters,
};

/// When a client boots again: when natdiag has long been attached, and has seen connections.
const UNTIL_REBOOT: Duration = Duration::from_secs(7);
/// When the first client's clock wraps.
const UNTIL_WRAP: Duration = Duration::from_secs(6);
/// What the next client's clock is behind.
const BEHIND_MS: u32 = 40_000_000;

/// How long a client that boots again was up, at most: 11 days.
const LONGEST_UPTIME_MS: u32 = 1_000_000_000;

/// How clients choose their timestamps. By default this kernel has a random base per connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clocks {
    /// Each client has a clock of its own, as hosts have that booted at different times (before Linux 4.10).
    Fixed,
    /// Each client has a clock of its own, and the highest clock wraps.
    Wrapping,
    /// Each client has a random base per destination (Linux 4.11 to 6.17).
    PerDestination,
    /// The clients boot again, and their clocks begin at 0.
    Reboot,
    /// The last client sends no timestamps.
    NoneAtLast,
    /// No client does.
    None,
}

/// What the program on a client's interface is told.
#[derive(Clone, Copy, Debug, Default)]
struct Settings {
    base: u32,
    per_destination: bool,
    reboot_at_ns: u64,
    rebooted_base: u32,
}

impl Clocks {
    pub(super) const fn painted_by(self) -> Option<&'static str> {
        match self {
            Self::Fixed | Self::Wrapping | Self::PerDestination | Self::Reboot => {
                Some("clock bases by a TC program")
            }
            Self::NoneAtLast | Self::None => None,
        }
    }

    /// Sets them. Linux's timestamps without a random offset (`tcp_timestamps=2`) are the machine's clock.
    pub(super) fn set(self, network: &Network, parameters: &Parameters) -> Result<Vec<Attached>> {
        let silent = match self {
            Self::Fixed | Self::Wrapping | Self::PerDestination | Self::Reboot => {
                let clients = network.clients.iter().enumerate();
                return clients
                    .map(|(place, client)| attach(client, self.settings(place, parameters)?))
                    .collect();
            }
            Self::NoneAtLast => network.clients.len().saturating_sub(1),
            Self::None => 0,
        };
        for client in network.clients.iter().skip(silent) {
            client.sysctl(&[("ipv4/tcp_timestamps", "0")])?;
        }
        Ok(Vec::new())
    }

    fn settings(self, place: usize, parameters: &Parameters) -> Result<Settings> {
        let now = now()?;
        let drawn = parameters.clock_bases.get(place).copied();
        let base = drawn.context("there are fewer clocks than clients")?;
        Ok(match self {
            Self::Wrapping => Settings {
                base: ticks(now + UNTIL_WRAP)
                    .wrapping_neg()
                    .wrapping_sub(u32::try_from(place)? * BEHIND_MS),
                ..Settings::default()
            },
            Self::PerDestination => Settings {
                // Drawn bases lie on one half of the circle, where one is the highest.
                base: base.wrapping_mul(2_654_435_761),
                per_destination: true,
                ..Settings::default()
            },
            Self::Reboot => {
                let then = now + UNTIL_REBOOT;
                Settings {
                    // Below half of the circle: from above it, a clock that begins again is ahead.
                    base: base % LONGEST_UPTIME_MS,
                    reboot_at_ns: u64::try_from(then.as_nanos())?,
                    rebooted_base: ticks(then).wrapping_neg(),
                    ..Settings::default()
                }
            }
            Self::Fixed | Self::NoneAtLast | Self::None => Settings {
                base,
                ..Settings::default()
            },
        })
    }
}

/// Gives the server and the other backend clocks of their own, by which SYN-ACKs can be told apart.
pub(super) fn set_backend(network: &Network, parameters: &Parameters) -> Result<Vec<Attached>> {
    network.server.sysctl(&[("ipv4/tcp_timestamps", "2")])?;
    let backend = network.backend()?;
    let base = parameters.clock_bases.first().copied();
    let settings = Settings {
        base: base.context("there is no clock")?,
        ..Settings::default()
    };
    Ok(vec![attach(backend, settings)?])
}

fn attach(host: &Namespace, settings: Settings) -> Result<Attached> {
    host.sysctl(&[("ipv4/tcp_timestamps", "2")])?;
    let per_destination = u8::from(settings.per_destination);
    bpf::attach(
        host,
        ETH0,
        &[("lab_clock_in", INGRESS), ("lab_clock_out", EGRESS)],
        EbpfLoader::new()
            .override_global("CLOCK_BASE", &settings.base, true)
            .override_global("CLOCK_PER_DESTINATION", &per_destination, true)
            .override_global("REBOOT_AT_NS", &settings.reboot_at_ns, true)
            .override_global("REBOOTED_BASE", &settings.rebooted_base, true),
    )
}

/// The clock that TCP's timestamps and the programs read.
fn now() -> Result<Duration> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).context("cannot read the clock")?;
    Ok(now.into())
}

/// What TCP's clock shows then; it wraps.
fn ticks(at: Duration) -> u32 {
    let [a, b, c, d, ..] = at.as_millis().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
