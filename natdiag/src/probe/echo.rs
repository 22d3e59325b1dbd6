//! ICMP echoes, small and large: the counter-example. A NAT gateway drops large ones, because they are fragments and no
//! UDP; that proves nothing about TCP. `exchange` sends them.

pub mod exchange;

use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::contest::CERTAIN,
};

/// Octets of data in a small echo, as ping(8) sends.
pub const SMALL_OCTETS: usize = 56;
/// Octets of data in a large one: fragments on links with jumbo frames as well.
pub const LARGE_OCTETS: usize = 10_000;
/// Echoes of each size.
pub const TIMES: u16 = 3;

/// What became of the echoes of one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EchoArm {
    /// Requests sent.
    pub sent: u64,
    /// Replies that brought back all octets.
    pub answered: u64,
}

/// What became of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Echoes {
    /// Of [`SMALL_OCTETS`].
    pub small: EchoArm,
    /// Of [`LARGE_OCTETS`].
    pub large: EchoArm,
}

impl Echoes {
    /// What was seen and why it proves nothing about TCP, in a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { small, large } = self;
        if small.answered == 0 && large.answered == 0 {
            return "no ICMP echo is answered, of whatever size: this host, or a firewall, answers none, which says nothing about \
                    TCP"
                .to_owned();
        }
        let counts = format!(
            "{} of {} ICMP echoes of {LARGE_OCTETS} octets are answered, and {} of {} of {SMALL_OCTETS} octets",
            large.answered, large.sent, small.answered, small.sent
        );
        let meaning = if large.answered == 0 {
            "large ones travel in fragments, which a NAT gateway drops where they are ICMP. This proves nothing about TCP, whose \
             segments fit the links"
        } else {
            "large ones travel in fragments, and these arrive; that TCP does is not proved by it"
        };
        format!("{counts}: {meaning}")
    }

    /// What was seen as a finding, where only the large ones fail.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let only_large_fail = self.small.answered > 0 && self.large.answered == 0;
        only_large_fail.then(|| Finding {
            cause: Cause::IcmpFragmentation,
            confidence: confidence(self.large.sent),
            severity: Severity::Info,
            summary: self.summary(),
            evidence: vec![
                ("large_echoes_sent", Evidence::Count(self.large.sent)),
                (
                    "small_echoes_answered",
                    Evidence::Count(self.small.answered),
                ),
            ],
            excluded: Vec::new(),
            not_excluded: Vec::new(),
            remedy: vec![
                "test TCP by TCP, as `natdiag probe fragments` does, and not by `ping -s`"
                    .to_owned(),
            ],
        })
    }
}

/// How sure it is that the size is to blame: by chance, one echo in ten is lost at most.
fn confidence(lost: u64) -> f64 {
    let lost = i32::try_from(lost).unwrap_or(i32::MAX);
    (1.0 - 0.1_f64.powi(lost)).min(CERTAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echoes(small: u64, large: u64) -> Echoes {
        let arm = |answered| EchoArm { sent: 3, answered };
        Echoes {
            small: arm(small),
            large: arm(large),
        }
    }

    #[test]
    fn only_large_echoes_that_alone_fail_are_a_finding_and_it_harms_nobody() {
        let finding = echoes(3, 0).finding().unwrap();
        assert_eq!(
            (finding.cause, finding.severity),
            (Cause::IcmpFragmentation, Severity::Info)
        );
        for (small, large) in [(3, 3), (0, 0), (3, 1), (0, 2)] {
            assert_eq!(echoes(small, large).finding(), None, "{small}, {large}");
        }
    }

    #[test]
    fn every_outcome_says_that_it_is_not_about_tcp() {
        for (small, large) in [(3, 0), (3, 3), (0, 0)] {
            let summary = echoes(small, large).summary();
            assert!(summary.contains("TCP"), "{summary}");
        }
    }
}
