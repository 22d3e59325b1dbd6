//! Permission for aya to copy shared types out of maps.

use crate::{
    counter::Totals,
    follow::FollowCounts,
    probe::{ProbeConnection, RemedyTrial, WireEnds},
    slot::RemoteSlot,
};

// SAFETY: `repr(C)`, integers only, no padding (see the layout tests), any bit pattern is valid.
unsafe impl aya::Pod for Totals {}
// SAFETY: `repr(C)`, integers only, no padding (see the layout tests), any bit pattern is valid.
unsafe impl aya::Pod for RemoteSlot {}
// SAFETY: `repr(C)`, integers only, no padding (see the layout tests), any bit pattern is valid.
unsafe impl aya::Pod for FollowCounts {}
// SAFETY: `repr(C)`, integers only, no padding (see the layout tests), any bit pattern is valid.
unsafe impl aya::Pod for WireEnds {}
// SAFETY: `repr(C)`, integers only, no padding (see the layout tests), any bit pattern is valid.
unsafe impl aya::Pod for ProbeConnection {}
// SAFETY: integers and an address only, no padding.
unsafe impl aya::Pod for RemedyTrial {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Record, slot::Spill};

    #[test]
    fn shared_types_have_no_padding() {
        assert_eq!(size_of::<Totals>(), (6 + 32) * 8);
        assert_eq!(size_of::<RemoteSlot>(), 4 + 4 + 16 + 32 * 2 + 6 * 4);
        assert_eq!(size_of::<Spill>(), 4 * 4 + 16 + 32 * 2);
        assert_eq!(size_of::<Record>(), Record::SIZE);
        assert_eq!(size_of::<FollowCounts>(), (22 + 11 + 11) * 8);
        assert_eq!(size_of::<WireEnds>(), 2 * 16 + 2 * 2 + 4);
        assert_eq!(size_of::<ProbeConnection>(), 2 * 8 + 14 * 4);
        assert_eq!(size_of::<RemedyTrial>(), 8 + 16 + 2 * 4);
    }
}
