//! Programs for measuring the others. Never part of a release.
#![no_std]
#![no_main]
#![expect(
    clippy::needless_pass_by_value,
    reason = "aya's macros hand the context over"
)]

use aya_ebpf::{
    bindings::{
        TC_ACT_SHOT, TC_ACT_UNSPEC,
        xdp_action::{XDP_ABORTED, XDP_PASS},
    },
    btf_maps::{PerCpuArray, ProgramArray},
    macros::{btf_map, classifier, xdp},
    programs::{TcContext, XdpContext},
};
// Its licence and its panic handler.
use natdiag_ebpf as _;

/// Octets of a packet that may hold an address.
const HEADERS_LEN: usize = 64;

/// Which address the next packet gets: the state of a generator, the bits of it that vary, the bits that do not, and
/// the place in the packet.
#[btf_map]
static AIM: PerCpuArray<[u32; 4], 1> = PerCpuArray::new();

#[btf_map]
static TARGET_XDP: ProgramArray<1> = ProgramArray::new();

#[btf_map]
static TARGET_TC: ProgramArray<1> = ProgramArray::new();

/// Passes.
#[xdp]
fn empty_xdp(_ctx: XdpContext) -> u32 {
    XDP_PASS
}

/// Passes.
#[classifier]
fn empty_tc(_ctx: TcContext) -> i32 {
    TC_ACT_UNSPEC
}

/// Gives the packet another address and goes on with the program under test.
#[xdp]
fn aim_xdp(ctx: XdpContext) -> u32 {
    aim(ctx.data(), ctx.data_end());
    // SAFETY: nothing here has to be dropped.
    unsafe { TARGET_XDP.tail_call(&ctx, 0) };
    XDP_ABORTED
}

/// Gives the packet another address and goes on with the program under test.
#[classifier]
fn aim_tc(ctx: TcContext) -> i32 {
    aim(ctx.data(), ctx.data_end());
    // SAFETY: nothing here has to be dropped.
    unsafe { TARGET_TC.tail_call(&ctx, 0) };
    TC_ACT_SHOT
}

#[inline(always)]
fn aim(data: usize, data_end: usize) {
    let Some(aim) = AIM.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: the map returned the pointer, and no other program runs on this CPU meanwhile.
    let [state, varying, fixed, offset] = unsafe { &mut *aim };
    // A linear congruential generator (Numerical Recipes): its low bits take every value once before any comes again.
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    let address = *fixed | (*state & *varying);
    let start = data + (*offset as usize & (HEADERS_LEN - 1));
    if start + 4 <= data_end {
        // SAFETY: the line above proved the four octets to lie in the packet; `[u8; 4]` has alignment 1.
        unsafe { *(start as *mut [u8; 4]) = address.to_be_bytes() };
    }
}
