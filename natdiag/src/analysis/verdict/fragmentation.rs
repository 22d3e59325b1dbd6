//! Who fragments, and what it means behind a managed NAT gateway: TCP and ICMP fragments are dropped there, UDP
//! fragments pass.

mod flood;
mod maker;

pub use self::flood::{is_junk, scattered_flood};

use natdiag_common::counter::{FragmentPosition, FragmentProtocol, RemoteCounter};

use self::{
    flood::{deliberate, flood},
    maker::{maker, other_maker},
};
use super::{
    case::{Case, finding, insufficient},
    contest::NAMED,
};
use crate::analysis::diagnosis::{Alternative, Cause, Evidence, Finding, Severity};

/// Octets that every fragment but the last is a multiple of (RFC 791, section 3.1): a first fragment is at most this
/// much below the MTU.
const FRAGMENT_UNIT: u64 = 8;
/// Smallest MTU of a link that carries IPv4 (RFC 791, section 3.2): it makes first fragments of just this size.
const SMALLEST_MTU: u64 = 68;
/// Smallest MTU of a link that carries IPv6 (RFC 8200, section 5).
const SMALLEST_IPV6_MTU: u64 = 1280;
/// Octets of an IPv4 and a TCP header without options: what an MTU is more than its MSS (RFC 6691).
const IPV4_TCP_HEADERS: u64 = 40;
/// Smallest MSS that is worth a clamp: what every host takes (RFC 9293, section 3.7.1).
const MIN_MSS: u64 = 536;
/// An IP header names the protocol; only a forged one lies.
const BY_PROTOCOL: f64 = 0.999;
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
    if largest < SMALLEST_MTU {
        return Some(deliberate(fragments, largest, evidence));
    }
    let maker = maker(case, largest);
    let (complete, incomplete) = datagrams(case, FragmentProtocol::Tcp);
    let harmful = incomplete * HARMFUL_SHARE.1 > (complete + incomplete) * HARMFUL_SHARE.0;
    evidence.extend(mtu_implied(case.is_ipv6, largest));
    evidence.push(("told_by", Evidence::Text(maker.told_by)));
    let what =
        format!("{fragments} fragments of {firsts} segments, the first up to {largest} octets");
    let harm = "behind a managed NAT gateway these never arrive";
    let remedy = remedy(case, largest);
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
            not_excluded: vec![likelier, other_maker(maker.cause)],
            ..insufficient(summary, evidence, remedy)
        });
    }
    let severity = if harmful {
        Severity::Critical
    } else {
        Severity::Warning
    };
    Some(Finding {
        evidence,
        remedy,
        confidence: maker.confidence,
        ..made_by(maker.cause, severity, &format!("{what}; {harm}"))
    })
}

/// The finding that names who makes fragments of TCP, but for its confidence, evidence and remedy.
fn made_by(maker: Cause, severity: Severity, what: &str) -> Finding {
    let other = other_maker(maker);
    let udp = Alternative {
        cause: Cause::UdpFragmentation,
        why: "these fragments carry TCP".to_owned(),
    };
    let (who, excluded, not_excluded) = if maker == Cause::PathFragmentation {
        ("a hop on the path", vec![udp], vec![other])
    } else {
        ("the server itself", vec![other, udp], Vec::new())
    };
    Finding {
        excluded,
        not_excluded,
        ..finding(
            maker,
            severity,
            format!("TCP comes in fragments, made by {who}: {what}"),
            Vec::new(),
            Vec::new(),
        )
    }
}

/// The MTU that makes first fragments of this size, if a link may have one: a host may cut smaller ones by choice.
fn mtu_implied(is_ipv6: bool, largest: u64) -> Option<(&'static str, Evidence)> {
    let smallest = if is_ipv6 {
        SMALLEST_IPV6_MTU
    } else {
        SMALLEST_MTU
    };
    let below = largest + FRAGMENT_UNIT;
    (below > smallest).then(|| {
        let span = format!("{} to {}", largest.max(smallest), below - 1);
        ("mtu_implied_octets", Evidence::Text(span))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_is_said_to_have_an_mtu_that_none_can_have() {
        for (is_ipv6, largest, want) in [
            (false, 44, None),
            (false, 68, Some("68 to 75")),
            (false, 576, Some("576 to 583")),
            (true, 576, None),
            (true, 1272, None),
            (true, 1276, Some("1280 to 1283")),
            (true, 1280, Some("1280 to 1287")),
        ] {
            let want = want.map(|span| ("mtu_implied_octets", Evidence::Text(span.to_owned())));
            assert_eq!(mtu_implied(is_ipv6, largest), want, "{is_ipv6} {largest}");
        }
    }
}
