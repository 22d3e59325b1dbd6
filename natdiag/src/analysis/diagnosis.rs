//! What the analysis says: findings about remote hosts, with evidence. Plain data; `report` gives it its outward form.

use std::net::IpAddr;

use natdiag_common::counter::Totals;
use serde::{Deserialize, Serialize};

pub use crate::analysis::cause::{Cause, Verify};
use crate::analysis::close_up::CloseUp;

/// What is known about one source at one time.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// Counters of the whole source.
    pub totals: Totals,
    /// Remote hosts known.
    pub remotes_known: usize,
    /// Those with findings, by severity and address, then the busiest of the others.
    pub remotes: Vec<RemoteDiagnosis>,
    /// Counters of all hosts that the full table had no room for, and of those that were let go.
    pub overflow: RemoteCounters,
    /// How many hosts are in `overflow`, counting a host again each time it came back.
    pub overflow_remotes: u64,
    /// Packets of those that there was no room for at all.
    pub turned_away: u64,
    /// SYNs whose fate was not followed, because there were too many remote hosts at once.
    pub syns_not_followed: u64,
    /// Findings that belong to no single remote host.
    pub findings: Vec<Finding>,
}

/// What is known about one remote host.
#[derive(Clone, Debug)]
pub struct RemoteDiagnosis {
    /// The remote host.
    pub address: IpAddr,
    /// Its counters.
    pub counters: RemoteCounters,
    /// What its established connections have shown, of those that were looked at.
    pub established: Option<EstablishedSums>,
    /// What is wrong with it, worst first.
    pub findings: Vec<Finding>,
    /// What is wrong with others and hits connections that it opens.
    pub hit_by: Vec<HitBy>,
    /// A closer look at it; the first remote hosts of a diagnosis have one.
    pub close_up: Option<Box<CloseUp>>,
}

/// What established connections with a remote host have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EstablishedSums {
    /// Connections on which we have sent data.
    pub connections: u64,
    /// Times that what we sent was repeated and never acknowledged: a connection hangs, or hung to its end.
    pub stuck: u64,
    /// Segments with data that we have sent, each once.
    pub data_sent: u64,
    /// Times that the oldest one under way was sent again, of those that were acknowledged at last.
    pub data_sent_again: u64,
    /// Segments with data received.
    pub data_received: u64,
    /// Segments received with nothing that had not been received before.
    pub data_received_again: u64,
    /// From data of ours to its acknowledgment, in nanoseconds: the median, and what nine of ten stay below.
    pub round_trip_ns: Option<(u64, u64)>,
    /// The longest silence after which a connection still lived, in nanoseconds.
    pub longest_idle_lived_ns: Option<u64>,
    /// The shortest silence after which one had died, in nanoseconds.
    pub shortest_idle_died_ns: Option<u64>,
}

/// A host behind the NAT suffers from what is wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HitBy {
    /// The server.
    pub remote: IpAddr,
    /// What is wrong with it.
    pub cause: Cause,
    /// Connections to it whose SYN had to be sent again, or was never answered.
    pub hit: u64,
    /// All connections to it.
    pub all: u64,
}

/// Counters of one remote host, named as in the report.
#[expect(missing_docs, reason = "the contract of the report defines each")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteCounters {
    pub fragments_tcp: u64,
    pub fragments_udp: u64,
    pub fragments_icmp: u64,
    pub fragments_other: u64,
    pub fragments_first: u64,
    pub fragments_middle: u64,
    pub fragments_last: u64,
    pub fragments_atomic: u64,
    pub fragments_dont_fragment: u64,
    pub fragments_sent: u64,
    pub datagrams_complete: u64,
    pub datagrams_incomplete: u64,
    pub datagrams_unobserved: u64,
    pub largest_first_fragment_octets: u64,
    pub syn_sent: u64,
    pub syn_received: u64,
    pub syn_retransmitted: u64,
    pub syn_ack_received: u64,
    pub syn_ack_sent: u64,
    pub rst_answering_syn: u64,
    pub rst_established: u64,
    pub rst_sent: u64,
    pub packet_too_big: u64,
    pub icmp_errors: u64,
    pub ack_answering_syn: u64,
    pub syn_predicted_drop_dropped: u64,
    pub syn_predicted_drop_answered: u64,
    pub syn_predicted_pass_dropped: u64,
    pub syn_predicted_pass_answered: u64,
    pub syn_without_timestamps_dropped: u64,
    pub syn_without_timestamps_answered: u64,
    pub syn_without_timestamps_armed_dropped: u64,
    pub syn_without_timestamps_armed_answered: u64,
    pub syn_ambiguous: u64,
    pub syn_undecided: u64,
}

impl RemoteCounters {
    /// The counters where answers cannot be seen: what seems to be dropped is undecided.
    #[must_use]
    pub fn with_fates_unknown(self) -> Self {
        let dropped = self.syn_predicted_drop_dropped
            + self.syn_predicted_pass_dropped
            + self.syn_without_timestamps_dropped;
        Self {
            syn_predicted_drop_dropped: 0,
            syn_predicted_pass_dropped: 0,
            syn_without_timestamps_dropped: 0,
            syn_without_timestamps_armed_dropped: 0,
            syn_undecided: self.syn_undecided + dropped,
            ..self
        }
    }
}

/// What a finding means for connections. Ordered: the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// It explains what is seen and harms nobody.
    Info,
    /// Connections will fail by it, or some do.
    Warning,
    /// Connections fail by it now.
    Critical,
}

impl Severity {
    /// The severity's name in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A named cause with what speaks for it and against others.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The cause.
    pub cause: Cause,
    /// Probability of the cause given what was observed, 0 to 1. What is shown is [`Finding::certainty`].
    pub confidence: f64,
    /// What it means for connections.
    pub severity: Severity,
    /// One sentence.
    pub summary: String,
    /// What speaks for it: a name in `snake_case` with its unit, and a value.
    pub evidence: Vec<(&'static str, Evidence)>,
    /// Causes ruled out, and by what.
    pub excluded: Vec<Alternative>,
    /// Causes that may be it as well, and why.
    pub not_excluded: Vec<Alternative>,
    /// What to do, the smallest step first, with the command.
    pub remedy: Vec<String>,
}

impl Finding {
    /// A finding of which only the sentence is known yet.
    #[must_use]
    pub const fn new(cause: Cause, confidence: f64, severity: Severity, summary: String) -> Self {
        Self {
            cause,
            confidence,
            severity,
            summary,
            evidence: Vec::new(),
            excluded: Vec::new(),
            not_excluded: Vec::new(),
            remedy: Vec::new(),
        }
    }

    /// How sure the named cause is, or nothing where none is named.
    #[must_use]
    pub fn certainty(&self) -> Option<f64> {
        (!self.cause.is_open()).then_some(self.confidence)
    }
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// A number of things, or a size in the unit that the name says.
    Count(u64),
    /// A ratio or another measure.
    Ratio(f64),
    /// Words.
    Text(String),
    /// Several words, such as addresses.
    List(Vec<String>),
}

/// Another cause, and why it is or is not ruled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The other cause.
    pub cause: Cause,
    /// The observation that decides.
    pub why: String,
}
