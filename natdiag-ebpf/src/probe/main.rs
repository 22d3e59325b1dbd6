//! The programs of an active test: they change the timestamps of the test's own connections and of nobody else's.
//! A sent packet is known by the cookie of its socket, a received one by the four-tuple that a SYN left with. Beside
//! them a program that tries a remedy on SYNs to one host.
#![no_std]
#![no_main]
#![expect(
    clippy::cast_possible_truncation,
    reason = "a TCP header has 60 octets at most, and an MSS two"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "aya's macros hand the context over"
)]

mod maps;
mod rewrite;
mod segment;
mod timestamps;
mod trial;

use aya_ebpf::{bindings::TC_ACT_UNSPEC, macros::classifier, programs::TcContext};

/// Restores what a connection of the test receives, and notes how its SYN is answered.
#[classifier]
fn natdiag_prb_in(ctx: TcContext) -> i32 {
    let _ = timestamps::received(&ctx);
    TC_ACT_UNSPEC
}

/// Changes what a connection of the test sends.
#[classifier]
fn natdiag_prb_out(ctx: TcContext) -> i32 {
    let _ = timestamps::sent(&ctx);
    TC_ACT_UNSPEC
}

/// Changes SYNs to the host of a trial.
#[classifier]
fn natdiag_try_out(ctx: TcContext) -> i32 {
    let _ = trial::sent(&ctx);
    TC_ACT_UNSPEC
}
