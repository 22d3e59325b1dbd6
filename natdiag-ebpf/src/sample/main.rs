//! The programs that hand over the segments of connections that were drawn, from their first to their last. They only
//! ever pass a packet on.
#![no_std]
#![no_main]
#![expect(
    clippy::needless_pass_by_value,
    reason = "aya's macros hand the context over"
)]

mod maps;

use aya_ebpf::{
    bindings::TC_ACT_UNSPEC, helpers::bpf_ktime_get_ns, macros::classifier, programs::TcContext,
};
use natdiag_common::{Direction, follow, packet, sample};
use natdiag_ebpf::{frame::Frame, link};

/// Looks at received packets.
#[classifier]
fn natdiag_smp_in(ctx: TcContext) -> i32 {
    let _ = look(&ctx, Direction::Ingress);
    TC_ACT_UNSPEC
}

/// Looks at sent packets.
#[classifier]
fn natdiag_smp_out(ctx: TcContext) -> i32 {
    let _ = look(&ctx, Direction::Egress);
    TC_ACT_UNSPEC
}

/// Looks at one packet. `None` is one of a connection that was not drawn, or that cannot be read here.
#[inline(always)]
fn look(ctx: &TcContext, direction: Direction) -> Option<()> {
    let mask = maps::mask()?;
    let frame = Frame::of_skb(ctx);
    if sample::plain_hash(&frame, link::link_type()).is_some_and(|hash| hash & mask != 0) {
        return None;
    }
    let packet = packet::parse(&frame, link::link_type()).ok()??;
    // SAFETY: the kernel hands a valid context over; it has this field since Linux 5.7.
    let of_each_segment = unsafe { (*ctx.skb.skb).gso_size };
    let wire_len = follow::wire_len(&packet, of_each_segment);
    let (segment, ports) = follow::segment(&frame, &packet, wire_len)?;
    let ends = sample::ends(&frame, &packet, direction, ports)?;
    if sample::hash(&ends) & mask != 0 {
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
