//! Kinds of packets, and what a program must do with them: a figure counts only if it did just that.

use std::fmt;

use natdiag_common::{
    Direction,
    testkit::{CLIENT, CLIENT_V6, Payload as _, SERVER, SERVER_V6, Segment, tcp, udp},
    wire::{ethernet, ipv4, ipv6},
};
use serde::Serialize;

/// Shortest frame on the wire without its checksum, and a little more: what captures show of an ACK.
const SHORT_FRAME_LEN: usize = 64;

/// What kind of packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Ack,
    Data,
    DataIpv6,
    Udp,
    AckDrawn,
    DataDrawn,
    Syn,
    Fin,
    RstRecorded,
    FirstFragmentRecorded,
    MiddleFragmentRecorded,
    Rst,
    FirstFragment,
    MiddleFragment,
}

/// What a program must do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Counts it among all packets and nothing else.
    Boring,
    /// Hands it over, as its connection was drawn.
    Drawn,
    /// Gives a record, always.
    Recorded,
    /// Gives a record, because the remote host has budget left.
    WithinBudget,
    /// Charges it to its remote host and gives no record, because no budget is left or the kind never gives any.
    Counted,
}

impl Kind {
    /// All kinds.
    pub(super) const ALL: [Self; 14] = [
        Self::Ack,
        Self::Data,
        Self::DataIpv6,
        Self::Udp,
        Self::AckDrawn,
        Self::DataDrawn,
        Self::Syn,
        Self::Fin,
        Self::RstRecorded,
        Self::FirstFragmentRecorded,
        Self::MiddleFragmentRecorded,
        Self::Rst,
        Self::FirstFragment,
        Self::MiddleFragment,
    ];

    /// What must happen. `None` where this kind does not exist in a direction: no fragment sent gives a record.
    pub(super) fn outcome(self, direction: Direction) -> Option<Outcome> {
        Some(match (self, direction) {
            (Self::Ack | Self::Data | Self::DataIpv6 | Self::Udp, _) => Outcome::Boring,
            (Self::AckDrawn | Self::DataDrawn, _) => Outcome::Drawn,
            (Self::Syn | Self::Fin, _) => Outcome::Recorded,
            (Self::FirstFragmentRecorded | Self::MiddleFragmentRecorded, Direction::Egress) => {
                return None;
            }
            (Self::RstRecorded | Self::FirstFragmentRecorded | Self::MiddleFragmentRecorded, _) => {
                Outcome::WithinBudget
            }
            (Self::Rst | Self::FirstFragment | Self::MiddleFragment, _) => Outcome::Counted,
        })
    }

    /// A frame of this kind.
    pub(super) fn frame(self) -> Vec<u8> {
        let segment = |segment: Segment| segment.in_ipv4(CLIENT, SERVER);
        let data = |octets| tcp().ack(1).data_len(octets);
        let mut frame = match self {
            Self::Ack | Self::AckDrawn => segment(tcp().ack(1)).frame(),
            Self::Data | Self::DataDrawn => segment(data(1460)).frame(),
            Self::DataIpv6 => data(1440).in_ipv6(CLIENT_V6, SERVER_V6).frame(),
            Self::Udp => udp().in_ipv4(CLIENT, SERVER).frame(),
            Self::Syn => segment(
                tcp()
                    .syn()
                    .mss(1460)
                    .sack_permitted()
                    .timestamps(7, 0)
                    .raw_options(&[1])
                    .window_scale(7),
            )
            .frame(),
            Self::Fin => {
                let fin = tcp().fin().ack(1).raw_options(&[1, 1]).timestamps(7, 8);
                segment(fin).frame()
            }
            Self::RstRecorded | Self::Rst => segment(tcp().rst()).frame(),
            Self::FirstFragmentRecorded | Self::FirstFragment => {
                segment(data(1440)).first_fragment().frame()
            }
            Self::MiddleFragmentRecorded | Self::MiddleFragment => {
                segment(data(1440)).middle_fragment(1480).frame()
            }
        };
        frame.resize(frame.len().max(SHORT_FRAME_LEN), 0);
        frame
    }

    /// Place in the frame of the last four octets of the remote host's address.
    pub(super) fn remote_offset(self, direction: Direction) -> usize {
        let in_packet = match (self == Self::DataIpv6, direction) {
            (false, Direction::Ingress) => ipv4::SOURCE_OFFSET,
            (false, Direction::Egress) => ipv4::DESTINATION_OFFSET,
            (true, Direction::Ingress) => ipv6::SOURCE_OFFSET + 12,
            (true, Direction::Egress) => ipv6::DESTINATION_OFFSET + 12,
        };
        ethernet::HEADER_LEN + in_packet
    }

    /// The most nanoseconds over an empty program that it may cost.
    pub(super) fn limit_ns(outcome: Outcome, remotes: u32) -> f64 {
        match outcome {
            Outcome::Boring => 7.0,
            Outcome::Drawn if remotes == 1 => 60.0,
            Outcome::Counted if remotes == 1 => 20.0,
            Outcome::Drawn | Outcome::Recorded | Outcome::WithinBudget | Outcome::Counted => 100.0,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ack => "ACK, 64 octets",
            Self::Data => "data, 1514 octets",
            Self::DataIpv6 => "IPv6 data, 1514 octets",
            Self::Udp => "UDP",
            Self::AckDrawn => "ACK, 64 octets, drawn",
            Self::DataDrawn => "data, 1514 octets, drawn",
            Self::Syn => "SYN with timestamps, recorded",
            Self::Fin => "FIN with timestamps, recorded",
            Self::RstRecorded => "RST, recorded",
            Self::FirstFragmentRecorded => "first fragment, recorded",
            Self::MiddleFragmentRecorded => "middle fragment, recorded",
            Self::Rst => "RST, counted only",
            Self::FirstFragment => "first fragment, counted only",
            Self::MiddleFragment => "middle fragment, counted only",
        })
    }
}
