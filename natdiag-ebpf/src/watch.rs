//! One packet's way: parse, classify, account, record.

use aya_ebpf::{
    helpers::bpf_ktime_get_ns,
    programs::{TcContext, XdpContext},
};
use natdiag_common::{
    Direction, ParseError,
    classify::{Keep, classify},
    counter::Counter,
    packet::{self, PacketMeta},
};

use crate::{account, frame::Frame, linear, maps};

/// Most octets of a payload that are read: a TCP header with all its options.
const TRANSPORT_LEN: usize = 60;

/// Looks at a packet before the network stack does.
#[inline(always)]
pub(crate) fn received_by_xdp(ctx: &XdpContext) {
    let frame = Frame::of_xdp(ctx);
    let parsed = packet::parse(&frame, maps::link_type());
    record(frame, parsed, Direction::Ingress, |_, _| Frame::of_xdp(ctx));
}

/// Looks at a packet on its way into or out of the network stack.
#[inline(always)]
pub(crate) fn seen_by_tc(ctx: &TcContext, direction: Direction) {
    let frame = linear::with_headers(ctx);
    let parsed = packet::parse(&frame, maps::link_type());
    record(frame, parsed, direction, |frame, needed_len| {
        linear::with_octets(ctx, &frame, needed_len)
    });
}

/// Counts and keeps what there is to say about a frame. `reach` makes so many of its octets readable, if it can.
#[inline(always)]
fn record(
    frame: Frame,
    parsed: Result<Option<PacketMeta>, ParseError>,
    direction: Direction,
    reach: impl FnOnce(Frame, usize) -> Frame,
) {
    let Some(totals) = maps::totals() else { return };
    totals.increment(match direction {
        Direction::Ingress => Counter::PacketsIngress,
        Direction::Egress => Counter::PacketsEgress,
    });
    let packet = match parsed {
        Ok(Some(packet)) => packet,
        Ok(None) => return,
        Err(error) => return totals.increment_malformed(error),
    };
    if !packet.is_notable() {
        return;
    }
    let frame = reach(frame, packet.payload_offset + TRANSPORT_LEN);
    let observation = classify(&frame, &packet, direction);
    let mut within_budget = true;
    if let Some(tally) = observation.tally {
        totals.increment(Counter::Charged);
        within_budget = account::charge(totals, &packet, &tally, observation.keep);
    }
    let keep = match observation.keep {
        Keep::Never => return,
        Keep::Always => true,
        Keep::WithinBudget => within_budget,
    };
    if !keep {
        totals.increment(Counter::MissedRecordsBudget);
    } else if !maps::submit_record(&frame, &packet, direction, now_ns()) {
        totals.increment(Counter::MissedRecordsRing);
    }
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_ns() }
}
