//! What of a play passes the watcher, as events.

use std::net::IpAddr;

use natdiag::event::{Content, Event, Segment, Timestamp};
use natdiag_common::{
    Direction,
    wire::{
        seq::{SeqNumber, TsVal},
        tcp_options::{TcpOptions, Timestamps},
    },
};

use super::Play;

/// When a simulation begins.
const START_NS: u64 = 1_700_000_000_000_000_000;

impl Play {
    /// A segment that a client sends.
    pub(super) fn emit(
        &mut self,
        now: u64,
        number: usize,
        flags: u8,
        numbers: (u32, u32),
        options: TcpOptions,
    ) {
        self.note(now, number, Direction::Egress, flags, numbers, options);
    }

    /// A segment that a client receives.
    pub(super) fn receive(
        &mut self,
        now: u64,
        number: usize,
        flags: u8,
        numbers: (u32, u32),
        options: TcpOptions,
    ) {
        self.note(now, number, Direction::Ingress, flags, numbers, options);
    }

    fn note(
        &mut self,
        now: u64,
        number: usize,
        direction: Direction,
        flags: u8,
        (seq, ack): (u32, u32),
        options: TcpOptions,
    ) {
        let connection = &self.connections[number];
        let client = self.clients[connection.client];
        if !client.is_seen || now < self.watched_from_us {
            return;
        }
        let ours = (IpAddr::from(client.address), connection.port);
        let theirs = (IpAddr::from(self.remote), connection.server_port);
        let ((source, source_port), (destination, destination_port)) = match direction {
            Direction::Egress => (ours, theirs),
            Direction::Ingress => (theirs, ours),
        };
        self.events.push(Event {
            time: Timestamp(START_NS + now * 1000),
            direction,
            source,
            destination,
            ttl: 60,
            protocol: 6,
            dont_fragment: true,
            identification: 0,
            total_len: 60,
            fragment: None,
            content: Content::Segment(Segment {
                source_port,
                destination_port,
                seq: SeqNumber(seq),
                ack: SeqNumber(ack),
                flags,
                window: 29_200,
                payload_len: 0,
                options,
            }),
        });
    }
}

/// The options of a segment.
pub(super) fn options(tsval: Option<u32>, tsecr: u32) -> TcpOptions {
    TcpOptions {
        timestamps: tsval.map(|tsval| Timestamps {
            tsval: TsVal(tsval),
            tsecr: TsVal(tsecr),
        }),
        ..TcpOptions::default()
    }
}
