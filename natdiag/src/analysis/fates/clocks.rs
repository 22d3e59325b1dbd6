//! Timestamp clocks behind one address: servers before Linux 4.10 answer from one clock each, so that several lines of
//! timestamps over time are several servers.

use crate::event::Timestamp;
use natdiag_common::wire::seq::TsVal;
use serde::{Deserialize, Serialize};

/// Clock rates in use, in Hz: Linux `CONFIG_HZ` 100, 250, 1000 (since v4.13 always 1000, `tcp_time_stamp_raw`).
const RATES_HZ: [u64; 3] = [1000, 250, 100];
/// Clocks told apart at one rate. With more, timestamps follow no clock: the offset is random per connection.
const MAX_CLOCKS: usize = 6;
/// How far a timestamp may lie from its line, in seconds divided by this: answers are delayed on the way.
const TOLERANCE_DIVISOR: u64 = 4;
/// A second in nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;
/// Answers from a clock from which on it is one.
const FOUNDED: u32 = 3;

/// One line of timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// What the clock showed at time 0.
    offset: u32,
    answers: u32,
}

/// The clocks of one remote host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    lines: [Vec<Line>; RATES_HZ.len()],
    is_no_clock: [bool; RATES_HZ.len()],
}

impl Clocks {
    /// Notes the timestamp of a SYN-ACK.
    pub fn note(&mut self, tsval: TsVal, now: Timestamp) {
        let rates = self.lines.iter_mut().zip(&mut self.is_no_clock);
        for ((lines, is_no_clock), hz) in rates.zip(RATES_HZ) {
            if *is_no_clock {
                continue;
            }
            // In two parts, each of which fits.
            let (seconds, rest_ns) = (now.0 / SECOND_NS, now.0 % SECOND_NS);
            let ticks = seconds * hz + rest_ns * hz / SECOND_NS;
            #[expect(clippy::cast_possible_truncation, reason = "both wrap")]
            let offset = tsval.0.wrapping_sub(ticks as u32);
            let tolerance = (hz / TOLERANCE_DIVISOR).cast_signed();
            let near = lines.iter_mut().find(|line| {
                i64::from(offset.wrapping_sub(line.offset).cast_signed()).abs() <= tolerance
            });
            if let Some(line) = near {
                line.offset = offset;
                line.answers = line.answers.saturating_add(1);
            } else if lines.len() < MAX_CLOCKS {
                lines.push(Line { offset, answers: 1 });
            } else {
                *is_no_clock = true;
                *lines = Vec::new();
            }
        }
    }

    /// How many clocks answer; `None` where that cannot be said.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        let founded = |lines: &Vec<Line>| lines.iter().all(|line| line.answers >= FOUNDED);
        self.lines
            .iter()
            .filter(|lines| !lines.is_empty() && founded(lines))
            .map(Vec::len)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn clocks(tsval: impl Fn(u32) -> u32) -> Clocks {
        let mut clocks = Clocks::default();
        for number in 0..40 {
            let ms = 1_700_000_000 + number * 777;
            clocks.note(TsVal(tsval(ms)), Timestamp(u64::from(ms) * MS));
        }
        clocks
    }

    #[test]
    fn each_line_of_timestamps_is_a_clock() {
        let one = clocks(|ms| ms.wrapping_add(77));
        assert_eq!(one.count(), Some(1));
        let slow = clocks(|ms| ms / 4);
        assert_eq!(slow.count(), Some(1));
        let two = clocks(|ms| ms.wrapping_add(ms % 2 * 900_000_000));
        assert_eq!(two.count(), Some(2));
    }

    #[test]
    fn random_offsets_are_no_clock() {
        let random = clocks(|ms| ms.wrapping_mul(2_654_435_761));
        assert_eq!(random.count(), None);
    }
}
