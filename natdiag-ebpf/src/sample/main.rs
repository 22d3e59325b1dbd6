//! The programs that hand over the segments of connections that were drawn, from their first to their last. Those that
//! watch an interface go on with them; they only ever pass a packet on.
#![no_std]
#![no_main]
#![expect(
    clippy::needless_pass_by_value,
    reason = "aya's macros hand the context over"
)]

mod maps;

use aya_ebpf::{
    bindings::{TC_ACT_UNSPEC, xdp_action::XDP_PASS},
    helpers::bpf_ktime_get_ns,
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use natdiag_common::{Direction, follow, packet, sample};
use natdiag_ebpf::{frame::Frame, link};

/// Hands over a received segment of a device whose frames fit one buffer.
#[xdp]
fn natdiag_smp_xdp(ctx: XdpContext) -> u32 {
    let _ = hand_over(&Frame::of_xdp(&ctx), Direction::Ingress, 0);
    XDP_PASS
}

/// Hands over a received segment of a device that spreads jumbo frames over several buffers.
#[xdp(frags)]
fn natdiag_smp_xmb(ctx: XdpContext) -> u32 {
    let _ = hand_over(&Frame::of_xdp(&ctx), Direction::Ingress, 0);
    XDP_PASS
}

/// Hands over a received segment.
#[classifier]
fn natdiag_smp_in(ctx: TcContext) -> i32 {
    let _ = hand_over(&Frame::of_skb(&ctx), Direction::Ingress, merged(&ctx));
    TC_ACT_UNSPEC
}

/// Hands over a sent segment.
#[classifier]
fn natdiag_smp_out(ctx: TcContext) -> i32 {
    let _ = hand_over(&Frame::of_skb(&ctx), Direction::Egress, merged(&ctx));
    TC_ACT_UNSPEC
}

/// Octets of data in each of the segments that the packet was merged from, or will be cut into; zero where it is one.
#[inline(always)]
fn merged(ctx: &TcContext) -> u32 {
    // SAFETY: the kernel hands a valid context over; it has this field since Linux 5.7.
    unsafe { (*ctx.skb.skb).gso_size }
}

/// Hands a segment over. `None` is a packet of a connection that was not drawn, or that cannot be read here.
#[inline(always)]
fn hand_over(frame: &Frame, direction: Direction, of_each_segment: u32) -> Option<()> {
    let packet = packet::parse(frame, link::link_type()).ok()??;
    let wire_len = follow::wire_len(&packet, of_each_segment);
    let (segment, ports) = follow::segment(frame, &packet, wire_len)?;
    let ends = sample::ends(frame, &packet, direction, ports)?;
    if !sample::is_drawn(sample::hash(&ends), maps::one_in()) {
        return None;
    }
    let Some(mut entry) = maps::reserve() else {
        maps::count_missed();
        return None;
    };
    // SAFETY: the ring's memory is readable, and any octets are a value of integers.
    let sample = unsafe { &mut *entry.as_mut_ptr() };
    sample.fill(direction, ends, &segment, now_ns());
    entry.submit(maps::NO_WAKEUP);
    Some(())
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_ns() }
}
