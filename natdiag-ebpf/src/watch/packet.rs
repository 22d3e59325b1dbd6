//! One packet's way: a glance, and for the few that are worth it parse, classify, record or count.

use core::hint::black_box;

use aya_ebpf::{
    EbpfContext,
    bindings::{__sk_buff, xdp_md},
    btf_maps::ProgramArray,
    helpers::bpf_ktime_get_ns,
    programs::{TcContext, XdpContext},
};
use natdiag_common::{
    Direction, FrameBytes as _, ParseError,
    classify::{Keep, classify},
    counter::{Counter, Totals},
    packet::{self, Glance, PacketMeta},
    wire::{ethernet, ipv4, tcp},
};
use natdiag_ebpf::{frame::Frame, link};

use crate::{
    account::{Account, Grant},
    drawn,
    headers::Headers,
    linear, log, maps,
};

/// Most octets of a payload that are read: a TCP header with all its options.
const TRANSPORT_LEN: usize = 60;
/// Octets up to the end of the TCP header, where no tag or option comes before it.
const PLAIN_HEADERS_LEN: usize = ethernet::HEADER_LEN + ipv4::MIN_HEADER_LEN + tcp::MIN_HEADER_LEN;

/// Looks at a packet before the network stack does.
#[inline(always)]
pub(crate) fn received_by_xdp(ctx: &XdpContext, sampler: &ProgramArray<1>) {
    let Some(totals) = count(Direction::Ingress) else {
        return;
    };
    let frame = Frame::of_xdp(ctx);
    match packet::glance(&frame, link::link_type()) {
        Glance::Ordinary => {}
        // The two arms are alike and stand apart: each is compiled in line, and is shorter than what would serve both.
        Glance::Segment(packet) => keep(ctx, totals, frame, packet, Direction::Ingress, |_, _| {
            Frame::of_xdp(ctx)
        }),
        Glance::Fragment(packet) => keep(ctx, totals, frame, packet, Direction::Ingress, |_, _| {
            Frame::of_xdp(ctx)
        }),
        Glance::Unclear => xdp_any(ctx.ctx, totals),
    }
    drawn::hand_over(ctx, &Frame::of_xdp(ctx), sampler);
}

/// Looks at a packet on its way into the network stack.
#[inline(always)]
pub(crate) fn received_by_tc(ctx: &TcContext, sampler: &ProgramArray<1>) {
    seen_by_tc(ctx, Direction::Ingress, sampler, tc_received_any);
}

/// Looks at a packet on its way out of the network stack.
#[inline(always)]
pub(crate) fn sent_by_tc(ctx: &TcContext, sampler: &ProgramArray<1>) {
    seen_by_tc(ctx, Direction::Egress, sampler, tc_sent_any);
}

#[inline(always)]
fn seen_by_tc(
    ctx: &TcContext,
    direction: Direction,
    sampler: &ProgramArray<1>,
    any: impl FnOnce(*mut __sk_buff, &mut Totals),
) {
    let Some(totals) = count(direction) else {
        return;
    };
    let frame = Frame::of_skb(ctx);
    match packet::glance(&frame, link::link_type()) {
        Glance::Ordinary => {}
        Glance::Segment(packet) if !frame.lacks(PLAIN_HEADERS_LEN) => {
            keep(
                ctx,
                totals,
                frame,
                packet,
                direction,
                |frame, needed_len| linear::with_octets(ctx, &frame, needed_len),
            );
        }
        Glance::Fragment(packet) if !frame.lacks(PLAIN_HEADERS_LEN) => {
            keep(
                ctx,
                totals,
                frame,
                packet,
                direction,
                |frame, needed_len| linear::with_octets(ctx, &frame, needed_len),
            );
        }
        Glance::Segment(_) | Glance::Fragment(_) | Glance::Unclear => any(ctx.skb.skb, totals),
    }
    // The frame anew: the octets may have been moved since.
    drawn::hand_over(ctx, &Frame::of_skb(ctx), sampler);
}

// What needs more than a glance is out of line: its needs for registers and stack would slow down the rest.

#[inline(never)]
fn xdp_any(ctx: *mut xdp_md, totals: &mut Totals) {
    let ctx = XdpContext::new(ctx);
    let frame = Frame::of_xdp(&ctx);
    let parsed = packet::parse(&frame, link::link_type());
    if let Some(packet) = notable(&ctx, totals, parsed) {
        keep(&ctx, totals, frame, packet, Direction::Ingress, |_, _| {
            Frame::of_xdp(&ctx)
        });
    }
}

#[inline(never)]
fn tc_received_any(skb: *mut __sk_buff, totals: &mut Totals) {
    tc_any(skb, totals, Direction::Ingress);
}

#[inline(never)]
fn tc_sent_any(skb: *mut __sk_buff, totals: &mut Totals) {
    tc_any(skb, totals, Direction::Egress);
}

#[inline(always)]
fn tc_any(skb: *mut __sk_buff, totals: &mut Totals, direction: Direction) {
    let ctx = TcContext::new(skb);
    let frame = linear::with_headers(&ctx);
    let parsed = packet::parse(&frame, link::link_type());
    if let Some(packet) = notable(&ctx, totals, parsed) {
        keep(
            &ctx,
            totals,
            frame,
            packet,
            direction,
            |frame, needed_len| linear::with_octets(&ctx, &frame, needed_len),
        );
    }
}

/// Counts a packet, whatever it is.
#[inline(always)]
fn count(direction: Direction) -> Option<&'static mut Totals> {
    let totals = maps::totals()?;
    totals.increment(match direction {
        Direction::Ingress => Counter::PacketsIngress,
        Direction::Egress => Counter::PacketsEgress,
    });
    Some(totals)
}

/// The packet, if there is more to say about it. Counts it if it is malformed.
#[inline(always)]
fn notable(
    ctx: &impl EbpfContext,
    totals: &mut Totals,
    parsed: Result<Option<PacketMeta>, ParseError>,
) -> Option<PacketMeta> {
    match parsed {
        Ok(packet) => laid_down(&packet.filter(PacketMeta::is_notable)?),
        Err(error) => {
            totals.increment_malformed(error);
            log::malformed(ctx, error);
            None
        }
    }
}

/// The packet as it is, of which the verifier knows nothing. There always is room for it; the verifier does not know
/// that either.
///
/// The verifier follows what a register may hold along every way through the parser, and would go through all that
/// comes after it once per way. Of a map it knows nothing, so that all ways meet here.
#[inline(always)]
fn laid_down(packet: &PacketMeta) -> Option<PacketMeta> {
    let room = maps::headers()?;
    // SAFETY: the map returned the pointer, and nothing else runs on this CPU that uses the entry.
    unsafe { room.write(Headers::of(packet)) };
    // LLVM shall not know where this points to: it would see through the map.
    let headers: *const Headers = black_box(room);
    // SAFETY: they have been written above.
    Some(unsafe { headers.read() }.packet())
}

/// Keeps what there is to say about a packet: a record, which also is its charge to the remote host; or where it gives
/// none, an entry in the cache. `reach` makes so many of the frame's octets readable, if it can.
#[inline(always)]
fn keep(
    ctx: &impl EbpfContext,
    totals: &mut Totals,
    frame: Frame,
    packet: PacketMeta,
    direction: Direction,
    reach: impl FnOnce(Frame, usize) -> Frame,
) {
    let frame = reach(frame, packet.payload_offset + TRANSPORT_LEN);
    let observation = classify(&frame, &packet, direction);
    let mut tally = observation.tally;
    if let Some(tally) = &mut tally {
        totals.increment(Counter::Charged);
        // What follows is verified once, and not for each kind of packet.
        tally.counter = frame.forget_way(tally.counter);
        tally.detail = frame.forget_way(tally.detail);
    }
    let mut account = None;
    let grant = match (observation.keep, tally) {
        (Keep::Always, _) | (Keep::WithinBudget, None) => Grant::Given,
        (Keep::Never, _) => Grant::Refused,
        (Keep::WithinBudget, Some(tally)) => {
            let Some(found) = Account::of(tally.remote) else {
                return;
            };
            account.insert(found).grant(&packet)
        }
    };
    if grant == Grant::Given {
        if let Some(mut entry) = maps::reserve_record() {
            let record = entry.content();
            record.fill(&frame, &packet, tally, direction, now_ns());
            return entry.submit();
        }
        totals.increment(Counter::MissedRecordsRing);
        log::ring_is_full(ctx);
    } else if observation.keep == Keep::WithinBudget {
        totals.increment(Counter::MissedRecordsBudget);
    }
    if let Some(tally) = tally
        && !account
            .or_else(|| Account::of(tally.remote))
            .is_some_and(|mut account| account.charge(&tally, grant))
    {
        totals.increment(Counter::MissedRemotes);
    }
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_ns() }
}
