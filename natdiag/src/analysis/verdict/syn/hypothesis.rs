//! What may keep SYNs from being answered, and how likely each makes what was observed.

use std::collections::BTreeMap;

use crate::analysis::{
    diagnosis::Cause,
    evidence::{Outcomes, Service, SynEvidence},
    verdict::likelihood::{Rate, ln_known, ln_mixture, ln_series, normalise},
};

/// Share of SYNs that do not do what a rule of all or nothing says: real servers with tcp_tw_recycle dropped 7,518 of
/// 7,518 SYNs below the mark, and the marks of hosts that we do not see blur this a little.
const EXCEPTIONS: f64 = 0.001;
/// Share of SYNs lost beside a filter that lets others pass.
const STRAY_LOSS: f64 = 0.01;
/// Share of connections that get through late though something is wrong with their four-tuple.
const LATE_ALL_THE_SAME: f64 = 0.02;

/// Loss on a path is mostly small: as if 1 of 10 had been lost before.
const LOSS: Rate = Rate {
    dropped: 1.0,
    answered: 9.0,
};
/// Loss beside a rule that drops others.
const BACKGROUND: Rate = Rate {
    dropped: 1.0,
    answered: 19.0,
};
/// Where hosts that we do not see share our address, any SYN may meet a mark of theirs.
const UNSEEN_RIVALS: Rate = Rate {
    dropped: 1.0,
    answered: 3.0,
};
/// A host that dropped a SYN for want of room is likely to drop the next one.
const OVERLOAD_GOES_ON: Rate = Rate {
    dropped: 2.0,
    answered: 1.0,
};

/// What may be wrong. Several may stand for one cause, or for none that can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hypothesis {
    Recycle,
    Loss,
    /// A filter by port.
    Filter,
    /// A filter by port that knows clients apart which share one address outside.
    FilterOfClients,
    TimestampsFiltered,
    /// A filter that drops SYNs without timestamps.
    TimestampsDemanded,
    /// Nothing answers at all.
    Unreachable,
    /// Drops that come in spells: a full backlog, a rate limit.
    Overload,
    /// Drops that follow the four-tuple: a reused port, one backend or path of several.
    FourTuple,
}

/// How often each is the cause where SYNs stay unanswered. Judgement, not measurement: what counts is that a verdict
/// needs evidence that outweighs them.
pub(super) const PRIORS: [(Hypothesis, f64); 9] = [
    (Hypothesis::Loss, 0.45),
    (Hypothesis::Filter, 0.25),
    (Hypothesis::Overload, 0.152),
    (Hypothesis::FourTuple, 0.09),
    (Hypothesis::Recycle, 0.05),
    // It must stand before the NAT and yet care about one destination.
    (Hypothesis::FilterOfClients, 0.001),
    (Hypothesis::TimestampsFiltered, 0.005),
    (Hypothesis::Unreachable, 0.002),
    // Nobody is known to do so.
    (Hypothesis::TimestampsDemanded, 0.000_01),
];

impl Hypothesis {
    /// What a report calls it.
    pub(super) fn cause(self) -> Cause {
        match self {
            Self::Recycle => Cause::TwRecycle,
            Self::Loss => Cause::PacketLoss,
            Self::Filter | Self::FilterOfClients | Self::TimestampsDemanded => Cause::Filtered,
            Self::TimestampsFiltered => Cause::TimestampsFiltered,
            Self::Unreachable => Cause::Routing,
            Self::Overload => Cause::BacklogOverflow,
            Self::FourTuple => Cause::PortReuse,
        }
    }

    /// Whether what was observed can tell this one from all that look like it.
    pub(super) fn can_be_named(self) -> bool {
        !matches!(self, Self::Overload | Self::FourTuple | Self::Unreachable)
    }

    fn ln_likelihood(self, syns: &SynEvidence) -> f64 {
        match self {
            Self::Recycle => ln_recycle(syns),
            Self::Loss => ln_series(LOSS, syns.all()),
            Self::Filter => ln_filter(by_port(&syns.services)),
            Self::FilterOfClients => {
                ln_filter(syns.services.iter().map(|service| service.outcomes))
            }
            Self::TimestampsFiltered => {
                ln_selective(with_timestamps(syns), without_timestamps(syns))
            }
            Self::TimestampsDemanded => {
                ln_selective(without_timestamps(syns), with_timestamps(syns))
            }
            Self::Unreachable => ln_known(1.0 - EXCEPTIONS, syns.all()),
            Self::Overload => {
                let all = syns.all();
                let first = Outcomes {
                    dropped: all.dropped - syns.repeated.dropped,
                    answered: all.answered - syns.repeated.answered,
                };
                ln_series(LOSS, first) + ln_series(OVERLOAD_GOES_ON, syns.repeated)
            }
            Self::FourTuple => ln_four_tuple(syns),
        }
    }
}

/// SYNs below a live mark are dropped, others only by the way. Without timestamps it depends on the server's age.
/// What dropped no SYN that it predicts explains nothing, but where hosts that we do not see may have made marks.
fn ln_recycle(syns: &SynEvidence) -> f64 {
    if syns.predicted_drop.dropped + syns.armed_without_timestamps.dropped == 0
        && !syns.shared_address
    {
        return f64::NEG_INFINITY;
    }
    let others = if syns.shared_address {
        UNSEEN_RIVALS
    } else {
        BACKGROUND
    };
    let pass = syns.predicted_pass.plus(syns.without_timestamps);
    let armed = syns.armed_without_timestamps;
    let old = ln_series(others, pass.plus(armed));
    let young = ln_series(others, pass) + ln_known(1.0 - EXCEPTIONS, armed);
    ln_known(1.0 - EXCEPTIONS, syns.predicted_drop) + ln_mixture(&[(0.5, old), (0.5, young)])
}

/// One kind of SYN is dropped, others only by the way.
fn ln_selective(dropped: Outcomes, others: Outcomes) -> f64 {
    if dropped.dropped == 0 {
        return f64::NEG_INFINITY;
    }
    ln_known(1.0 - EXCEPTIONS, dropped) + ln_series(BACKGROUND, others)
}

pub(super) fn with_timestamps(syns: &SynEvidence) -> Outcomes {
    syns.predicted_drop.plus(syns.predicted_pass)
}

pub(super) fn without_timestamps(syns: &SynEvidence) -> Outcomes {
    syns.armed_without_timestamps.plus(syns.without_timestamps)
}

/// Each group is let through or blocked as a whole, at even odds; at least one is blocked.
fn ln_filter(groups: impl Iterator<Item = Outcomes>) -> f64 {
    let (mut any, mut open_all) = (0.0, 0.0);
    for group in groups {
        let blocked = ln_known(1.0 - EXCEPTIONS, group);
        let open = ln_known(STRAY_LOSS, group);
        any += ln_mixture(&[(0.5, blocked), (0.5, open)]);
        open_all += 0.5_f64.ln() + open;
    }
    // Less the case that none is blocked, which is mere loss.
    any + (-(open_all - any).exp()).ln_1p()
}

fn by_port(services: &[Service]) -> impl Iterator<Item = Outcomes> {
    let mut ports = BTreeMap::<u16, Outcomes>::new();
    for service in services {
        let port = ports.entry(service.port).or_default();
        *port = port.plus(service.outcomes);
    }
    ports.into_values()
}

/// Each connection fails or succeeds as a whole.
fn ln_four_tuple(syns: &SynEvidence) -> f64 {
    let connections = syns.connections;
    let whole = Outcomes {
        dropped: connections.failed,
        answered: connections.clean + connections.late,
    };
    let late = Outcomes {
        dropped: connections.late,
        answered: 0,
    };
    ln_series(LOSS, whole) + ln_known(LATE_ALL_THE_SAME, late)
}

/// Probability of each hypothesis, given the fates of SYNs.
pub(super) fn posterior(syns: &SynEvidence) -> Vec<(Hypothesis, f64)> {
    let lns: Vec<f64> = PRIORS
        .iter()
        .map(|(hypothesis, prior)| prior.ln() + hypothesis.ln_likelihood(syns))
        .collect();
    PRIORS
        .iter()
        .map(|(hypothesis, _)| *hypothesis)
        .zip(normalise(&lns))
        .collect()
}
