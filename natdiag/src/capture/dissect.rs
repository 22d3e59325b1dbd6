//! One packet's way, as in the BPF programs: parse, classify, count, record. There are no budgets and no rings, so
//! that nothing is missed but what the capture itself left out.

use std::collections::BTreeMap;

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
    CapturedPacket, direction::DirectionFinder, link::LinkHeader, openings::Openings, shown::Shown,
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
    /// Packets with an unknown link header, by link type.
    pub(super) unknown_links: BTreeMap<u32, u64>,
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
        let said = captured.direction;
        let Some(header) = LinkHeader::of(captured.link_type) else {
            self.count_frame(said);
            *self
                .omissions
                .unknown_links
                .entry(captured.link_type)
                .or_default() += 1;
            return None;
        };
        let mut said = said;
        let parsed = header.strip(captured.frame).and_then(|stripped| {
            let Some(stripped) = stripped else {
                return Ok(None);
            };
            said = said.or(stripped.direction);
            let packet = packet::parse(&stripped.frame, stripped.link)?;
            Ok(packet.map(|packet| (stripped.frame, packet)))
        });
        match parsed {
            Ok(Some((frame, packet))) => self.look(captured, &frame, &packet, said),
            Ok(None) => {
                self.count_frame(said);
                None
            }
            Err(error) => {
                self.count_frame(said);
                if error.cause == Cause::Truncated && captured.frame.is_cut() {
                    self.count_cut();
                } else {
                    self.totals.increment_malformed(error);
                }
                None
            }
        }
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
