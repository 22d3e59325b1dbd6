//! Keeps every packet of the hosts that are named, whole.

use std::{collections::BTreeMap, io, mem, time::Duration};

use tokio::time::Interval;

use crate::{
    engine::{Engine, ticks},
    event::Timestamp,
    evidence::section::{About, WholePacket, full_section},
    host::tap::Tap,
    spool::Spool,
    value::network::Network,
};

/// How often packets are taken, and how many at once, so that a stream of them keeps nobody waiting.
const BETWEEN_TURNS: Duration = Duration::from_millis(25);
const AT_ONCE: usize = 2048;
/// Octets that wait in memory before they are written.
const MAX_WAITING: usize = 1 << 18;
/// Why a packet is there.
const WHY: &str = "every packet of a host that `full` names";

/// The files, and what is to be written to them.
pub(super) struct FullFiles {
    tap: Tap,
    turns: Interval,
    spool: Spool,
    waiting: BTreeMap<u32, Vec<WholePacket>>,
    waiting_octets: usize,
}

impl FullFiles {
    /// Keeps the packets of these hosts from here on.
    ///
    /// # Errors
    /// This process may not, or the kernel refuses.
    pub(super) fn open(hosts: &[Network], spool: Spool) -> io::Result<Self> {
        Ok(Self {
            tap: Tap::open(hosts)?,
            turns: ticks(BETWEEN_TURNS),
            spool,
            waiting: BTreeMap::new(),
            waiting_octets: 0,
        })
    }

    pub(super) const fn spool(&self) -> &Spool {
        &self.spool
    }

    pub(super) const fn spool_mut(&mut self) -> &mut Spool {
        &mut self.spool
    }

    /// Keeps the packets of these hosts from here on.
    pub(super) fn set(&self, hosts: &[Network]) -> io::Result<()> {
        self.tap.set(hosts)
    }

    /// Waits until packets are due, and takes some. What has come is not lost when the future is dropped.
    pub(super) async fn take(&mut self) -> io::Result<()> {
        self.turns.tick().await;
        for _ in 0..AT_ONCE {
            let Some(tapped) = self.tap.read()? else {
                break;
            };
            self.waiting_octets += tapped.octets.len();
            let of_interface = self.waiting.entry(tapped.interface).or_default();
            of_interface.push(WholePacket {
                time: tapped.time,
                is_sent: tapped.is_sent,
                octets: tapped.octets,
            });
        }
        Ok(())
    }

    /// Whether so much waits that it should be written.
    pub(super) const fn is_due(&self) -> bool {
        self.waiting_octets >= MAX_WAITING
    }

    /// Writes what waits of the interfaces that are watched.
    pub(super) fn write(&mut self, engine: &Engine, now: Timestamp) {
        self.waiting_octets = 0;
        match self.tap.lost() {
            Ok(0) => {}
            Ok(lost) => tracing::warn!(lost, "packets of hosts in `full` found no room"),
            Err(error) => tracing::debug!(%error, "the kernel does not tell what found no room"),
        }
        for (index, packets) in mem::take(&mut self.waiting) {
            let mut links = engine.links();
            let Some(link) = links.find(|link| link.index == index) else {
                continue;
            };
            let about = About {
                interface: &link.name,
                hooks: &[],
                finding: WHY,
                start: engine.start(),
                judged: now,
                statement: None,
            };
            match full_section(&about, &packets) {
                Ok(octets) => {
                    self.spool.write(&octets, now);
                }
                Err(error) => tracing::error!(%error, "whole packets have no form"),
            }
        }
    }
}

/// Waits for packets, where there are any to wait for.
pub(super) async fn take(full: &mut Option<FullFiles>) -> io::Result<()> {
    match full {
        Some(full) => full.take().await,
        None => std::future::pending().await,
    }
}
