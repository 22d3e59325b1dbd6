//! What is joined: a packet of a handshake, as one source saw it.

use std::net::IpAddr;

use natdiag_common::wire::{
    seq::{SeqNumber, TsVal},
    tcp::{ACK, RST, SYN},
};

use crate::event::{Event, Segment, Timestamp};

/// A packet of a handshake, as one source saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub(super) time: Timestamp,
    pub(super) kind: Kind,
    pub(super) near: IpAddr,
    pub(super) remote: IpAddr,
    pub(super) remote_port: u16,
    /// Sequence number of the SYN.
    pub(super) isn: SeqNumber,
    pub(super) tsval: Option<TsVal>,
}

/// Which packet of the handshake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Syn,
    /// A SYN-ACK or a RST in answer.
    Answer,
}

impl Sighting {
    /// When it was seen.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// What is to be joined of a segment, if anything.
    #[must_use]
    pub fn of(event: &Event, segment: &Segment) -> Option<Self> {
        let is_answer = segment.has(SYN | ACK) || segment.has(RST | ACK);
        let kind = match is_answer {
            true => Kind::Answer,
            false if segment.has(SYN) => Kind::Syn,
            false => return None,
        };
        // A SYN goes to the remote host, an answer comes from it, whichever way that is here.
        let (near, remote, remote_port, isn) = match kind {
            Kind::Syn => (
                event.source,
                event.destination,
                segment.destination_port,
                segment.seq,
            ),
            Kind::Answer => (
                event.destination,
                event.source,
                segment.source_port,
                SeqNumber(segment.ack.0.wrapping_sub(1)),
            ),
        };
        Some(Self {
            time: event.time,
            kind,
            near,
            remote,
            remote_port,
            isn,
            tsval: segment
                .options
                .timestamps
                .map(|timestamps| timestamps.tsval),
        })
    }
}
