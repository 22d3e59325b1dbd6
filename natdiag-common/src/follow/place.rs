//! Where suspects and their connections have their places: two tables without probing, the same in the kernel and for
//! captures.

use super::{FLOWS, SUSPECT_SETS};
use crate::Address;

/// The two ends of a followed connection, ours first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct FlowEnds {
    /// Our address.
    pub local: Address,
    /// The suspect's address.
    pub remote: Address,
    /// Our port.
    pub local_port: u16,
    /// The suspect's port.
    pub remote_port: u16,
}

/// Set of places of a suspect, below [`SUSPECT_SETS`].
#[inline(always)]
#[must_use]
pub fn suspect_set(remote: Address) -> u32 {
    spread(remote, 0) & (SUSPECT_SETS - 1)
}

/// Place of a connection, below [`FLOWS`].
#[inline(always)]
#[must_use]
pub fn flow_place(ends: &FlowEnds) -> u32 {
    let ports = u64::from(ends.local_port) << 16 | u64::from(ends.remote_port);
    let [_, local] = ends.local.halves();
    spread(ends.remote, local ^ ports) & (FLOWS - 1)
}

/// Multiplicative hashing (Knuth): the upper bits of the product depend on all bits.
#[inline(always)]
fn spread(address: Address, salt: u64) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let [high, low] = address.halves();
    let product = (high.wrapping_mul(MULTIPLIER) ^ low ^ salt.wrapping_mul(MULTIPLIER | 2))
        .wrapping_mul(MULTIPLIER);
    (product >> 32) as u32
}
