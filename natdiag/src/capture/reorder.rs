//! Puts events into the order of their times. Captures from several interfaces or CPUs are a little out of order;
//! the analysis relies on the order.
//!
//! An event waits until a packet [`WINDOW_NS`] later was seen, or until [`MAX_WAITING`] others wait. What comes later
//! than that is given the earliest time that is still to come, and is counted.

use std::collections::VecDeque;

use crate::event::{Event, Timestamp};

/// How far behind a later packet an earlier one may stand in the file: dumpcap lets its interfaces run apart by the
/// time-out of a read, which is 100 ms in libpcap's programs.
pub(super) const WINDOW_NS: u64 = 100_000_000;

/// Most events that wait. At 200 octets each that is 3 MB.
const MAX_WAITING: usize = 16_384;

/// Events on their way to the analysis.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    waiting: VecDeque<Event>,
    released: Timestamp,
    late: u64,
}

impl Reorder {
    /// Takes the event of the packet that follows in the file.
    pub(super) fn push(&mut self, mut event: Event) {
        if event.time < self.released {
            self.late += 1;
            event.time = self.released;
        }
        let place = self
            .waiting
            .partition_point(|earlier| earlier.time <= event.time);
        self.waiting.insert(place, event);
    }

    /// Gives the next event up to `settled`, a time before which none is to be expected any more.
    pub(super) fn pop(&mut self, settled: Timestamp) -> Option<Event> {
        let is_full = self.waiting.len() > MAX_WAITING;
        let next = self
            .waiting
            .pop_front_if(|event| is_full || event.time <= settled);
        let reached = next.as_ref().map_or(settled, |event| event.time);
        self.released = self.released.max(reached);
        next
    }

    /// Events that came too late for their place.
    pub(super) const fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use natdiag_common::Direction;

    use super::*;
    use crate::event::Content;

    fn event(time_ms: u64) -> Event {
        Event {
            time: Timestamp(time_ms * 1_000_000),
            direction: Direction::Ingress,
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            destination: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ttl: 64,
            protocol: 6,
            dont_fragment: false,
            identification: 0,
            total_len: 40,
            fragment: None,
            content: Content::Other,
        }
    }

    /// The times at which events come out, and how many were late.
    fn order(times_ms: &[u64]) -> (Vec<u64>, u64) {
        let mut reorder = Reorder::default();
        let mut newest_ns = 0;
        let mut out = Vec::new();
        for time_ms in times_ms {
            reorder.push(event(*time_ms));
            newest_ns = newest_ns.max(time_ms * 1_000_000);
            let settled = Timestamp(newest_ns.saturating_sub(WINDOW_NS));
            while let Some(event) = reorder.pop(settled) {
                out.push(event.time.0 / 1_000_000);
            }
        }
        while let Some(event) = reorder.pop(Timestamp(newest_ns)) {
            out.push(event.time.0 / 1_000_000);
        }
        (out, reorder.late())
    }

    #[test]
    fn events_come_out_in_the_order_of_their_times() {
        assert_eq!(
            order(&[10, 30, 20, 200, 150, 250]),
            (vec![10, 20, 30, 150, 200, 250], 0)
        );
    }

    #[test]
    fn event_beyond_the_window_is_counted_and_gets_the_earliest_time_to_come() {
        assert_eq!(order(&[10, 300, 450, 5]), (vec![10, 300, 350, 450], 1));
    }

    #[test]
    fn waiting_events_are_bounded() {
        let mut reorder = Reorder::default();
        for _ in 0..=MAX_WAITING {
            reorder.push(event(1));
        }
        assert!(reorder.pop(Timestamp(0)).is_some());
        assert!(reorder.pop(Timestamp(0)).is_none());
    }
}
