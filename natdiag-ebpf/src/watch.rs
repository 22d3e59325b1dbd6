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

/// Looks at a packet before the network stack does.
#[inline(always)]
pub(crate) fn received_by_xdp(ctx: &XdpContext) {
    let frame = Frame::of_xdp(ctx);
    let parsed = packet::parse(&frame, maps::link_type());
    record(&frame, parsed, Direction::Ingress);
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
            && frame.is_partial()
            && !pulled
        {
            // Where it fails the packet is as it was, and what can be seen of it is counted.
            let _ = ctx.pull_data(HEADERS_LEN.min(ctx.len()));
            pulled = true;
            continue;
        }
        return record(&frame, parsed, direction);
    }
}

#[inline(always)]
fn record(frame: &Frame, parsed: Result<Option<PacketMeta>, ParseError>, direction: Direction) {
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
    let observation = classify(frame, &packet, direction);
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
    } else if !maps::submit_record(|record| record.fill(frame, &packet, direction, now_ns())) {
        totals.increment(Counter::MissedRecordsRing);
    }
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_ns() }
}
