//! One packet's way, as in the BPF programs: parse, classify, count, record. There are no budgets and no rings, so
//! that nothing is missed but what the capture itself left out.

use natdiag_common::{
    Address, Cause, Direction,
    classify::{Keep, classify},
    counter::{Counter, RemoteCounts, Totals},
    follow::{self, FlowEnds, FollowedSegment},
    frame::CapturedFrame,
    packet::{self, PacketMeta, Transport},
    record::Record,
    sample,
    wire::tcp,
};

use super::{
    CapturedPacket,
    direction::DirectionFinder,
    link::{Content, LinkHeader, Opened},
    openings::Openings,
    protocol::{Protocol, Unread},
    shown::Shown,
};
use crate::value::network::Network;

/// What a packet gives that is more than a packet.
#[derive(Debug)]
pub(crate) struct Dissected {
    /// What it adds to the counters of a remote host.
    pub(super) charge: Option<(Address, RemoteCounts)>,
    /// What is kept of it.
    pub(crate) record: Option<Record>,
    /// The segment that it carries, where the capture shows it for the first time.
    pub(super) segment: Option<Followed>,
    /// Whether the capture has shown this very packet before.
    pub(super) is_again: bool,
}

impl Dissected {
    /// A segment that neither opens nor ends anything.
    const fn ordinary(segment: Followed) -> Self {
        Self {
            charge: None,
            record: None,
            segment: Some(segment),
            is_again: false,
        }
    }
}

/// A segment, which way it went, and between whom.
type Followed = (Direction, FlowEnds, FollowedSegment);

/// Counters over all packets of one capture, and what is known about their directions.
pub(crate) struct Dissector {
    finder: DirectionFinder,
    totals: Totals,
    omissions: Omissions,
    shown: Shown,
    openings: Openings,
}

/// What could not be looked at, or not for certain.
#[derive(Clone, Debug, Default)]
pub(super) struct Omissions {
    /// Packets that the capture cut off before a header that matters.
    pub(super) cut: u64,
    /// Counted packets of which nothing tells which way they went.
    pub(super) of_unknown_direction: u64,
    /// Packets that carry something that is not looked into.
    pub(super) unread: Unread,
}

impl Dissector {
    /// A dissector that takes these networks for the local side.
    pub(crate) fn new(local: Vec<Network>) -> Self {
        Self {
            finder: DirectionFinder::new(local),
            totals: Totals::ZERO,
            omissions: Omissions::default(),
            shown: Shown::default(),
            openings: Openings::default(),
        }
    }

    /// Counters so far.
    pub(super) const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Packets that could not be looked at so far.
    pub(super) const fn omissions(&self) -> &Omissions {
        &self.omissions
    }

    /// Looks at one packet. Most give nothing but their number.
    pub(crate) fn dissect(&mut self, captured: &CapturedPacket<'_>) -> Option<Dissected> {
        let opened = open(captured);
        let said = captured.direction.or(opened.direction);
        let parsed = opened.content.and_then(|content| match content {
            Content::Packet(frame, link) => {
                let packet = packet::parse(&frame, link)?;
                Ok(packet.map_or(Err(Protocol::NoIp), |packet| Ok((frame, packet))))
            }
            Content::Other(protocol) => Ok(Err(protocol)),
        });
        match parsed {
            Ok(Ok((frame, packet))) => return self.look(captured, &frame, &packet, said),
            Ok(Err(protocol)) => self.omissions.unread.note(protocol),
            Err(error) if error.cause == Cause::Truncated && is_cut(captured, &opened) => {
                self.count_cut();
            }
            Err(error) => self.totals.increment_malformed(error),
        }
        self.count_frame(said);
        None
    }

    fn look(
        &mut self,
        captured: &CapturedPacket<'_>,
        frame: &CapturedFrame<'_>,
        packet: &PacketMeta,
        said: Option<Direction>,
    ) -> Option<Dissected> {
        let judgement = self.finder.judge(frame, packet, said);
        let direction = judgement.direction;
        self.count_frame(Some(direction));
        if let Some(tunnel) = Protocol::tunnel(packet.protocol) {
            self.omissions.unread.note(tunnel);
        }
        let segment = segment(frame, packet, direction);
        let is_again = self.shown.has(frame, packet, direction, captured.time);
        let segment = segment.filter(|_| !is_again);
        let is_kept = segment.is_some_and(|(direction, ends, segment)| {
            self.openings.keeps(direction, &ends, &segment)
        });
        if !is_kept && !packet.is_notable() {
            return segment.map(Dissected::ordinary);
        }
        let observation = classify(frame, packet, direction);
        let charge = observation.tally.map(|tally| {
            self.totals.increment(Counter::Charged);
            self.omissions.of_unknown_direction += u64::from(!judgement.is_founded);
            (tally.remote, tally.counts())
        });
        let record = if observation.keep == Keep::Never && !is_kept {
            None
        } else if !is_kept && options_are_cut(frame, packet) {
            // Timestamps that the capture cut off must not pass for timestamps that were not sent.
            self.count_cut();
            None
        } else {
            let tally = observation.tally;
            Some(Record::new(
                frame,
                packet,
                tally,
                direction,
                captured.time.0,
            ))
        };
        Some(Dissected {
            charge,
            record,
            segment,
            is_again,
        })
    }

    fn count_frame(&mut self, direction: Option<Direction>) {
        self.totals.increment(match direction {
            None | Some(Direction::Ingress) => Counter::PacketsIngress,
            Some(Direction::Egress) => Counter::PacketsEgress,
        });
    }

    /// Counts a packet that may have been worth a record.
    fn count_cut(&mut self) {
        self.omissions.cut += 1;
        self.totals.increment(Counter::MissedRecordsRing);
    }
}

/// Reads the link header.
fn open<'a>(captured: &CapturedPacket<'a>) -> Opened<'a> {
    LinkHeader::of(captured.link_type).map_or_else(
        || Opened::of_unknown(captured.link_type),
        |header| header.open(captured.frame),
    )
}

/// Whether a packet that ends too early was cut by whoever captured it.
fn is_cut(captured: &CapturedPacket<'_>, opened: &Opened<'_>) -> bool {
    let is_rest_cut = matches!(opened.content, Ok(Content::Packet(frame, _)) if frame.is_cut());
    captured.frame.is_cut() || is_rest_cut
}

/// What the programs that follow connections would look at.
fn segment(
    frame: &CapturedFrame<'_>,
    packet: &PacketMeta,
    direction: Direction,
) -> Option<Followed> {
    let (segment, ports) = follow::segment(frame, packet, packet.total_len)?;
    let ends = sample::ends(frame, packet, direction, ports)?;
    Some((direction, ends, segment))
}

/// Whether the capture cut off TCP options.
fn options_are_cut(frame: &CapturedFrame<'_>, packet: &PacketMeta) -> bool {
    let Transport::Tcp { .. } = packet.transport else {
        return false;
    };
    frame.is_cut()
        && tcp::parse(frame, packet.payload_offset, packet.payload_len).is_ok_and(|header| {
            packet.payload_offset + header.data_offset_octets as usize > frame.octets.len()
        })
}
