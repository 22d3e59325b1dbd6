//! Programs of the test network: a server's memory of timestamps, clients' clocks, faulty devices, VLAN tags.
//! Never part of a release: they drop and rewrite packets.
#![no_std]
#![no_main]
#![expect(
    clippy::needless_pass_by_value,
    reason = "the macro of a program hands the context over"
)]

mod clock;
mod damage;
mod recycle;
mod segment;
mod tag;

use aya_ebpf::{
    bindings::{TC_ACT_SHOT, TC_ACT_UNSPEC},
    macros::classifier,
    programs::TcContext,
};

/// Applies the rule of `tcp_tw_recycle` to what a server receives.
#[classifier]
fn lab_recycle_in(ctx: TcContext) -> i32 {
    match recycle::received(&ctx) {
        Some(recycle::Verdict::Drop) => TC_ACT_SHOT,
        Some(recycle::Verdict::Pass) | None => TC_ACT_UNSPEC,
    }
}

/// Notes which connections a server closes first.
#[classifier]
fn lab_recycle_out(ctx: TcContext) -> i32 {
    let _ = recycle::sent(&ctx);
    TC_ACT_UNSPEC
}

/// Takes a host's clock base off the echoes that it receives.
#[classifier]
fn lab_clock_in(ctx: TcContext) -> i32 {
    let _ = clock::received(&ctx);
    TC_ACT_UNSPEC
}

/// Adds a host's clock base to the timestamps that it sends.
#[classifier]
fn lab_clock_out(ctx: TcContext) -> i32 {
    let _ = clock::sent(&ctx);
    TC_ACT_UNSPEC
}

/// Makes timestamps that a host sends older than those it has sent.
#[classifier]
fn lab_age_out(ctx: TcContext) -> i32 {
    let _ = damage::age(&ctx);
    TC_ACT_UNSPEC
}

/// Puts segments that a host sends outside the window.
#[classifier]
fn lab_shift_out(ctx: TcContext) -> i32 {
    let _ = damage::shift(&ctx);
    TC_ACT_UNSPEC
}

/// Takes VLAN tags off.
#[classifier]
fn lab_tag_in(ctx: TcContext) -> i32 {
    let _ = tag::pop(&ctx);
    TC_ACT_UNSPEC
}

/// Puts VLAN tags on.
#[classifier]
fn lab_tag_out(ctx: TcContext) -> i32 {
    let _ = tag::push(&ctx);
    TC_ACT_UNSPEC
}
