//! Who fragments, and what it means behind a managed NAT gateway: TCP and ICMP fragments are dropped there, UDP
//! fragments pass.

use natdiag_common::counter::{FragmentPosition, FragmentProtocol, RemoteCounter};

use super::{Case, insufficient};
use crate::analysis::diagnosis::{Alternative, Cause, Evidence, Finding, Severity};

/// Octets that every fragment but the last is a multiple of (RFC 791, section 3.1): a first fragment is at most this
/// much below the MTU.
const FRAGMENT_UNIT: u64 = 8;
/// Octets of an IPv4 and a TCP header without options: what an MTU is more than its MSS (RFC 6691).
const IPV4_TCP_HEADERS: u64 = 40;
/// MTU of Ethernet: what to suppose where no SYN-ACK told an MSS.
const ETHERNET_MTU: u64 = 1500;

/// Confidence that the endpoint fragments where routers cannot: IPv6, or Don't Fragment set.
const ONLY_ENDPOINT: f64 = 0.999;
/// The endpoint fragments at its own MTU, which its MSS tells; a hop with just this MTU is rare (1 in 50, as first
/// fragments at other sizes are about 1 in 20 from endpoints with a tunnel of their own).
const AT_ENDPOINT_MTU: f64 = 0.98;
/// As above, the other way round.
const BELOW_ENDPOINT_MTU: f64 = 0.96;
/// The same where no MSS was seen and that of Ethernet is supposed.
const SUPPOSED_MTU: f64 = 0.75;
/// An IP header names the protocol; only a forged one lies.
const BY_PROTOCOL: f64 = 0.999;
/// Fragmented TCP with at least this share of datagrams incomplete harms now; below it is a threat.
const HARMFUL_SHARE: (u64, u64) = (1, 2);

/// What is to be said about the fragments from a remote host.
pub(super) fn findings(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(tcp(case));
    for (protocol, cause, summary) in [
        (
            FragmentProtocol::Udp,
            Cause::UdpFragmentation,
            "UDP comes in fragments, which NAT gateways let pass",
        ),
        (
            FragmentProtocol::Icmp,
            Cause::IcmpFragmentation,
            "ICMP comes in fragments: large pings fail behind a managed NAT gateway, which says nothing about TCP",
        ),
        (
            FragmentProtocol::Other,
            Cause::TunnelFragmentation,
            "packets of a tunnel or of another protocol come in fragments; what is inside cannot be seen",
        ),
    ] {
        findings.extend(harmless(case, protocol, cause, summary));
    }
    findings
}

fn harmless(
    case: &Case,
    protocol: FragmentProtocol,
    cause: Cause,
    summary: &str,
) -> Option<Finding> {
    let fragments = case.counts.fragments_of(protocol);
    if fragments == 0 {
        return None;
    }
    let (complete, incomplete) = datagrams(case, protocol);
    if incomplete > complete {
        let summary = format!(
            "{summary}; {incomplete} of {} datagrams never became complete",
            complete + incomplete
        );
        let remedy =
            vec!["look for loss on the way, and for filters that drop fragments".to_owned()];
        return Some(insufficient(summary, evidence(case, protocol), remedy));
    }
    Some(Finding {
        cause,
        confidence: BY_PROTOCOL,
        severity: Severity::Info,
        summary: summary.to_owned(),
        evidence: evidence(case, protocol),
        excluded: vec![
            Alternative {
                cause: Cause::EndpointFragmentation,
                why: "no TCP fragment was seen".to_owned(),
            },
            Alternative {
                cause: Cause::PathFragmentation,
                why: "no TCP fragment was seen".to_owned(),
            },
        ]
        .into_iter()
        .filter(|_| case.counts.fragments_of(FragmentProtocol::Tcp) == 0)
        .collect(),
        not_excluded: Vec::new(),
        remedy: Vec::new(),
    })
}

fn tcp(case: &Case) -> Option<Finding> {
    let counts = case.counts;
    let fragments = counts.fragments_of(FragmentProtocol::Tcp);
    if fragments == 0 {
        return None;
    }
    let largest = counts.value(RemoteCounter::LargestFirstTcpOctets);
    let headers = if case.is_ipv6 {
        IPV4_TCP_HEADERS + 20
    } else {
        IPV4_TCP_HEADERS
    };
    let offered = case
        .syns
        .and_then(|syns| syns.largest_mss)
        .map(|mss| u64::from(mss) + headers);
    let endpoint_mtu = offered.unwrap_or(ETHERNET_MTU);
    let at_endpoint_mtu = largest + FRAGMENT_UNIT >= endpoint_mtu;
    let dont_fragment = counts.value(RemoteCounter::FragmentDontFragment) > 0;
    let (cause, confidence, why) = if case.is_ipv6 {
        (
            Cause::EndpointFragmentation,
            ONLY_ENDPOINT,
            "IPv6 routers do not fragment".to_owned(),
        )
    } else if dont_fragment {
        (
            Cause::EndpointFragmentation,
            ONLY_ENDPOINT,
            "no router may fragment what has Don't Fragment set".to_owned(),
        )
    } else if at_endpoint_mtu {
        let why = format!(
            "the first fragments are as large as the server's own MTU, {endpoint_mtu} octets"
        );
        (
            Cause::EndpointFragmentation,
            offered.map_or(SUPPOSED_MTU, |_| AT_ENDPOINT_MTU),
            why,
        )
    } else {
        let why = format!(
            "the first fragments have {largest} octets, less than the server's own MTU of {endpoint_mtu}"
        );
        (
            Cause::PathFragmentation,
            offered.map_or(SUPPOSED_MTU, |_| BELOW_ENDPOINT_MTU),
            why,
        )
    };
    let (complete, incomplete) = datagrams(case, FragmentProtocol::Tcp);
    let harmful = incomplete * HARMFUL_SHARE.1 > (complete + incomplete) * HARMFUL_SHARE.0;
    let firsts = counts.fragments(FragmentProtocol::Tcp, FragmentPosition::First);
    let who = if cause == Cause::PathFragmentation {
        "a hop on the path"
    } else {
        "the server itself"
    };
    let summary = format!(
        "TCP comes in fragments, made by {who}: {fragments} fragments of {firsts} segments, the first up to {largest} octets; \
         behind a managed NAT gateway these never arrive"
    );
    let mut evidence = evidence(case, FragmentProtocol::Tcp);
    evidence.push((
        "mtu_implied_octets",
        Evidence::Text(format!("{largest} to {}", largest + FRAGMENT_UNIT - 1)),
    ));
    if let Some(offered) = offered {
        evidence.push(("server_mtu_octets", Evidence::Count(offered)));
    }
    let (excluded, not_excluded) = alternatives(cause, confidence, why);
    let mss = largest.saturating_sub(headers);
    Some(Finding {
        cause,
        confidence,
        severity: if harmful { Severity::Critical } else { Severity::Warning },
        summary,
        evidence,
        excluded,
        not_excluded,
        remedy: vec![
            format!(
                "clamp the MSS to {mss} on the way out: `nft add rule inet filter forward tcp flags syn tcp option maxseg size set {mss}`"
            ),
            "or ask the owner for a smaller MTU or MSS, or use a NAT instance in place of the NAT gateway".to_owned(),
        ],
    })
}

fn alternatives(
    cause: Cause,
    confidence: f64,
    why: String,
) -> (Vec<Alternative>, Vec<Alternative>) {
    let other = if cause == Cause::PathFragmentation {
        Alternative {
            cause: Cause::EndpointFragmentation,
            why: "a tunnel on the server itself would make such fragments too".to_owned(),
        }
    } else {
        Alternative {
            cause: Cause::PathFragmentation,
            why,
        }
    };
    let udp = Alternative {
        cause: Cause::UdpFragmentation,
        why: "the fragments carry TCP".to_owned(),
    };
    if cause == Cause::EndpointFragmentation && confidence > SUPPOSED_MTU {
        (vec![other, udp], Vec::new())
    } else {
        (vec![udp], vec![other])
    }
}

fn datagrams(case: &Case, protocol: FragmentProtocol) -> (u64, u64) {
    let of = |counts: &[u64]| counts.get(protocol as usize).copied().unwrap_or(0);
    (of(&case.datagrams.complete), of(&case.datagrams.incomplete))
}

fn evidence(case: &Case, protocol: FragmentProtocol) -> Vec<(&'static str, Evidence)> {
    let (complete, incomplete) = datagrams(case, protocol);
    let of = |position| Evidence::Count(case.counts.fragments(protocol, position));
    let largest = if protocol == FragmentProtocol::Tcp {
        RemoteCounter::LargestFirstTcpOctets
    } else {
        RemoteCounter::LargestFirstOtherOctets
    };
    vec![
        ("fragments_first", of(FragmentPosition::First)),
        ("fragments_middle", of(FragmentPosition::Middle)),
        ("fragments_last", of(FragmentPosition::Last)),
        ("datagrams_complete", Evidence::Count(complete)),
        ("datagrams_incomplete", Evidence::Count(incomplete)),
        (
            "largest_first_fragment_octets",
            Evidence::Count(case.counts.value(largest)),
        ),
    ]
}
