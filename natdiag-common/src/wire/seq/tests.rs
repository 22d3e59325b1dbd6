//! Order on a circle.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn order_of_sequence_numbers_is_antisymmetric(a in any::<u32>(), b in any::<u32>()) {
        let (a, b) = (SeqNumber(a), SeqNumber(b));
        prop_assert_eq!(a.at_or_after(b) && b.at_or_after(a), a == b);
        // Only numbers half a circle apart are in no order.
        let apart = a.0.wrapping_sub(b.0) == 1 << 31;
        prop_assert_eq!(a.at_or_after(b) || b.at_or_after(a), !apart);
    }

    #[test]
    fn a_later_number_comes_after(start in any::<u32>(), octets in 0..1_u32 << 31) {
        let start = SeqNumber(start);
        prop_assert!(start.plus(octets).at_or_after(start));
    }

    #[test]
    fn distance_of_timestamps_is_antisymmetric(a in any::<u32>(), b in any::<u32>()) {
        let (a, b) = (TsVal(a), TsVal(b));
        prop_assert_eq!(a.ahead_of(b), b.ahead_of(a).wrapping_neg());
    }
}

#[test]
fn numbers_wrap() {
    assert_eq!(SeqNumber(u32::MAX).plus(1), SeqNumber(0));
    assert!(SeqNumber(0).at_or_after(SeqNumber(u32::MAX)));
    assert!(!SeqNumber(u32::MAX).at_or_after(SeqNumber(0)));
    assert_eq!(TsVal(5).ahead_of(TsVal(u32::MAX)), 6);
    assert_eq!(TsVal(u32::MAX).ahead_of(TsVal(5)), -6);
    assert_eq!(TsVal(1 << 31).ahead_of(TsVal(0)), i32::MIN);
}

#[test]
fn numbers_half_a_circle_apart_are_in_no_order() {
    for start in [0, 1, 1 << 31, u32::MAX] {
        let (start, across) = (SeqNumber(start), SeqNumber(start).plus(1 << 31));
        assert!(!start.at_or_after(across) && !across.at_or_after(start));
    }
}
