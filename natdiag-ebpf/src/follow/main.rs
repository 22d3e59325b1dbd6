//! The programs that follow established connections of hosts under suspicion. They are attached only while there is
//! such a host, and only ever pass a packet on.
#![no_std]
#![no_main]
#![expect(
    clippy::needless_pass_by_value,
    reason = "aya's macros hand the context over"
)]

mod maps;

use aya_ebpf::{
    bindings::TC_ACT_UNSPEC, helpers::bpf_ktime_get_coarse_ns, macros::classifier,
    programs::TcContext,
};
use natdiag_common::{
    Direction,
    follow::{self, FlowEnds, FollowCounter},
    packet::{self, Transport},
};
use natdiag_ebpf::{frame::Frame, link};

/// Follows received packets.
#[classifier]
fn natdiag_fol_in(ctx: TcContext) -> i32 {
    let _ = follow(&ctx, Direction::Ingress);
    TC_ACT_UNSPEC
}

/// Follows sent packets.
#[classifier]
fn natdiag_fol_out(ctx: TcContext) -> i32 {
    let _ = follow(&ctx, Direction::Egress);
    TC_ACT_UNSPEC
}

/// Looks at one packet. `None` is one that nobody is suspected for, or that cannot be read here.
#[inline(always)]
fn follow(ctx: &TcContext, direction: Direction) -> Option<()> {
    let frame = Frame::of_skb(ctx);
    let packet = packet::parse(&frame, link::link_type()).ok()??;
    let Transport::Tcp { .. } = packet.transport else {
        return None;
    };
    let (source, destination) = (packet.source(&frame)?, packet.destination(&frame)?);
    let (local, remote) = match direction {
        Direction::Ingress => (destination, source),
        Direction::Egress => (source, destination),
    };
    let counts = maps::counts(maps::suspect_place(remote)?)?;
    // SAFETY: the kernel hands a valid context over; it has this field since Linux 5.7.
    let of_each_segment = unsafe { (*ctx.skb.skb).gso_size };
    let wire_len = follow::wire_len(&packet, of_each_segment);
    let (segment, [source_port, destination_port]) = follow::segment(&frame, &packet, wire_len)?;
    let (local_port, remote_port) = match direction {
        Direction::Ingress => (destination_port, source_port),
        Direction::Egress => (source_port, destination_port),
    };
    let ends = FlowEnds {
        local,
        remote,
        local_port,
        remote_port,
    };
    let flow = maps::flow(follow::flow_place(&ends))?;
    let now_ns = now_ns();
    if !flow.claim(&ends, segment.flags, now_ns) {
        counts.increment(FollowCounter::LeftOut);
        return None;
    }
    match direction {
        Direction::Ingress => flow.received(&segment, now_ns, counts),
        Direction::Egress => flow.sent(&segment, now_ns, counts),
    }
    Some(())
}

#[inline(always)]
fn now_ns() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_coarse_ns() }
}
