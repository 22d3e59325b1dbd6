//! One packet's way: parse, classify, account, record.

use aya_ebpf::{
    helpers::bpf_ktime_get_ns,
    programs::{TcContext, XdpContext},
};
use natdiag_common::{
    Cause, Direction, ParseError,
    classify::{Keep, classify},
    counter::Counter,
    packet::{self, PacketMeta},
};

use crate::{account, frame::Frame, maps};

/// Most octets of headers that a packet is made linear for.
const HEADERS_LEN: u32 = 256;

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
    let mut pulled = false;
    loop {
        let frame = Frame::of_skb(ctx);
        let parsed = packet::parse(&frame, maps::link_type());
        if let Err(error) = &parsed
            && error.cause == Cause::Truncated
            && frame.lacks(usize::MAX)
            && !pulled
        {
            // Where it fails the packet is as it was, and what can be seen of it is counted.
            let _ = ctx.pull_data(HEADERS_LEN.min(ctx.len()));
            pulled = true;
            continue;
        }
        return record(frame, parsed, direction, |frame, needed_len| {
            if frame.lacks(needed_len) {
                let _ = ctx.pull_data(HEADERS_LEN.min(ctx.len()));
            }
            // Also where it was complete: to the verifier both ways are then one.
            Frame::of_skb(ctx)
        });
    }
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
    } else if !maps::submit_record(|record| record.fill(&frame, &packet, direction, now_ns())) {
        totals.increment(Counter::MissedRecordsRing);
    }
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_ns() }
}
