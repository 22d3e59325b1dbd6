//! Puts VLAN tags on what an interface sends, and takes them off what it receives: this kernel may lack VLAN devices.

use aya_ebpf::{
    Global,
    helpers::{bpf_skb_vlan_pop, bpf_skb_vlan_push},
    programs::TcContext,
};

/// 802.1Q and 802.1ad.
const CUSTOMER_TAG: u16 = 0x8100;
const SERVICE_TAG: u16 = 0x88a8;

/// The customer's VLAN.
#[unsafe(no_mangle)]
static CUSTOMER_VLAN: Global<u16> = Global::new(0);

/// The provider's VLAN around it; 0 for none.
#[unsafe(no_mangle)]
static SERVICE_VLAN: Global<u16> = Global::new(0);

/// Puts the tags on.
#[inline(always)]
pub(crate) fn push(ctx: &TcContext) -> Option<()> {
    push_one(ctx, CUSTOMER_TAG, CUSTOMER_VLAN.load())?;
    match SERVICE_VLAN.load() {
        0 => Some(()),
        vlan => push_one(ctx, SERVICE_TAG, vlan),
    }
}

/// Takes them off.
#[inline(always)]
pub(crate) fn pop(ctx: &TcContext) -> Option<()> {
    if SERVICE_VLAN.load() != 0 {
        pop_one(ctx)?;
    }
    pop_one(ctx)
}

#[inline(always)]
fn push_one(ctx: &TcContext, tag: u16, vlan: u16) -> Option<()> {
    // SAFETY: the context is that of the packet at hand.
    let result = unsafe { bpf_skb_vlan_push(ctx.skb.skb, tag.to_be(), vlan) };
    (result == 0).then_some(())
}

#[inline(always)]
fn pop_one(ctx: &TcContext) -> Option<()> {
    // SAFETY: the context is that of the packet at hand.
    let result = unsafe { bpf_skb_vlan_pop(ctx.skb.skb) };
    (result == 0).then_some(())
}
