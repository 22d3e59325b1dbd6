//! What may be so of an address that is tested. Each hypothesis has a row with all that is true of it: how often it is
//! so, how likely it makes what was seen, the cause it goes by, and its words.

use super::{
    connection::{Arm, Fate, Record},
    series::Series,
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    verdict::likelihood::{LOSS, ln_known, ln_series},
};

/// Share of SYNs lost where nothing is wrong.
const STRAY_LOSS: f64 = 0.002;
/// A server with a full queue takes the SYN and forgets the ACK: it repeats its SYN-ACK. Otherwise our ACK was lost.
const REPEATS_OF_OVERLOAD: f64 = 0.3;
const REPEATS_OTHERWISE: f64 = 0.01;

/// What may be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hypothesis {
    /// SYNs are answered.
    Sound,
    /// `tcp_tw_recycle` on a kernel up to 3.16: SYNs without timestamps pass.
    RecycleUntil316,
    /// `tcp_tw_recycle` on a kernel from 3.17 to 4.11: they do not.
    RecycleFrom317,
    /// Something drops SYNs with timestamps.
    TimestampsFiltered,
    /// Everything is dropped.
    Filtered,
    /// Any SYN may be lost.
    Loss,
    /// So many SYNs in a time pass.
    RateLimit,
    /// The server has spells in which it takes nobody.
    Overload,
    /// A port that was used a moment ago is not answered.
    PortReuse,
}

/// All that is true of a hypothesis.
#[derive(Debug)]
pub(super) struct Row {
    /// How often it is so, before anything was seen. Judgement, not measurement: a verdict needs evidence that
    /// outweighs it.
    pub(super) prior: f64,
    /// How likely it makes what became of the SYNs, as a logarithm.
    ln_fates: fn(&Series) -> f64,
    /// How likely a server then repeats a SYN-ACK that was confirmed.
    repeats: f64,
    /// Whether it drops all SYNs of a kind: where none of it is, an address is called sound.
    pub(super) is_rule: bool,
    /// The cause that it goes by; none where nothing is wrong.
    pub(super) accused: Option<Accused>,
}

/// A cause, and what is said of it.
#[derive(Debug)]
pub(super) struct Accused {
    pub(super) cause: Cause,
    /// The observation that rules it out.
    pub(super) why_excluded: &'static str,
    /// How it is named. What `tcp_tw_recycle` is said to do depends on more than the hypothesis, and `finding` says it.
    pub(super) words: Option<Words>,
}

/// What is said of a hypothesis that is named.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) severity: Severity,
    /// In one sentence, of what was seen.
    pub(super) summary: fn(&Record) -> String,
    pub(super) remedy: &'static str,
}

impl Row {
    /// The cause that it goes by.
    pub(super) fn cause(&self) -> Option<Cause> {
        Some(self.accused.as_ref()?.cause)
    }

    /// How likely it makes what was seen, as a logarithm.
    pub(super) fn ln_likelihood(&self, series: &Series) -> f64 {
        let repeats = if series.repeated {
            self.repeats.ln()
        } else {
            0.0
        };
        repeats + (self.ln_fates)(series)
    }
}

impl Hypothesis {
    /// Every hypothesis; alternatives are shown in this order.
    pub(super) const ALL: [Self; 9] = [
        Self::Sound,
        Self::RecycleUntil316,
        Self::RecycleFrom317,
        Self::TimestampsFiltered,
        Self::Filtered,
        Self::Loss,
        Self::RateLimit,
        Self::Overload,
        Self::PortReuse,
    ];

    /// Whether it is `tcp_tw_recycle`, on whatever kernel.
    #[must_use]
    pub const fn is_recycle(self) -> bool {
        matches!(self, Self::RecycleUntil316 | Self::RecycleFrom317)
    }

    /// All that is true of it.
    pub(super) const fn row(self) -> &'static Row {
        match self {
            Self::Sound => &SOUND,
            Self::RecycleUntil316 => &RECYCLE_UNTIL_316,
            Self::RecycleFrom317 => &RECYCLE_FROM_317,
            Self::TimestampsFiltered => &TIMESTAMPS_FILTERED,
            Self::Filtered => &FILTERED,
            Self::Loss => &RANDOM_LOSS,
            Self::RateLimit => &RATE_LIMIT,
            Self::Overload => &OVERLOAD,
            Self::PortReuse => &PORT_REUSE,
        }
    }
}

static SOUND: Row = Row {
    prior: 0.50,
    ln_fates: |series| ln_known(STRAY_LOSS, series.outcomes(|_| true)),
    repeats: REPEATS_OTHERWISE,
    is_rule: false,
    accused: None,
};

static RECYCLE_UNTIL_316: Row = Row {
    prior: 0.05,
    ln_fates: |series| series.ln_recycle(false),
    repeats: REPEATS_OTHERWISE,
    is_rule: true,
    accused: Some(Accused {
        cause: Cause::TwRecycle,
        why_excluded: WHY_NOT_RECYCLE,
        words: None,
    }),
};

static RECYCLE_FROM_317: Row = Row {
    prior: 0.05,
    ln_fates: |series| series.ln_recycle(true),
    repeats: REPEATS_OTHERWISE,
    is_rule: true,
    accused: Some(Accused {
        cause: Cause::TwRecycle,
        why_excluded: WHY_NOT_RECYCLE,
        words: None,
    }),
};

const WHY_NOT_RECYCLE: &str = "which SYNs were dropped does not follow their timestamps";

static TIMESTAMPS_FILTERED: Row = Row {
    prior: 0.02,
    ln_fates: |series| series.ln_rule(|syn| syn.connection.tsval.is_some()),
    repeats: REPEATS_OTHERWISE,
    is_rule: true,
    accused: Some(Accused {
        cause: Cause::TimestampsFiltered,
        why_excluded: "SYNs with timestamps were answered, or some without were not",
        words: Some(Words {
            severity: Severity::Critical,
            summary: |_| {
                "something on the way drops SYNs with TCP timestamps, whatever they say, also before the server can remember any"
                    .to_owned()
            },
            remedy: "find the firewall or load balancer that drops TCP option 8; until then `sysctl -w net.ipv4.tcp_timestamps=0` on \
                 the clients avoids it",
        }),
    }),
};

static FILTERED: Row = Row {
    prior: 0.08,
    ln_fates: |series| series.ln_rule(|_| true),
    repeats: REPEATS_OTHERWISE,
    is_rule: true,
    accused: Some(Accused {
        cause: Cause::Filtered,
        why_excluded: "SYNs to the same port were answered",
        words: Some(Words {
            severity: Severity::Critical,
            summary: |record| {
                format!(
                    "none of {} SYNs was answered, with timestamps of any kind or without",
                    record.connections.len()
                )
            },
            remedy: "check the address and the port, firewalls on the way, and whether the host is up",
        }),
    }),
};

static RANDOM_LOSS: Row = Row {
    prior: 0.17,
    ln_fates: |series| ln_series(LOSS, series.outcomes(|_| true)),
    repeats: REPEATS_OTHERWISE,
    is_rule: false,
    accused: Some(Accused {
        cause: Cause::PacketLoss,
        why_excluded: "drops follow a rule, not chance",
        words: Some(Words {
            severity: Severity::Warning,
            summary: |record| {
                format!(
                    "{} SYNs were lost, without regard to timestamps, ports or pauses",
                    lost_of_all(record)
                )
            },
            remedy: "follow the path with `mtr --tcp` from both ends",
        }),
    }),
};

static RATE_LIMIT: Row = Row {
    prior: 0.05,
    ln_fates: |series| series.ln_limit(),
    repeats: REPEATS_OTHERWISE,
    is_rule: false,
    accused: Some(Accused {
        cause: Cause::RateLimit,
        why_excluded: "drops do not follow the time between SYNs",
        words: Some(Words {
            severity: Severity::Warning,
            summary: |record| {
                format!(
                    "SYNs pass at a certain rate and are dropped above it: {} were dropped",
                    lost_of_all(record)
                )
            },
            remedy: "raise the limit of connections for this source address, or spread the clients over more addresses",
        }),
    }),
};

static OVERLOAD: Row = Row {
    prior: 0.05,
    ln_fates: |series| series.ln_overload(),
    repeats: REPEATS_OF_OVERLOAD,
    is_rule: false,
    accused: Some(Accused {
        cause: Cause::BacklogOverflow,
        why_excluded: "drops do not come in spells",
        words: Some(Words {
            severity: Severity::Warning,
            summary: |record| {
                format!(
                    "the server has spells in which it takes no connection: {} SYNs were dropped, in rows",
                    lost_of_all(record)
                )
            },
            remedy: "on the server: look at `nstat -az TcpExtListenOverflows TcpExtListenDrops`, and raise the backlog of the service \
                 and `net.core.somaxconn`",
        }),
    }),
};

static PORT_REUSE: Row = Row {
    prior: 0.03,
    ln_fates: |series| series.ln_rule(|syn| syn.connection.arm == Arm::Reused),
    repeats: REPEATS_OTHERWISE,
    is_rule: true,
    accused: Some(Accused {
        cause: Cause::PortReuse,
        why_excluded: "fresh source ports and used ones fare alike",
        words: Some(Words {
            severity: Severity::Warning,
            summary: |_| {
                "a SYN from a source port whose connection the server closed a moment ago gets no answer; from fresh ports all do"
                    .to_owned()
            },
            remedy: "give the NAT more addresses, or a longer time before it uses a port again; on the way, look for a firewall that \
                 drops what answers such a SYN",
        }),
    }),
};

/// How many SYNs were not answered, of how many.
fn lost_of_all(record: &Record) -> String {
    let connections = record.connections.len();
    let lost = connections as u64 - record.total(Fate::Answered);
    format!("{lost} of {connections}")
}
