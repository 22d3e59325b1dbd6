//! One connection of a test: which arm of the experiment it belongs to, what it sends, and what became of it.

use std::net::IpAddr;

/// An arm of the experiment: connections that differ in one thing only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arm {
    /// A complete connection with the host's own clock, which the server shall close first.
    Arming,
    /// Timestamps all around the circle, before the server remembers any of ours.
    Around,
    /// A timestamp below the one that the server remembers.
    Low,
    /// A timestamp above it.
    High,
    /// No timestamps.
    Without,
    /// The source port of a connection that the server has closed.
    Reused,
    /// Timestamps that no memory would mind, in bursts and pauses.
    Paced,
    /// A timestamp that was dropped, after the time for which the server remembers.
    Recovered,
}

impl Arm {
    /// All arms, as reports show them.
    pub const ALL: [Self; 8] = [
        Self::Arming,
        Self::Around,
        Self::Low,
        Self::High,
        Self::Without,
        Self::Reused,
        Self::Paced,
        Self::Recovered,
    ];

    /// The arm's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arming => "arming",
            Self::Around => "around",
            Self::Low => "low",
            Self::High => "high",
            Self::Without => "without-timestamps",
            Self::Reused => "reused-port",
            Self::Paced => "paced",
            Self::Recovered => "recovered",
        }
    }

    /// What its connections send, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Arming => "own clock, server closes first",
            Self::Around => "all around the circle, before arming",
            Self::Low => "timestamp below the remembered one",
            Self::High => "timestamp above the remembered one",
            Self::Without => "no timestamps (the textbook test)",
            Self::Reused => "source port used a moment ago",
            Self::Paced => "in bursts and pauses",
            Self::Recovered => "what was dropped, after 60 s of quiet",
        }
    }
}

/// What the SYN of a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynTimestamps {
    /// The host's own clock.
    Own,
    /// This `TSval`.
    Set(u32),
    /// No timestamps.
    Without,
}

/// How a server can be brought to close first. In this order: what asks least of it comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Closing {
    /// It is sent the payload that the user gave.
    Payload,
    /// It is only waited for.
    Wait,
    /// It is sent an HTTP request that leaves the connection open.
    HttpKeepAlive,
    /// It is sent such a request over TLS.
    HttpsKeepAlive,
    /// It is asked for `Connection: close`.
    HttpClose,
    /// It is asked for `Connection: close` over TLS.
    HttpsClose,
}

impl Closing {
    /// How the server was brought to close, for reports.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Payload => "after the given payload",
            Self::Wait => "by itself",
            Self::HttpKeepAlive => "after an HTTP request",
            Self::HttpsKeepAlive => "after an HTTPS request",
            Self::HttpClose => "when asked to (`Connection: close`)",
            Self::HttpsClose => "when asked to over TLS (`Connection: close`)",
        }
    }

    /// Whether an ordinary client would not have brought it to close.
    #[must_use]
    pub const fn is_on_request(self) -> bool {
        matches!(self, Self::HttpClose | Self::HttpsClose)
    }

    /// Whether TLS is spoken where the service speaks it.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(
            self,
            Self::Payload | Self::HttpsKeepAlive | Self::HttpsClose
        )
    }
}

/// What is done with a connection that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// It ends with the SYN-ACK: our RST takes the place of the ACK.
    Refuse,
    /// It is completed, and the server has this reason to close it.
    Complete(Closing),
}

/// A connection to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its arm.
    pub arm: Arm,
    /// What its SYN carries.
    pub timestamps: SynTimestamps,
    /// Its source port, where it shall not be a fresh one.
    pub source_port: Option<u16>,
    /// What is done when it is answered.
    pub completion: Completion,
    /// How long an answer is waited for.
    pub patience_ns: u64,
}

/// What became of a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A SYN-ACK came.
    Answered,
    /// Nothing came.
    Dropped,
    /// A RST came.
    Refused,
    /// A segment came that is neither, as from a connection that has ended.
    Strayed,
    /// An ICMP error came.
    Unreachable,
}

/// A connection that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its arm.
    pub arm: Arm,
    /// When its first SYN left.
    pub sent_ns: u64,
    /// `TSval` of that SYN as it left; none without timestamps.
    pub tsval: Option<u32>,
    /// What became of it.
    pub fate: Fate,
    /// Time from SYN to answer.
    pub handshake_ns: Option<u64>,
    /// Its source port.
    pub source_port: u16,
    /// SYN-ACKs received.
    pub syn_acks: u32,
    /// Whether a SYN-ACK had timestamps.
    pub answered_with_timestamps: bool,
    /// TTL or hop limit of the answer.
    pub ttl: Option<u8>,
    /// When the server closed first, and what it was brought to it by.
    pub closed: Option<Closed>,
}

/// A connection that the server closed first: it remembers the last timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The last `TSval` that left: what the server remembers.
    pub mark: u32,
    /// When.
    pub at_ns: u64,
    /// By what.
    pub closing: Closing,
}

/// The experiment on one address, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The address tested.
    pub address: IpAddr,
    /// The connections, in the order of their SYNs.
    pub connections: Vec<Connection>,
}

impl Record {
    /// The connections of one arm.
    pub fn of_arm(&self, arm: Arm) -> impl Iterator<Item = &Connection> {
        self.connections
            .iter()
            .filter(move |connection| connection.arm == arm)
    }

    /// How many connections of an arm had this fate.
    #[must_use]
    pub fn count(&self, arm: Arm, fate: Fate) -> u64 {
        let connections = self
            .of_arm(arm)
            .filter(|connection| connection.fate == fate);
        u64::try_from(connections.count()).unwrap_or(u64::MAX)
    }

    /// How many connections had this fate.
    #[must_use]
    pub fn total(&self, fate: Fate) -> u64 {
        Arm::ALL.iter().map(|arm| self.count(*arm, fate)).sum()
    }

    /// The latest connection that the server closed first.
    #[must_use]
    pub fn last_closed(&self) -> Option<(Closed, &Connection)> {
        let mut latest = self.connections.iter().rev();
        latest.find_map(|connection| Some((connection.closed?, connection)))
    }

    /// Mean time from SYN to answer.
    #[must_use]
    pub fn handshake_ns(&self) -> Option<u64> {
        let times: Vec<u64> = self
            .connections
            .iter()
            .filter_map(|connection| connection.handshake_ns)
            .collect();
        let count = u64::try_from(times.len()).ok()?;
        times.iter().sum::<u64>().checked_div(count)
    }
}
