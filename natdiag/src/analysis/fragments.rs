//! Datagrams that arrive in fragments: complete, incomplete, or not observed well enough to say.
//!
//! Octets are only counted, never kept (RFC 791, section 3.2; RFC 8200, section 4.5).

pub mod sizes;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use natdiag_common::counter::FragmentProtocol;
use serde::{Deserialize, Serialize};

use self::sizes::FragmentSizes;
use crate::event::{Content, Event, FragmentPart, Timestamp};
use crate::seed::Seed;

/// How long the fragments of a datagram may take.
/// Kernel: `IP_FRAG_TIME` 30 s, include/net/ip.h.
const REASSEMBLY_NS: u64 = 30_000_000_000;
/// How long fragments with the key of a complete datagram are repeats of it.
const DUPLICATES_NS: u64 = 1_000_000_000;
/// First fragments below this are no link's making: every IPv4 host takes 576 octets (RFC 1122, section 3.3.3), and the
/// smallest MTU met on links is 296 (RFC 1191, section 7.1).
const TINY_OCTETS: u32 = 256;
/// IPv4 in IPv4, IPv6 in IPv4, GRE, ESP, AH, `EtherIP`, PIM register (IANA protocol numbers).
const TUNNELS: [u8; 7] = [4, 41, 47, 50, 51, 97, 103];
/// Datagrams followed at once. Others are not observed.
const MAX_OPEN: usize = 1 << 16;
/// Pieces of one datagram kept apart. An attack makes more; such a datagram is not observed.
const MAX_GAPS: usize = 64;

/// Datagrams from one remote host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Datagrams {
    /// All octets were seen within 30 s, by [`FragmentProtocol`].
    pub complete: [u64; FragmentProtocol::ALL.len()],
    /// Some were not, by [`FragmentProtocol`].
    pub incomplete: [u64; FragmentProtocol::ALL.len()],
    /// Some fragments gave no record, or there was no room.
    pub unobserved: u64,
    /// Those of which the first fragment was seen.
    pub opened: u64,
    /// Those whose first fragment is smaller than any link makes them.
    pub tiny: u64,
    /// Those with octets that came twice in different fragments.
    pub overlapping: u64,
    /// Whether tunnels and other protocols are among them.
    pub carried: Carried,
    /// Ports that sent TCP in fragments, the first ones met; 0 for none.
    pub ports: [u16; 4],
    /// How large the fragments were, of those that gave a record.
    pub sizes: FragmentSizes,
}

/// What fragments of protocols other than TCP, UDP and `ICMP` carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Packets of a tunnel.
    pub tunnels: bool,
    /// Something else.
    pub others: bool,
}

impl Datagrams {
    /// Notes what a fragment is like.
    pub fn note(&mut self, event: &Event, part: FragmentPart) {
        if part.offset_octets == 0 && part.more {
            self.opened += 1;
            self.tiny += u64::from(event.total_len < TINY_OCTETS);
        }
        if FragmentProtocol::of(event.protocol) == FragmentProtocol::Other {
            if TUNNELS.contains(&event.protocol) {
                self.carried.tunnels = true;
            } else {
                self.carried.others = true;
            }
        }
        if let Content::Segment(segment) = event.content
            && !self.ports.contains(&segment.source_port)
            && let Some(free) = self.ports.iter_mut().find(|port| **port == 0)
        {
            *free = segment.source_port;
        }
        self.sizes.add(part, event.total_len);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    /// Of IPv4; 0 for IPv6, whose datagrams it does not tell apart.
    protocol: u8,
    identification: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Datagram {
    opened: Timestamp,
    protocol: FragmentProtocol,
    /// Octets seen: disjoint, ascending.
    seen: Vec<(u32, u32)>,
    end: Option<u32>,
    completed: Option<Timestamp>,
    /// Whether it came in more pieces than are kept apart.
    is_shredded: bool,
    /// Whether fragments share octets without being the same.
    overlaps: bool,
    /// What had been left out when it opened.
    before: LeftOut,
}

/// What was left out of the records of a host's fragments: what it says about a datagram is whether it changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Datagrams that the kernel kept no records of.
    pub datagrams: u64,
    /// Records of any kind that did not fit the ring.
    pub records: u64,
}

/// Follows the datagrams of one source.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Reassembly {
    open: HashMap<Key, Datagram, Seed>,
    deadlines: VecDeque<(Timestamp, Key)>,
    /// Complete datagrams, kept to know their repeats by.
    complete: VecDeque<(Timestamp, Key)>,
    /// Events since the last call of `take_decided`.
    decided: Vec<(IpAddr, Decision)>,
}

/// What was found out about a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// All octets were seen.
    Complete(FragmentProtocol),
    /// Thirty seconds passed and some were not.
    Incomplete {
        /// Its protocol.
        protocol: FragmentProtocol,
        /// What had been left out when it opened.
        before: LeftOut,
    },
    /// There was no room to follow it.
    Unobserved,
    /// Its fragments share octets. Said once, beside the above.
    Overlapping,
}

impl Reassembly {
    /// Takes a fragment. `left_out` is what was left out of its source's so far.
    pub fn fragment(&mut self, event: &Event, part: FragmentPart, left_out: LeftOut) {
        self.advance(event.time);
        let key = Key {
            source: event.source,
            destination: event.destination,
            protocol: if event.source.is_ipv4() {
                event.protocol
            } else {
                0
            },
            identification: event.identification,
        };
        let repeats = |datagram: &Datagram| {
            datagram
                .completed
                .map(|at| event.time.since(at) <= DUPLICATES_NS)
        };
        match self.open.get(&key).map(repeats) {
            Some(Some(true)) => return,
            Some(None) => {}
            Some(Some(false)) | None => {
                if self.open.len() >= MAX_OPEN {
                    if part.offset_octets == 0 {
                        self.decided.push((event.source, Decision::Unobserved));
                    }
                    return;
                }
                let protocol = FragmentProtocol::of(event.protocol);
                self.open
                    .insert(key, Datagram::new(event.time, protocol, left_out));
                self.deadlines
                    .push_back((event.time.plus(REASSEMBLY_NS), key));
            }
        }
        let Some(datagram) = self.open.get_mut(&key) else {
            return;
        };
        if datagram.add(part) {
            self.decided.push((event.source, Decision::Overlapping));
        }
        if datagram.is_complete() {
            datagram.completed = Some(event.time);
            datagram.seen = Vec::new();
            self.complete
                .push_back((event.time.plus(DUPLICATES_NS), key));
            self.decided
                .push((event.source, Decision::Complete(datagram.protocol)));
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.complete.pop_front_if(|(until, _)| *until < now) {
            // A datagram that came later under the same key is another one.
            if self
                .open
                .get(&key)
                .is_some_and(|datagram| datagram.completed.is_some())
            {
                self.open.remove(&key);
            }
        }
        while let Some((due, key)) = self.deadlines.pop_front_if(|(due, _)| *due <= now) {
            let Some(datagram) = self.open.get(&key) else {
                continue;
            };
            if datagram.completed.is_some() || datagram.opened.plus(REASSEMBLY_NS) != due {
                continue;
            }
            let decision = if datagram.is_shredded {
                Decision::Unobserved
            } else {
                Decision::Incomplete {
                    protocol: datagram.protocol,
                    before: datagram.before,
                }
            };
            self.decided.push((key.source, decision));
            self.open.remove(&key);
        }
        if self.deadlines.len() > 4 * MAX_OPEN {
            let open = &self.open;
            self.deadlines.retain(|(_, key)| open.contains_key(key));
        }
    }

    /// What was found out since the last call, by source.
    pub fn take_decided(&mut self) -> Vec<(IpAddr, Decision)> {
        std::mem::take(&mut self.decided)
    }
}

impl Datagram {
    fn new(opened: Timestamp, protocol: FragmentProtocol, before: LeftOut) -> Self {
        Self {
            opened,
            protocol,
            seen: Vec::new(),
            end: None,
            completed: None,
            is_shredded: false,
            overlaps: false,
            before,
        }
    }

    /// Adds a fragment. Returns whether it is the first one that shares octets with another.
    fn add(&mut self, part: FragmentPart) -> bool {
        let start = u32::from(part.offset_octets);
        let end = start.saturating_add(part.data_octets);
        if !part.more {
            self.end = Some(self.end.map_or(end, |known| known.max(end)));
        }
        if self.seen.len() >= MAX_GAPS {
            self.is_shredded = true;
            return false;
        }
        // A repeat lies within what was seen.
        let overlaps = !self.overlaps
            && self
                .seen
                .iter()
                .any(|(from, to)| start < *to && end > *from && !(start >= *from && end <= *to));
        self.overlaps |= overlaps;
        self.seen.push((start, end));
        self.seen.sort_unstable();
        self.seen.dedup_by(|next, previous| {
            let touches = next.0 <= previous.1;
            if touches {
                previous.1 = previous.1.max(next.1);
            }
            touches
        });
        overlaps
    }

    fn is_complete(&self) -> bool {
        match (self.end, self.seen.as_slice()) {
            (Some(end), [(0, seen)]) => *seen >= end,
            _ => false,
        }
    }
}
