//! Rules of the router: what it drops, answers or rewrites. Each counts what it meets under the name [`MET`].

use anyhow::Result;

use crate::lab::{
    network::{BACKEND, Network, SERVER},
    parameters::Parameters,
};

/// The counter of the packets that a rule was about.
pub(crate) const MET: &str = "met";

/// Longest IP packet that a device takes of those that go to the server, where it does not take all.
const UPLOAD_MTU: u32 = 1400;

/// A set of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Drops what goes to the guarded port.
    GuardedPort,
    /// Drops everything that goes to the server's first address.
    GuardedHost,
    /// Loses SYNs at random.
    SynLoss,
    /// Loses TCP segments of either direction at random.
    SegmentLoss,
    /// Loses SYN-ACKs at random.
    SynAckLoss,
    /// Loses later fragments at random.
    FragmentLoss,
    /// Sets Don't Fragment on fragments, as no router may that has cut them.
    MarksFragments,
    /// Takes so many SYNs a second from each address.
    SynRate,
    /// Takes so many connections at a time from each address.
    Concurrency,
    /// Answers SYNs itself, and only then asks the server (SYN proxy).
    SynProxy,
    /// Drops SYNs that carry timestamps.
    DropsTimestamps,
    /// Takes the timestamps out of all segments.
    StripsTimestamps,
    /// Drops a bare ACK that answers a SYN.
    DropsAckOfSyn,
    /// Forgets idle connections, and resets what belongs to none.
    IdleTimeout,
    /// Forgets idle connections, and drops what belongs to none.
    SilentIdleTimeout,
    /// Takes a first flight of one segment only: of longer ones, and of all that follows on their connections, it lets
    /// nothing through.
    SwallowsFirstFlights,
    /// Drops large packets that go to the server, and says nothing.
    DropsLargeUploads,
    /// Lets some requests through and resets their sender.
    InjectsResets,
    /// Sends no `ICMP` errors.
    SilentRouter,
}

impl Filter {
    pub(super) fn install(self, network: &Network, parameters: &Parameters) -> Result<()> {
        let loss = format!(
            "numgen random mod 100 < {} counter name {MET} drop",
            parameters.loss_percent
        );
        let rule = match self {
            Self::GuardedPort => format!("tcp dport {} drop", parameters.guarded_port),
            Self::GuardedHost => format!("ip daddr {SERVER} drop"),
            Self::SynLoss => format!("tcp flags & (syn | ack) == syn {loss}"),
            Self::SegmentLoss => format!("meta l4proto tcp {loss}"),
            Self::SynAckLoss => format!("tcp flags & (syn | ack) == (syn | ack) {loss}"),
            Self::SynRate => format!(
                "tcp flags & (syn | ack) == syn add @sources {{ ip saddr limit rate over {}/second burst 5 packets }} \
                 counter name {MET} drop",
                parameters.syns_a_second
            ),
            Self::Concurrency => format!(
                "ct state new tcp flags & (syn | ack) == syn add @sources {{ ip saddr ct count over {} }} \
                 counter name {MET} drop",
                parameters.connections_at_a_time
            ),
            Self::DropsTimestamps => format!(
                "tcp flags & (syn | ack) == syn tcp option timestamp exists counter name {MET} drop"
            ),
            Self::StripsTimestamps => {
                format!("tcp option timestamp exists counter name {MET} reset tcp option timestamp")
            }
            Self::DropsAckOfSyn => drops_ack_of_syn(),
            Self::IdleTimeout => {
                let seconds = parameters.idle_timeout_seconds.to_string();
                return refuse_unknown(network, &seconds, "reject with tcp reset");
            }
            Self::SilentIdleTimeout => {
                let seconds = parameters.idle_timeout_seconds.to_string();
                return refuse_unknown(network, &seconds, "drop");
            }
            Self::SwallowsFirstFlights => return swallow_first_flights(network),
            Self::DropsLargeUploads => format!(
                "iifname \"outside\" meta l4proto tcp meta length > {UPLOAD_MTU} counter name {MET} drop"
            ),
            Self::InjectsResets => return inject_resets(network, parameters),
            Self::SynProxy => return proxy_syns(network, parameters),
            Self::FragmentLoss => {
                let share = parameters.loss_percent * 2;
                return leaving(
                    network,
                    &format!(
                        "ip frag-off & 0x1fff != 0 numgen random mod 100 < {share} counter name {MET} drop"
                    ),
                );
            }
            Self::MarksFragments => {
                return leaving(
                    network,
                    &format!(
                        "ip frag-off & 0x3fff != 0 counter name {MET} ip frag-off set ip frag-off | 0x4000"
                    ),
                );
            }
            Self::SilentRouter => return silence(network),
        };
        forward(network, &rule)
    }
}

fn forward(network: &Network, rules: &str) -> Result<()> {
    network.router.nft(&format!(
        "table inet filter {{
            counter {MET} {{ }}
            set sources {{ type ipv4_addr; flags dynamic; size 1024; }}
            set opening {{
                type ipv4_addr . inet_service . ipv4_addr . inet_service;
                flags dynamic,timeout; size 8192; timeout 3s;
            }}
            chain forward {{
                type filter hook forward priority 0;
                {rules}
            }}
        }}"
    ))
}

/// Expects a SYN-ACK after a SYN, and nothing else.
fn drops_ack_of_syn() -> String {
    let (forth, back) = (
        "ip saddr . tcp sport . ip daddr . tcp dport",
        "ip daddr . tcp dport . ip saddr . tcp sport",
    );
    format!(
        "tcp flags & (syn | ack) == syn add @opening {{ {forth} }}
        tcp flags & (syn | ack) == (syn | ack) delete @opening {{ {back} }}
        tcp flags & (fin | syn | rst | ack) == ack {back} @opening counter name {MET} drop"
    )
}

/// Connection tracking takes up no connection in the middle.
fn refuse_unknown(network: &Network, seconds: &str, verdict: &str) -> Result<()> {
    forward(
        network,
        &format!("meta l4proto tcp ct state invalid counter name {MET} {verdict}"),
    )?;
    network.router.sysctl(&[
        ("netfilter/nf_conntrack_tcp_loose", "0"),
        ("netfilter/nf_conntrack_tcp_timeout_established", seconds),
    ])
}

/// A full segment before the server has said more than its SYN-ACK is the beginning of a flight of several.
fn swallow_first_flights(network: &Network) -> Result<()> {
    network
        .router
        .sysctl(&[("netfilter/nf_conntrack_acct", "1")])?;
    let mark = "0x7";
    forward(
        network,
        &format!(
            "ct mark {mark} ct direction original counter name {MET} drop
            meta l4proto tcp ct direction original ct reply packets < 2 meta length > {UPLOAD_MTU} \
            ct mark set {mark} counter name {MET} drop"
        ),
    )
}

/// A copy of the request goes to the server, and the request itself is refused in its name. The TTL of the RST begins
/// at another number than the server's.
fn inject_resets(network: &Network, parameters: &Parameters) -> Result<()> {
    let ttl = parameters.injected_ttl.to_string();
    network.router.sysctl(&[("ipv4/ip_default_ttl", &ttl)])?;
    let (port, mark) = (parameters.open_port, "0x5");
    network.router.nft(&format!(
        "table ip copy {{
            chain prerouting {{
                type filter hook prerouting priority 0;
                tcp dport {port} tcp flags & (psh | ack) == (psh | ack) numgen random mod 100 < {} \
                meta mark set {mark} dup to {SERVER} device \"inside\"
            }}
        }}",
        parameters.loss_percent * 2
    ))?;
    forward(
        network,
        &format!("meta l4proto tcp meta mark {mark} counter name {MET} reject with tcp reset"),
    )
}

/// As the manual of nftables has it, but without timestamps: since Linux 6.15 a server takes the proxy's ACK for a
/// stray one where the clock has ticked meanwhile (`net/ipv4/tcp_minisocks.c:tcp_check_req`).
fn proxy_syns(network: &Network, parameters: &Parameters) -> Result<()> {
    let port = parameters.open_port;
    network.router.sysctl(&[
        ("netfilter/nf_conntrack_tcp_loose", "0"),
        ("ipv4/tcp_syncookies", "1"),
    ])?;
    network.router.nft(&format!(
        "table ip proxy {{
            counter {MET} {{ }}
            chain prerouting {{
                type filter hook prerouting priority raw;
                iifname \"outside\" tcp dport {port} tcp flags & (fin | syn | rst | ack) == syn notrack
            }}
            chain forward {{
                type filter hook forward priority 0;
                tcp dport {port} ct state invalid,untracked counter name {MET} \
                synproxy mss 1460 wscale 7 sack-perm
                ct state invalid drop
            }}
        }}"
    ))
}

/// Where the router's own fragments leave it.
fn leaving(network: &Network, rule: &str) -> Result<()> {
    network.router.nft(&format!(
        "table netdev leaving {{
            counter {MET} {{ }}
            chain egress {{
                type filter hook egress device \"outside\" priority 0;
                {rule}
            }}
        }}"
    ))
}

fn silence(network: &Network) -> Result<()> {
    network.router.nft(&format!(
        "table inet silent {{
            counter {MET} {{ }}
            chain output {{
                type filter hook output priority 0;
                icmp type destination-unreachable counter name {MET} drop
                icmpv6 type packet-too-big counter name {MET} drop
            }}
        }}"
    ))
}

/// Spreads connections to the server over it and the other backend, by a hash of the client's port.
pub(super) fn spread(network: &Network) -> Result<()> {
    network.router.nft(&format!(
        "table ip spread {{
            chain prerouting {{
                type nat hook prerouting priority dstnat;
                ip daddr {SERVER} tcp dport != 0 \
                dnat to jhash tcp sport mod 2 map {{ 0 : {SERVER}, 1 : {BACKEND} }}
            }}
        }}"
    ))
}
