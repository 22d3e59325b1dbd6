//! Who fragments, and what it means behind a managed NAT gateway: TCP and ICMP fragments are dropped there, UDP
//! fragments pass.

use natdiag_common::counter::{FragmentPosition, FragmentProtocol, RemoteCounter};

use super::{Case, NAMED, finding, insufficient};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fragments::Datagrams,
};

/// Octets that every fragment but the last is a multiple of (RFC 791, section 3.1): a first fragment is at most this
/// much below the MTU.
const FRAGMENT_UNIT: u64 = 8;
/// Octets of an IPv4 and a TCP header without options: what an MTU is more than its MSS (RFC 6691).
const IPV4_TCP_HEADERS: u64 = 40;
/// Smallest MSS that is worth a clamp: what every host takes (RFC 9293, section 3.7.1).
const MIN_MSS: u64 = 536;
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
/// Tiny or overlapping datagrams of one host from which on it is an attack: nobody sends so many by mistake.
const FLOOD: u64 = 50;
/// Hosts that each sent nothing but tiny first fragments from which on it is an attack from forged addresses.
const SCATTERED_FLOOD: u64 = 100;
/// Links do not make tiny fragments: of such series about one in thirty is somebody's experiment.
const DELIBERATE: f64 = 0.97;
/// Datagrams that must be incomplete for their fragments to be called lost: what was under way when the watch began is
/// incomplete as well.
const LOST: u64 = 3;
/// Where some datagrams are complete and some not, chance has taken fragments; a filter would have taken all.
const BY_CHANCE: f64 = 0.95;
/// Fragmented TCP with at least this share of datagrams incomplete harms now; below it is a threat.
const HARMFUL_SHARE: (u64, u64) = (1, 2);

/// What is to be said about the fragments from a remote host.
pub(super) fn findings(case: &Case) -> Vec<Finding> {
    if let Some(flood) = flood(case) {
        return vec![flood];
    }
    let mut findings = Vec::new();
    if !is_junk(&case.datagrams) {
        findings.extend(tcp(case));
    }
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
            "packets of a tunnel come in fragments; what is inside cannot be seen",
        ),
    ] {
        let carried = case.datagrams.carried;
        let is_nameless = protocol == FragmentProtocol::Other && carried.others && !carried.tunnels;
        if !is_nameless {
            findings.extend(harmless(case, protocol, cause, summary));
        }
    }
    findings.extend(lost(case));
    findings
}

/// Whether a host has sent nothing but tiny first fragments, of datagrams that never became complete.
#[must_use]
pub fn is_junk(datagrams: &Datagrams) -> bool {
    datagrams.tiny > 0
        && datagrams.tiny == datagrams.opened
        && datagrams.complete.iter().all(|complete| *complete == 0)
}

/// A flood of tiny fragments from many addresses.
#[must_use]
pub fn scattered_flood(hosts: u64) -> Option<Finding> {
    (hosts >= SCATTERED_FLOOD).then(|| {
        let summary = format!(
            "{hosts} hosts have sent nothing but tiny first fragments, whose datagrams never became complete: an attack from forged addresses"
        );
        Finding {
            confidence: DELIBERATE,
            ..finding(
                Cause::FragmentFlood,
                Severity::Warning,
                summary,
                vec![("hosts", Evidence::Count(hosts))],
                flood_remedy(),
            )
        }
    })
}

fn flood(case: &Case) -> Option<Finding> {
    let datagrams = &case.datagrams;
    let complete: u64 = datagrams.complete.iter().sum();
    let incomplete: u64 = datagrams.incomplete.iter().sum::<u64>() + datagrams.unobserved;
    let is_tiny = datagrams.tiny >= FLOOD && datagrams.tiny * 2 > datagrams.opened;
    let is_overlapping = datagrams.overlapping >= FLOOD;
    if !(is_tiny && incomplete >= complete || is_overlapping) {
        return None;
    }
    let summary = format!(
        "a flood of fragments: {} of {} first fragments are smaller than any link makes them, {} datagrams overlap, {complete} became complete",
        datagrams.tiny, datagrams.opened, datagrams.overlapping
    );
    let evidence = vec![
        ("tiny_first_fragments", Evidence::Count(datagrams.tiny)),
        ("first_fragments", Evidence::Count(datagrams.opened)),
        (
            "overlapping_datagrams",
            Evidence::Count(datagrams.overlapping),
        ),
        ("datagrams_complete", Evidence::Count(complete)),
        ("datagrams_incomplete", Evidence::Count(incomplete)),
    ];
    let why = "neither a host nor a router cuts so small";
    Some(Finding {
        confidence: DELIBERATE,
        excluded: [Cause::EndpointFragmentation, Cause::PathFragmentation]
            .map(|cause| Alternative {
                cause,
                why: why.to_owned(),
            })
            .into(),
        ..finding(
            Cause::FragmentFlood,
            Severity::Warning,
            summary,
            evidence,
            flood_remedy(),
        )
    })
}

fn flood_remedy() -> Vec<String> {
    vec![
        "drop tiny fragments before connection tracking: `nft add rule inet raw prerouting ip frag-off & 0x3fff != 0 ip length < 256 drop`".to_owned(),
    ]
}

/// Fragments that are lost on the way.
fn lost(case: &Case) -> Option<Finding> {
    let complete: u64 = case.datagrams.complete.iter().sum();
    let incomplete: u64 = case.datagrams.incomplete.iter().sum();
    if incomplete < LOST || complete == 0 {
        return None;
    }
    let summary = format!(
        "fragments are lost on the way: {incomplete} of {} datagrams never became complete",
        complete + incomplete
    );
    let evidence = vec![
        ("datagrams_complete", Evidence::Count(complete)),
        ("datagrams_incomplete", Evidence::Count(incomplete)),
    ];
    let remedy = vec!["look for loss on the way, and for filters that drop fragments".to_owned()];
    Some(Finding {
        confidence: BY_CHANCE,
        excluded: vec![Alternative {
            cause: Cause::Filtered,
            why: "a filter would let none pass".to_owned(),
        }],
        ..finding(
            Cause::PacketLoss,
            Severity::Warning,
            summary,
            evidence,
            remedy,
        )
    })
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
    if incomplete > 0 && complete == 0 {
        let summary =
            format!("{summary}; {incomplete} datagrams never became complete, and none did");
        let remedy =
            vec!["look for loss on the way, and for filters that drop fragments".to_owned()];
        let either = [Cause::PacketLoss, Cause::Filtered].map(|cause| Alternative {
            cause,
            why: "it would leave datagrams incomplete".to_owned(),
        });
        return Some(Finding {
            not_excluded: either.into(),
            ..insufficient(summary, evidence(case, protocol), remedy)
        });
    }
    let why = "no TCP fragment was seen";
    let excluded = [Cause::EndpointFragmentation, Cause::PathFragmentation]
        .into_iter()
        .filter(|_| case.counts.fragments_of(FragmentProtocol::Tcp) == 0)
        .map(|cause| Alternative {
            cause,
            why: why.to_owned(),
        });
    Some(Finding {
        confidence: BY_PROTOCOL,
        excluded: excluded.collect(),
        ..finding(
            cause,
            Severity::Info,
            summary.to_owned(),
            evidence(case, protocol),
            Vec::new(),
        )
    })
}

fn tcp(case: &Case) -> Option<Finding> {
    let counts = case.counts;
    let fragments = counts.fragments_of(FragmentProtocol::Tcp);
    if fragments == 0 {
        return None;
    }
    let firsts = counts.fragments(FragmentProtocol::Tcp, FragmentPosition::First);
    let mut evidence = evidence(case, FragmentProtocol::Tcp);
    if firsts == 0 {
        let summary =
            format!("{fragments} later fragments of TCP came, and the first ones never did");
        let remedy = vec![
            "look for a filter on the way that drops first fragments, or for forged ones"
                .to_owned(),
        ];
        return Some(insufficient(summary, evidence, remedy));
    }
    let largest = counts.value(RemoteCounter::LargestFirstTcpOctets);
    let maker = maker(case, largest);
    let (complete, incomplete) = datagrams(case, FragmentProtocol::Tcp);
    let harmful = incomplete * HARMFUL_SHARE.1 > (complete + incomplete) * HARMFUL_SHARE.0;
    evidence.push((
        "mtu_implied_octets",
        Evidence::Text(format!("{largest} to {}", largest + FRAGMENT_UNIT - 1)),
    ));
    evidence.push(("told_by", Evidence::Text(maker.told_by)));
    let what =
        format!("{fragments} fragments of {firsts} segments, the first up to {largest} octets");
    let harm = "behind a managed NAT gateway these never arrive";
    let remedy = remedy(case, largest);
    let other = other_maker(maker.cause);
    if maker.confidence < NAMED {
        let summary = format!(
            "TCP comes in fragments: {what}; {harm}; who makes them cannot be told, as no SYN-ACK was seen"
        );
        let likelier = Alternative {
            cause: maker.cause,
            why: format!(
                "likelier by the size of the first fragments, at {:.0} %",
                maker.confidence * 100.0
            ),
        };
        return Some(Finding {
            not_excluded: vec![likelier, other],
            ..insufficient(summary, evidence, remedy)
        });
    }
    let udp = Alternative {
        cause: Cause::UdpFragmentation,
        why: "these fragments carry TCP".to_owned(),
    };
    let (who, excluded, not_excluded) = if maker.cause == Cause::PathFragmentation {
        ("a hop on the path", vec![udp], vec![other])
    } else {
        ("the server itself", vec![other, udp], Vec::new())
    };
    Some(Finding {
        cause: maker.cause,
        confidence: maker.confidence,
        severity: if harmful {
            Severity::Critical
        } else {
            Severity::Warning
        },
        summary: format!("TCP comes in fragments, made by {who}: {what}; {harm}"),
        evidence,
        excluded,
        not_excluded,
        remedy,
    })
}

/// Who makes fragments, how sure that is, and what tells.
struct Maker {
    cause: Cause,
    confidence: f64,
    told_by: String,
}

fn maker(case: &Case, largest: u64) -> Maker {
    let offered = case
        .syns
        .and_then(|syns| syns.largest_mss)
        .map(|mss| u64::from(mss) + headers(case));
    let endpoint_mtu = offered.unwrap_or(ETHERNET_MTU);
    let endpoint = |confidence, told_by: String| Maker {
        cause: Cause::EndpointFragmentation,
        confidence,
        told_by,
    };
    if case.is_ipv6 {
        endpoint(ONLY_ENDPOINT, "IPv6 routers do not fragment".to_owned())
    } else if case.counts.value(RemoteCounter::FragmentDontFragment) > 0 {
        endpoint(
            ONLY_ENDPOINT,
            "no router may fragment what has Don't Fragment set".to_owned(),
        )
    } else if largest + FRAGMENT_UNIT >= endpoint_mtu {
        let told_by = format!(
            "the first fragments are as large as the server's own MTU, {endpoint_mtu} octets"
        );
        endpoint(offered.map_or(SUPPOSED_MTU, |_| AT_ENDPOINT_MTU), told_by)
    } else {
        Maker {
            cause: Cause::PathFragmentation,
            confidence: offered.map_or(SUPPOSED_MTU, |_| BELOW_ENDPOINT_MTU),
            told_by: format!(
                "the first fragments have {largest} octets, less than the server's own MTU of {endpoint_mtu}"
            ),
        }
    }
}

/// The one that it could be in place of `cause`, and what stands against it.
fn other_maker(cause: Cause) -> Alternative {
    if cause == Cause::PathFragmentation {
        Alternative {
            cause: Cause::EndpointFragmentation,
            why: "a tunnel on the server itself would make such fragments too".to_owned(),
        }
    } else {
        Alternative {
            cause: Cause::PathFragmentation,
            why: "a router would have cut at its own, smaller MTU".to_owned(),
        }
    }
}

/// Octets that an MTU is more than its MSS.
fn headers(case: &Case) -> u64 {
    if case.is_ipv6 {
        IPV4_TCP_HEADERS + 20
    } else {
        IPV4_TCP_HEADERS
    }
}

fn remedy(case: &Case, largest: u64) -> Vec<String> {
    let mut remedy = Vec::new();
    let mss = largest.saturating_sub(headers(case));
    if mss >= MIN_MSS {
        remedy.push(format!(
            "clamp the MSS to {mss} on the way out: `nft add rule inet filter forward tcp flags syn tcp option maxseg size set {mss}`"
        ));
    }
    remedy.push(
        "ask the owner for a smaller MTU or MSS, or use a NAT instance in place of the NAT gateway"
            .to_owned(),
    );
    remedy
}

fn datagrams(case: &Case, protocol: FragmentProtocol) -> (u64, u64) {
    let of = |counts: &[u64]| counts.get(protocol as usize).copied().unwrap_or(0);
    (of(&case.datagrams.complete), of(&case.datagrams.incomplete))
}

fn evidence(case: &Case, protocol: FragmentProtocol) -> Vec<(&'static str, Evidence)> {
    let (complete, incomplete) = datagrams(case, protocol);
    let of = |position| Evidence::Count(case.counts.fragments(protocol, position));
    let mut evidence = vec![
        ("fragments_first", of(FragmentPosition::First)),
        ("fragments_middle", of(FragmentPosition::Middle)),
        ("fragments_last", of(FragmentPosition::Last)),
        ("datagrams_complete", Evidence::Count(complete)),
        ("datagrams_incomplete", Evidence::Count(incomplete)),
    ];
    if protocol == FragmentProtocol::Tcp {
        let largest = case.counts.value(RemoteCounter::LargestFirstTcpOctets);
        evidence.push(("largest_first_fragment_octets", Evidence::Count(largest)));
    }
    evidence
}
