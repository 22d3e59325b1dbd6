//! The programs that watch an interface: XDP for received packets, TC for received and for sent ones.
//! They only ever pass a packet on.
#![no_std]
#![no_main]
#![expect(
    clippy::cast_possible_truncation,
    reason = "jiffies and lengths of headers are compared in 32 bits"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "aya's macros hand the context over"
)]

mod account;
mod drawn;
mod headers;
mod linear;
mod log;
mod maps;
mod packet;

use aya_ebpf::{
    bindings::{TC_ACT_UNSPEC, xdp_action::XDP_PASS},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};

/// Counts received packets of a device whose frames fit one buffer.
#[xdp]
fn natdiag_xdp(ctx: XdpContext) -> u32 {
    packet::received_by_xdp(&ctx, &maps::SAMPLER_XDP);
    XDP_PASS
}

/// Counts received packets of a device that spreads jumbo frames over several buffers.
#[xdp(frags)]
fn natdiag_xdp_mb(ctx: XdpContext) -> u32 {
    packet::received_by_xdp(&ctx, &maps::SAMPLER_XDP_MB);
    XDP_PASS
}

/// Counts received packets.
#[classifier]
fn natdiag_tc_in(ctx: TcContext) -> i32 {
    packet::received_by_tc(&ctx, &maps::SAMPLER_TC_IN);
    TC_ACT_UNSPEC
}

/// Counts sent packets.
#[classifier]
fn natdiag_tc_out(ctx: TcContext) -> i32 {
    packet::sent_by_tc(&ctx, &maps::SAMPLER_TC_OUT);
    TC_ACT_UNSPEC
}
