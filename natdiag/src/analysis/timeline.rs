//! Handshakes for tests: segments between one server and clients, at given times.

use std::net::IpAddr;

use natdiag_common::{
    Direction,
    wire::{
        seq::{SeqNumber, TsVal},
        tcp::{ACK, FIN, RST, SYN},
        tcp_options::{TcpOptions, Timestamps},
    },
};

use crate::event::{Content, Event, Segment, Timestamp};

/// Sequence numbers before the SYN and before the SYN-ACK.
pub(crate) const ISN: u32 = 1000;
pub(crate) const SERVER_ISN: u32 = 5000;

/// A millisecond in nanoseconds.
pub(crate) const MS: u64 = 1_000_000;

/// One connection as a client sees it.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) local: IpAddr,
    pub(crate) remote: IpAddr,
    pub(crate) port: u16,
    pub(crate) server_port: u16,
    pub(crate) isn: u32,
}

impl Client {
    /// A connection from the NAT's public address to the server.
    pub(crate) fn new(port: u16) -> Self {
        Self {
            local: "203.0.113.1".parse().unwrap(),
            remote: "203.0.113.80".parse().unwrap(),
            port,
            server_port: 80,
            isn: ISN,
        }
    }

    pub(crate) fn from(self, local: &str) -> Self {
        Self {
            local: local.parse().unwrap(),
            ..self
        }
    }

    pub(crate) fn to_port(self, server_port: u16) -> Self {
        Self {
            server_port,
            ..self
        }
    }

    /// With another sequence number of its SYN; for the SYN and what answers it.
    pub(crate) fn with_isn(self, isn: u32) -> Self {
        Self { isn, ..self }
    }

    pub(crate) fn syn(self, ms: u64, tsval: Option<u32>) -> Event {
        self.sent(ms, SYN, self.isn, 0, options(tsval, 0))
    }

    pub(crate) fn syn_ack(self, ms: u64, tsecr: Option<u32>) -> Event {
        let mut options = options(tsecr.map(|_| 77), tsecr.unwrap_or(0));
        options.mss = Some(1460);
        self.received(ms, SYN | ACK, SERVER_ISN, self.isn + 1, options)
    }

    /// The server's FIN behind `octets` of response, acknowledging all of ours up to `ack`.
    pub(crate) fn fin_received(self, ms: u64, octets: u32, ack: u32, tsecr: Option<u32>) -> Event {
        let options = options(tsecr.map(|_| 78), tsecr.unwrap_or(0));
        self.received(ms, FIN | ACK, SERVER_ISN + 1 + octets, ack, options)
    }

    /// Our FIN behind `octets` of request, acknowledging `acked` of the response.
    pub(crate) fn fin_sent(self, ms: u64, octets: u32, acked: u32, tsval: Option<u32>) -> Event {
        self.sent(
            ms,
            FIN | ACK,
            ISN + 1 + octets,
            SERVER_ISN + 1 + acked,
            options(tsval, 77),
        )
    }

    pub(crate) fn reset_sent(self, ms: u64) -> Event {
        self.sent(ms, RST, ISN + 9, 0, TcpOptions::default())
    }

    /// Our RST behind `octets` of request: of a connection that was open.
    pub(crate) fn aborted(self, ms: u64, octets: u32) -> Event {
        self.sent(ms, RST | ACK, ISN + 1 + octets, 0, TcpOptions::default())
    }

    /// An ordinary segment of ours at the beginning of the request; of no octets, a bare acknowledgment.
    pub(crate) fn asks(self, ms: u64, octets: u32) -> Event {
        let mut event = self.sent(ms, ACK, ISN + 1, SERVER_ISN + 1, TcpOptions::default());
        if let Content::Segment(segment) = &mut event.content {
            segment.payload_len = octets;
        }
        event
    }

    /// The server's SYN-ACK with a number that answers another SYN.
    pub(crate) fn misnumbered(self, ms: u64) -> Event {
        let options = TcpOptions::default();
        self.received(ms, SYN | ACK, SERVER_ISN, self.isn + 77_777, options)
    }

    pub(crate) fn refused(self, ms: u64) -> Event {
        self.received(ms, RST | ACK, 0, ISN + 1, TcpOptions::default())
    }

    /// A whole connection that the server closes first, at `ms`.
    pub(crate) fn closed_by_server(self, ms: u64, tsval: u32) -> Vec<Event> {
        vec![
            self.syn(ms, Some(tsval)),
            self.syn_ack(ms + 1, Some(tsval)),
            self.fin_received(ms + 3, 60, ISN + 30, Some(tsval + 2)),
            self.fin_sent(ms + 4, 29, 61, Some(tsval + 4)),
        ]
    }

    /// A SYN that is sent three times and never answered.
    pub(crate) fn blocked(self, ms: u64, tsval: Option<u32>) -> Vec<Event> {
        let at = |late: u32| self.syn(ms + u64::from(late), tsval.map(|tsval| tsval + late));
        vec![at(0), at(1000), at(2000)]
    }

    fn sent(self, ms: u64, flags: u8, seq: u32, ack: u32, options: TcpOptions) -> Event {
        self.event(ms, Direction::Egress, flags, seq, ack, options)
    }

    fn received(self, ms: u64, flags: u8, seq: u32, ack: u32, options: TcpOptions) -> Event {
        self.event(ms, Direction::Ingress, flags, seq, ack, options)
    }

    fn event(
        self,
        ms: u64,
        direction: Direction,
        flags: u8,
        seq: u32,
        ack: u32,
        options: TcpOptions,
    ) -> Event {
        let ours = (self.local, self.port);
        let theirs = (self.remote, self.server_port);
        let (from, to) = match direction {
            Direction::Egress => (ours, theirs),
            Direction::Ingress => (theirs, ours),
        };
        Event {
            time: Timestamp(ms * MS),
            direction,
            source: from.0,
            destination: to.0,
            ttl: 64,
            protocol: 6,
            dont_fragment: true,
            identification: 1,
            total_len: 60,
            fragment: None,
            content: Content::Segment(Segment {
                source_port: from.1,
                destination_port: to.1,
                seq: SeqNumber(seq),
                ack: SeqNumber(ack),
                flags,
                window: 1000,
                payload_len: 0,
                options,
            }),
        }
    }
}

fn options(tsval: Option<u32>, tsecr: u32) -> TcpOptions {
    TcpOptions {
        timestamps: tsval.map(|tsval| Timestamps {
            tsval: TsVal(tsval),
            tsecr: TsVal(tsecr),
        }),
        ..TcpOptions::default()
    }
}
