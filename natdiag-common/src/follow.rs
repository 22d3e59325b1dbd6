//! What the packets of established connections tell about a remote host under suspicion: data sent again or missing,
//! which sizes get through, and what comes after silence. One code for the BPF programs and for captures.
//!
//! It begins when the suspicion does: what was before is not known. No threshold of a verdict stands here; the bounds
//! only sort what is counted.

mod counts;
mod flow;
mod hole;
mod place;
mod segment;
mod side;
#[cfg(test)]
mod tests;

pub use self::{
    counts::{FollowCounter, FollowCounts, SILENCES, silence_class},
    flow::FollowedFlow,
    place::{FlowEnds, flow_place, suspect_set},
    segment::{FollowedSegment, segment, wire_len},
};

/// Remote hosts under suspicion at once.
pub const SUSPECTS: usize = 16;

/// Sets of places for suspects, chosen by [`suspect_set`]. A power of two.
pub const SUSPECT_SETS: u32 = 256;
/// Places in a set: of 16 hosts, three are in one set once in 10,000 times.
pub const SUSPECTS_PER_SET: u32 = 2;

/// Connections followed at once, each at the place of [`flow_place`]. A power of two.
pub const FLOWS: u32 = 1 << 14;

/// Longest IP packet that every link carries without fragments (RFC 8200, section 5). A longer one is *large*.
pub const SMALL_PACKET_OCTETS: u32 = 1280;

/// Silence after which a place is given to another connection: the longest suspicion.
pub const FORGOTTEN_AFTER_NS: u64 = 600_000_000_000;
