//! What one packet adds: to which counter of which remote host, and whether a record of it is kept.
//! The kernel and the reader of captures both ask here.

use crate::{
    Address, Direction, FrameBytes,
    counter::{FragmentPosition, FragmentProtocol, RemoteCounter, RemoteCounts},
    packet::{Fragment, PacketMeta, Transport},
    wire::tcp::{self, ACK, FIN, RST, SYN},
};

/// Whether a record of a packet is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Always: it opens or closes a connection, or refuses one.
    Always,
    /// As long as its remote host has budget: fragments, other RSTs and `ICMP` errors come in storms.
    WithinBudget,
    /// Never.
    Never,
}

/// What a packet adds to the counters of one remote host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The remote host.
    pub remote: Address,
    /// Place in [`crate::counter::RemoteCounts`] of the counter that goes up by one.
    pub counter: usize,
    /// Place of the counter of a detail ([`RemoteCounter::FIRST_DETAIL`]) that goes up as well, or 0.
    pub detail: usize,
    /// Place of the maximum that `first_octets` may raise, or 0.
    pub maximum: usize,
    /// Length of a first fragment's IP packet in octets, as far as a counter goes.
    pub first_octets: u16,
}

impl Tally {
    /// The counters of a remote host that sent or got only this packet.
    #[must_use]
    pub fn counts(&self) -> RemoteCounts {
        let mut counts = RemoteCounts::ZERO;
        let details = [
            (true, self.counter, 1),
            (self.detail != 0, self.detail, 1),
            (self.maximum != 0, self.maximum, self.first_octets),
        ];
        for (applies, place, amount) in details {
            if applies && let Some(value) = counts.at(place) {
                *value = amount;
            }
        }
        counts
    }
}

/// What to do about a packet. Nothing at all for most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What it adds to a remote host's counters.
    pub tally: Option<Tally>,
    /// Whether a record is kept.
    pub keep: Keep,
}

impl Observation {
    /// A packet that is only counted.
    pub const BORING: Self = Self {
        tally: None,
        keep: Keep::Never,
    };
}

/// Decides about one packet.
#[inline(always)]
pub fn classify<F: FrameBytes + ?Sized>(
    frame: &F,
    packet: &PacketMeta,
    direction: Direction,
) -> Observation {
    let (mut tally, keep) = match (packet.transport, packet.fragment, direction) {
        (Transport::Tcp { flags }, _, _)
            if flags & (SYN | FIN | RST) != 0 && packet.part().is_none() =>
        {
            let mut tally = handshake_counter(frame, packet, flags, direction);
            let keep = handshake_keep(flags, tally.counter);
            if packet.fragment.is_some() {
                note_atomic(&mut tally, direction);
            }
            (tally, keep)
        }
        (_, Some(fragment), _) => classify_fragment(packet, fragment, direction),
        (Transport::PacketTooBig, None, Direction::Ingress) => {
            (count(RemoteCounter::PacketTooBig), Keep::WithinBudget)
        }
        (Transport::IcmpError, None, Direction::Ingress) => {
            (count(RemoteCounter::IcmpError), Keep::WithinBudget)
        }
        _ => return Observation::BORING,
    };
    let remote = match direction {
        _ if packet.fragment.is_none() && packet.transport.is_icmp_error() => {
            packet.quoted_destination(frame)
        }
        Direction::Ingress => packet.source(frame),
        Direction::Egress => packet.destination(frame),
    };
    // An error that quotes less than an IP header is about nobody.
    let Some(remote) = remote else {
        return Observation::BORING;
    };
    tally.remote = remote;
    // FINs open and close nothing that is counted.
    let tally = (tally.counter != NOTHING).then_some(tally);
    Observation { tally, keep }
}

/// Stands for no counter.
const NOTHING: usize = RemoteCounter::COUNT;

#[inline(always)]
fn count(counter: RemoteCounter) -> Tally {
    count_at(counter as usize)
}

#[inline(always)]
fn count_at(counter: usize) -> Tally {
    Tally {
        remote: Address::UNSPECIFIED,
        counter,
        detail: 0,
        maximum: 0,
        first_octets: 0,
    }
}

#[inline(always)]
fn classify_fragment(
    packet: &PacketMeta,
    fragment: Fragment,
    direction: Direction,
) -> (Tally, Keep) {
    if direction == Direction::Egress {
        return (count(RemoteCounter::FragmentSent), Keep::Never);
    }
    if fragment.is_atomic() {
        return (count(RemoteCounter::FragmentAtomic), Keep::Never);
    }
    let protocol = FragmentProtocol::of(packet.protocol);
    let position = match (fragment.offset_octets, fragment.more) {
        (0, _) => FragmentPosition::First,
        (_, true) => FragmentPosition::Middle,
        (_, false) => FragmentPosition::Last,
    };
    let mut tally = count_at(RemoteCounter::fragment(protocol, position));
    if packet.dont_fragment && protocol == FragmentProtocol::Tcp {
        tally.detail = RemoteCounter::FragmentDontFragment as usize;
    }
    if position == FragmentPosition::First {
        // No packet that was on a wire is longer; one that the kernel has merged may be.
        tally.first_octets = packet.total_len.min(u32::from(u16::MAX)) as u16;
        tally.maximum = RemoteCounter::largest_first(protocol);
    }
    (tally, Keep::WithinBudget)
}

#[inline(always)]
const fn handshake_keep(flags: u8, counter: usize) -> Keep {
    // The answer to a SYN decides its fate; there are no more of them than of SYNs.
    if flags & RST != 0 && counter != RemoteCounter::RstAnsweringSyn as usize {
        Keep::WithinBudget
    } else {
        Keep::Always
    }
}

/// The counter of a segment with SYN, FIN or RST.
#[inline(always)]
fn handshake_counter<F: FrameBytes + ?Sized>(
    frame: &F,
    packet: &PacketMeta,
    flags: u8,
    direction: Direction,
) -> Tally {
    let inbound = direction == Direction::Ingress;
    let acknowledges = flags & ACK != 0;
    if flags & RST != 0 {
        return count(
            match (
                inbound,
                acknowledges && sequence_number(frame, packet) == Some([0; 4]),
            ) {
                (true, true) => RemoteCounter::RstAnsweringSyn,
                (true, false) => RemoteCounter::RstEstablished,
                (false, _) => RemoteCounter::RstSent,
            },
        );
    }
    if flags & SYN != 0 {
        return count(match (inbound, acknowledges) {
            (true, true) => RemoteCounter::SynAckReceived,
            (true, false) => RemoteCounter::SynReceived,
            (false, true) => RemoteCounter::SynAckSent,
            (false, false) => RemoteCounter::SynSent,
        });
    }
    count_at(NOTHING)
}

/// Notes that a segment came in an atomic fragment, which is a whole packet (RFC 6946).
#[inline(always)]
const fn note_atomic(tally: &mut Tally, direction: Direction) {
    if tally.counter == NOTHING {
        tally.counter = atomic_counter(direction);
    } else {
        tally.detail = RemoteCounter::atomic_segment(direction);
    }
}

/// The counter of an atomic fragment that nothing else is counted of.
#[inline(always)]
const fn atomic_counter(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => RemoteCounter::FragmentAtomic as usize,
        Direction::Egress => RemoteCounter::FragmentSent as usize,
    }
}

#[inline(always)]
fn sequence_number<F: FrameBytes + ?Sized>(frame: &F, packet: &PacketMeta) -> Option<[u8; 4]> {
    frame.octets(packet.payload_offset + tcp::SEQ_OFFSET)
}

#[cfg(test)]
mod tests;
