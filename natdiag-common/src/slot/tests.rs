//! Where remote hosts go in the cache.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_slot_is_always_there(octets in any::<[u8; 16]>()) {
        prop_assert!(slot_index(Address::from_octets(octets)) < SLOTS);
    }
}

/// How many slots `hosts` addresses take.
fn slots_taken(addresses: impl Iterator<Item = Address>) -> usize {
    addresses.map(slot_index).collect::<HashSet<_>>().len()
}

#[test]
fn neighbours_are_spread() {
    // 256 balls in 1,024 urns take 226 of them on average, with a deviation of 5.
    let v4 = (0..=255).map(|last| Address::from_ipv4([198, 51, 100, last]));
    assert!(slots_taken(v4) > 200);
    let by_subnet = (0..=255).map(|net| Address::from_ipv4([10, net, 0, 1]));
    assert!(slots_taken(by_subnet) > 200);
    let v6 = (0..=255).map(|last| {
        Address::from_octets([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
    });
    assert!(slots_taken(v6) > 200);
    let by_prefix = (0..=255).map(|net| {
        Address::from_octets([0x20, 1, 0xd, 0xb8, 0, 0, 0, net, 0, 0, 0, 0, 0, 0, 0, 1])
    });
    assert!(slots_taken(by_prefix) > 200);
}

#[test]
fn a_slot_has_no_padding() {
    assert_eq!(size_of::<RemoteSlot>(), 112);
    assert_eq!(size_of::<Spill>(), 96);
}
