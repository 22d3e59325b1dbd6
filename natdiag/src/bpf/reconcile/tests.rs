//! A model of the kernel's slot, read at awkward moments.

use std::collections::BTreeMap;

use natdiag_common::slot::{BUDGET_BURST, slot_index};

use super::*;

const HOST_A: Address = Address::from_ipv4([198, 51, 100, 1]);
const HOST_B: Address = Address::from_ipv4([198, 51, 100, 2]);
const SYN: RemoteCounter = RemoteCounter::SynSent;
const LARGEST: RemoteCounter = RemoteCounter::LargestFirstTcpOctets;

/// What the kernel does with one slot of CPU 0.
struct Kernel {
    slot: RemoteSlot,
    spills: Vec<Spill>,
}

impl Kernel {
    fn new() -> Self {
        Self {
            slot: RemoteSlot {
                epoch_head: 0,
                packets: 0,
                address: Address::default(),
                counts: RemoteCounts::ZERO,
                budget: BUDGET_BURST,
                refilled: 0,
                denied: 0,
                reserved: [0; 2],
                epoch_tail: 0,
            },
            spills: Vec::new(),
        }
    }

    fn count(&mut self, remote: Address, counter: RemoteCounter) {
        if self.slot.address != remote {
            self.hand_over(remote);
        }
        self.slot.packets += 1;
        self.slot.counts.words[counter as usize] += 1;
    }

    fn hand_over(&mut self, remote: Address) {
        if self.slot.packets != 0 {
            self.spills.push(Spill {
                cpu: 0,
                slot: 0,
                epoch: self.slot.epoch_head,
                packets: self.slot.packets,
                address: self.slot.address,
                counts: self.slot.counts,
            });
        }
        self.slot.epoch_tail += 1;
        self.slot.packets = 0;
        self.slot.address = remote;
        self.slot.counts = RemoteCounts::ZERO;
        self.slot.epoch_head += 1;
    }

    fn drain(&mut self, books: &mut Books) {
        for spill in self.spills.drain(..) {
            books.take(|reconciler| reconciler.spilled(&spill));
        }
    }
}

/// What userspace makes of it.
struct Books {
    reconciler: Reconciler,
    syns: BTreeMap<Address, u32>,
}

impl Books {
    fn new() -> Self {
        Self {
            reconciler: Reconciler::new(2),
            syns: BTreeMap::new(),
        }
    }

    fn take(&mut self, read: impl FnOnce(&mut Reconciler) -> Option<Increment>) {
        if let Some(increment) = read(&mut self.reconciler) {
            *self.syns.entry(increment.remote).or_default() +=
                u32::from(increment.counts.value(SYN));
        }
    }

    fn resident(&mut self, copy: &RemoteSlot) {
        self.take(|reconciler| reconciler.resident(0, 0, copy));
    }
}

#[test]
fn an_untouched_slot_gives_nothing() {
    let mut books = Books::new();
    books.resident(&Kernel::new().slot);
    assert_eq!(books.syns, BTreeMap::new());
}

#[test]
fn a_resident_host_gives_what_came_since_the_last_time() {
    let (mut kernel, mut books) = (Kernel::new(), Books::new());
    kernel.count(HOST_A, SYN);
    books.resident(&kernel.slot);
    books.resident(&kernel.slot);
    kernel.count(HOST_A, SYN);
    books.resident(&kernel.slot);
    assert_eq!(books.syns, BTreeMap::from([(HOST_A, 2)]));
    assert_eq!(books.reconciler.counted(), 2);
}

#[test]
fn a_spill_gives_what_was_not_yet_seen_resident() {
    let (mut kernel, mut books) = (Kernel::new(), Books::new());
    kernel.count(HOST_A, SYN);
    books.resident(&kernel.slot);
    kernel.count(HOST_A, SYN);
    kernel.count(HOST_B, SYN);
    kernel.drain(&mut books);
    books.resident(&kernel.slot);
    assert_eq!(books.syns, BTreeMap::from([(HOST_A, 2), (HOST_B, 1)]));
}

#[test]
fn a_copy_that_was_spilled_before_it_was_merged_is_not_counted_twice() {
    let (mut kernel, mut books) = (Kernel::new(), Books::new());
    kernel.count(HOST_A, SYN);
    let copy = kernel.slot;
    kernel.count(HOST_B, SYN);
    kernel.drain(&mut books);
    books.resident(&copy);
    assert_eq!(books.syns, BTreeMap::from([(HOST_A, 1)]));
}

#[test]
fn a_copy_whose_predecessor_is_still_in_the_ring_waits() {
    let (mut kernel, mut books) = (Kernel::new(), Books::new());
    kernel.count(HOST_A, SYN);
    books.resident(&kernel.slot);
    kernel.count(HOST_A, SYN);
    kernel.count(HOST_B, SYN);
    // Another CPU's unfinished spill hides this one.
    books.resident(&kernel.slot);
    assert_eq!(books.syns, BTreeMap::from([(HOST_A, 1)]));
    kernel.drain(&mut books);
    books.resident(&kernel.slot);
    assert_eq!(books.syns, BTreeMap::from([(HOST_A, 2), (HOST_B, 1)]));
}

#[test]
fn the_same_host_in_a_later_epoch_starts_afresh() {
    let (mut kernel, mut books) = (Kernel::new(), Books::new());
    for host in [HOST_A, HOST_B, HOST_A, HOST_A] {
        kernel.count(host, SYN);
    }
    kernel.drain(&mut books);
    books.resident(&kernel.slot);
    assert_eq!(books.syns, BTreeMap::from([(HOST_A, 3), (HOST_B, 1)]));
}

#[test]
fn a_copy_of_two_hosts_is_left_out() {
    let (mut kernel, mut books) = (Kernel::new(), Books::new());
    kernel.count(HOST_A, SYN);
    let mut torn = kernel.slot;
    torn.epoch_tail += 1;
    books.resident(&torn);
    assert_eq!(books.syns, BTreeMap::new());
}

#[test]
fn a_maximum_is_given_as_it_is() {
    let (mut kernel, mut books) = (Kernel::new(), Books::new());
    kernel.count(HOST_A, RemoteCounter::FragmentTcpFirst);
    kernel.slot.counts.words[LARGEST as usize] = 1396;
    for expected in [Some(1396), None] {
        let increment = books.reconciler.resident(0, 0, &kernel.slot);
        let largest = increment.map(|increment| increment.counts.value(LARGEST));
        assert_eq!(largest, expected);
    }
    kernel.count(HOST_A, RemoteCounter::FragmentTcpLast);
    let increment = books.reconciler.resident(0, 0, &kernel.slot).unwrap();
    assert_eq!(increment.counts.value(LARGEST), 1396);
    assert_eq!(increment.counts.value(RemoteCounter::FragmentTcpFirst), 0);
    assert_eq!(increment.counts.value(RemoteCounter::FragmentTcpLast), 1);
}

#[test]
fn a_detail_does_not_count_a_packet_again() {
    let (mut kernel, mut books) = (Kernel::new(), Books::new());
    kernel.count(HOST_A, RemoteCounter::FragmentUdpFirst);
    kernel.slot.counts.words[RemoteCounter::FragmentDontFragment as usize] += 1;
    books.resident(&kernel.slot);
    assert_eq!(books.reconciler.counted(), 1);
}

#[test]
fn slots_that_do_not_exist_are_left_out() {
    let (mut kernel, mut books) = (Kernel::new(), Books::new());
    kernel.count(HOST_A, SYN);
    assert_eq!(books.reconciler.resident(2, 0, &kernel.slot), None);
    assert_eq!(
        books.reconciler.resident(0, SLOTS as usize, &kernel.slot),
        None
    );
    assert!(slot_index(HOST_A) < SLOTS);
}

proptest::proptest! {
    #[test]
    fn every_packet_is_counted_once_whatever_the_order_of_reading(
        steps in proptest::collection::vec(0..6_u8, 0..200),
    ) {
        let (mut kernel, mut books) = (Kernel::new(), Books::new());
        let mut expected = BTreeMap::<Address, u32>::new();
        let mut copy = None;
        for step in steps {
            match step {
                0 | 1 => {
                    let host = if step == 0 { HOST_A } else { HOST_B };
                    kernel.count(host, SYN);
                    *expected.entry(host).or_default() += 1;
                }
                2 => copy = Some(kernel.slot),
                3 => kernel.drain(&mut books),
                4 => {
                    // As userspace does it: the copy first, then the ring, then what the copy holds.
                    if let Some(copy) = copy.take() {
                        kernel.drain(&mut books);
                        books.resident(&copy);
                    }
                }
                _ => {
                    if let Some(copy) = copy.take() {
                        books.resident(&copy);
                    }
                }
            }
        }
        kernel.drain(&mut books);
        books.resident(&kernel.slot);
        proptest::prop_assert_eq!(&books.syns, &expected);
        let packets: u32 = expected.values().sum();
        proptest::prop_assert_eq!(books.reconciler.counted(), u64::from(packets));
    }
}
