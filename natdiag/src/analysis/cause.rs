//! The causes that a finding can name, and what is said of each wherever it is named.

use serde::{Deserialize, Serialize};

/// Causes that a finding can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the report")]
pub enum Cause {
    TwRecycle,
    TwRecycleLatent,
    EndpointFragmentation,
    PathFragmentation,
    IcmpFragmentation,
    UdpFragmentation,
    TunnelFragmentation,
    FragmentFlood,
    PmtuBlackHole,
    TimestampsFiltered,
    TimestampsStripped,
    BacklogOverflow,
    RateLimit,
    Filtered,
    PacketLoss,
    ReturnPathLoss,
    PortReuse,
    NatPortExhaustion,
    NatPortRace,
    SynAuthentication,
    SynOptionDropped,
    LocalNat,
    PawsEstablished,
    Routing,
    Refused,
    IdleTimeout,
    ResetInjected,
    ResetByApplication,
    KeepaliveRace,
    ServerRestart,
    FirstFlightDropped,
    ServerSilent,
    ZeroWindow,
    InsufficientEvidence,
    Blind,
    // The last for now: what is saved names a cause by its place.
    NatTableFull,
    NatInvalid,
    ReversePathFilter,
}

/// How a cause is seen confirmed without natdiag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// No command confirms it.
    Not,
    /// By these commands, in which `{remote}` stands for the address of the remote host.
    By(&'static [&'static str]),
    /// By a command that shows the fragments from the remote host.
    ByFragments,
    /// By a command that shows how the remote host closes and resets connections.
    ByClosings,
}

/// What is said of a cause.
struct Row {
    name: &'static str,
    title: &'static str,
    is_of_silence: bool,
    verify: Verify,
}

const BY_PAWS: Verify = Verify::By(&[
    "on the server, outside any container: `cat /proc/sys/net/ipv4/tcp_tw_recycle` prints 1",
    "on the server: PAWSPassive in `nstat -az TcpExtPAWSPassive` rises with each drop",
]);

impl Cause {
    /// Whether it says that nothing could be named: nobody can be sure of that.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::InsufficientEvidence | Self::Blind)
    }

    /// The cause's name in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// What the cause is called in a table or a heading: short, and true of the remote host it stands beside.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// Whether the cause is said where no answer is seen: another point of view may show that the answers came.
    #[must_use]
    pub const fn is_of_silence(self) -> bool {
        self.row().is_of_silence
    }

    /// How the cause is seen confirmed without natdiag.
    #[must_use]
    pub const fn verify(self) -> Verify {
        self.row().verify
    }

    /// The table of causes. Each stands here once.
    #[expect(clippy::too_many_lines, reason = "a table: four lines a cause")]
    const fn row(self) -> Row {
        match self {
            Self::TwRecycle => Row {
                name: "tw-recycle",
                title: "tcp_tw_recycle is on",
                is_of_silence: false,
                verify: BY_PAWS,
            },
            Self::TwRecycleLatent => Row {
                name: "tw-recycle-latent",
                title: "tcp_tw_recycle, harmless now",
                is_of_silence: false,
                verify: BY_PAWS,
            },
            Self::EndpointFragmentation => Row {
                name: "endpoint-fragmentation",
                title: "sends TCP in fragments",
                is_of_silence: false,
                verify: Verify::ByFragments,
            },
            Self::PathFragmentation => Row {
                name: "path-fragmentation",
                title: "TCP fragmented on the path",
                is_of_silence: false,
                verify: Verify::ByFragments,
            },
            Self::IcmpFragmentation => Row {
                name: "icmp-fragmentation",
                title: "ICMP fragments",
                is_of_silence: false,
                verify: Verify::ByFragments,
            },
            Self::UdpFragmentation => Row {
                name: "udp-fragmentation",
                title: "UDP fragments",
                is_of_silence: false,
                verify: Verify::ByFragments,
            },
            Self::TunnelFragmentation => Row {
                name: "tunnel-fragmentation",
                title: "fragmented tunnel packets",
                is_of_silence: false,
                verify: Verify::ByFragments,
            },
            Self::FragmentFlood => Row {
                name: "fragment-flood",
                title: "flood of fragments",
                is_of_silence: false,
                verify: Verify::ByFragments,
            },
            Self::PmtuBlackHole => Row {
                name: "pmtu-black-hole",
                title: "large packets vanish",
                is_of_silence: false,
                verify: Verify::By(&["`tracepath -n {remote}`"]),
            },
            Self::TimestampsFiltered => Row {
                name: "timestamps-filtered",
                title: "timestamps are filtered",
                is_of_silence: true,
                verify: Verify::Not,
            },
            Self::TimestampsStripped => Row {
                name: "timestamps-stripped",
                title: "no timestamps come back",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::BacklogOverflow => Row {
                name: "backlog-overflow",
                title: "full backlog",
                is_of_silence: true,
                verify: Verify::Not,
            },
            Self::RateLimit => Row {
                name: "rate-limit",
                title: "rate limit",
                is_of_silence: true,
                verify: Verify::Not,
            },
            Self::Filtered => Row {
                name: "filtered",
                title: "filtered",
                is_of_silence: true,
                verify: Verify::Not,
            },
            Self::PacketLoss => Row {
                name: "packet-loss",
                title: "loss on the way",
                is_of_silence: true,
                verify: Verify::Not,
            },
            Self::ReturnPathLoss => Row {
                name: "return-path-loss",
                title: "loss on the way back",
                is_of_silence: true,
                verify: Verify::Not,
            },
            Self::PortReuse => Row {
                name: "port-reuse",
                title: "ports reused too early",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::NatPortExhaustion => Row {
                name: "nat-port-exhaustion",
                title: "NAT out of ports",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::NatPortRace => Row {
                name: "nat-port-race",
                title: "race for NAT ports",
                is_of_silence: true,
                verify: Verify::By(&["`conntrack -S` on the NAT counts insert_failed with each"]),
            },
            Self::NatTableFull => Row {
                name: "nat-table-full",
                title: "table of connections full",
                is_of_silence: true,
                verify: Verify::By(&["`conntrack -S` on the NAT counts drop with each"]),
            },
            Self::NatInvalid => Row {
                name: "nat-invalid",
                title: "invalid packets pass the NAT",
                is_of_silence: false,
                verify: Verify::By(&["`conntrack -S` on the NAT counts invalid with each"]),
            },
            Self::ReversePathFilter => Row {
                name: "reverse-path-filter",
                title: "reverse path filter drops",
                is_of_silence: true,
                verify: Verify::By(&[
                    "`nstat -az TcpExtIPReversePathFilter` on the NAT rises with each",
                ]),
            },
            Self::SynAuthentication => Row {
                name: "syn-authentication",
                title: "first SYNs are dropped",
                is_of_silence: true,
                verify: Verify::Not,
            },
            Self::SynOptionDropped => Row {
                name: "syn-option-dropped",
                title: "SYNs dropped for an option",
                is_of_silence: true,
                verify: Verify::Not,
            },
            Self::LocalNat => Row {
                name: "local-nat",
                title: "local NAT drops",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::PawsEstablished => Row {
                name: "paws-established",
                title: "PAWS drops segments",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::Routing => Row {
                name: "routing",
                title: "routing",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::Refused => Row {
                name: "refused",
                title: "refused",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::IdleTimeout => Row {
                name: "idle-timeout",
                title: "idle connections are cut",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::ResetInjected => Row {
                name: "reset-injected",
                title: "resets from the path",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::ResetByApplication => Row {
                name: "reset-by-application",
                title: "resets by the application",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::KeepaliveRace => Row {
                name: "keepalive-race",
                title: "closed as a request came",
                is_of_silence: false,
                verify: Verify::ByClosings,
            },
            Self::ServerRestart => Row {
                name: "server-restart",
                title: "the server restarted",
                is_of_silence: false,
                verify: Verify::By(&[
                    "on the server: `uptime -s` prints when it was started, `journalctl --list-boots` all starts",
                ]),
            },
            Self::FirstFlightDropped => Row {
                name: "first-flight-dropped",
                title: "large first flights vanish",
                is_of_silence: false,
                verify: Verify::By(&[
                    "`openssl s_client -connect {remote}:443 -groups X25519` connects, with `-groups X25519MLKEM768` it hangs (OpenSSL 3.5)",
                ]),
            },
            Self::ServerSilent => Row {
                name: "server-silent",
                title: "requests go unanswered",
                is_of_silence: false,
                verify: Verify::Not,
            },
            Self::ZeroWindow => Row {
                name: "zero-window",
                title: "does not read its data",
                is_of_silence: false,
                verify: Verify::By(&["`ss -tno dst {remote}` shows `persist` timers"]),
            },
            Self::InsufficientEvidence => Row {
                name: "insufficient-evidence",
                title: "cause not clear yet",
                is_of_silence: true,
                verify: Verify::Not,
            },
            Self::Blind => Row {
                name: "blind",
                title: "not visible from here",
                is_of_silence: false,
                verify: Verify::Not,
            },
        }
    }
}
