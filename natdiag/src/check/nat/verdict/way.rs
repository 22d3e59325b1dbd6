//! The ways of packets: whether they are forwarded, come back by the way they left, and fit.

use super::{LIKELY, POSSIBLE, READ, verify};
use crate::{
    analysis::diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    check::nat::{
        Facts,
        link::Link,
        sample::{Counter, REVERSE_PATH, TCP},
    },
};

/// The value of `rp_filter` that asks for the very interface (Documentation/networking/ip-sysctl.rst).
const STRICT: u64 = 1;

/// The MTU of nearly all servers, in octets.
const ETHERNET: u64 = 1_500;

/// Packets that came by another way than answers to them would leave.
pub(super) fn reverse_path(facts: &Facts) -> Option<Finding> {
    let dropped = facts
        .delta(&Counter::new(TCP, REVERSE_PATH))
        .filter(|n| *n > 0)?;
    let of_all = facts.setting("net.ipv4.conf.all.rp_filter").unwrap_or(0);
    let is_strict = |link: &&Link| of_all.max(link.rp_filter.unwrap_or(0)) == STRICT;
    let strict: Vec<_> = facts.links.iter().filter(is_strict).collect();
    if strict.is_empty() {
        return None;
    }
    let default = facts.routes.iter().filter(|route| route.is_default);
    let mut ways: Vec<_> = default.map(|route| route.interface.clone()).collect();
    ways.sort();
    ways.dedup();
    let has_two = ways.len() > 1;
    let seconds = facts.seconds();
    let mut finding = Finding::new(
        Cause::ReversePathFilter,
        if has_two { READ } else { LIKELY },
        Severity::Warning,
        format!(
            "the reverse path filter dropped {dropped} packets within {seconds:.1} s: they came by an interface that does not lead back to their sender"
        ),
    );
    let names: Vec<_> = strict.iter().map(|link| link.name.clone()).collect();
    finding.evidence = vec![
        ("IPReversePathFilter_rise", Evidence::Count(dropped)),
        ("strict_interfaces", Evidence::List(names.clone())),
        ("default_routes_by", Evidence::List(ways)),
    ];
    if !has_two {
        finding.not_excluded = vec![Alternative {
            cause: Cause::Filtered,
            why: "senders that forge their address are dropped alike, and rightly".to_owned(),
        }];
    }
    // The larger value of both counts, so that 2 for an interface is enough.
    let loosen = names.iter().map(|name| {
        format!(
            "`sysctl -w net.ipv4.conf.{}.rp_filter=2`",
            name.replace('.', "/")
        )
    });
    finding.remedy = loosen.collect();
    finding.remedy.push(verify(REVERSE_PATH));
    Some(finding)
}

/// Rules that translate on a host that forwards nothing.
pub(super) fn not_forwarded(facts: &Facts) -> Option<Finding> {
    let forwards = facts.setting("net.ipv4.ip_forward")?;
    let translates = facts
        .usage
        .as_ref()
        .is_some_and(|usage| usage.translated > 0);
    if forwards != 0 || translates {
        return None;
    }
    let mut finding = Finding::new(
        Cause::Routing,
        LIKELY,
        Severity::Warning,
        "rules translate, and this host forwards no packet of IPv4: net.ipv4.ip_forward is 0"
            .to_owned(),
    );
    finding.remedy = vec![
        "`sysctl -w net.ipv4.ip_forward=1`, and the same line in /etc/sysctl.d".to_owned(),
        "then verify: `sysctl net.ipv4.ip_forward` prints 1".to_owned(),
    ];
    Some(finding)
}

/// A way out that is narrower than a way in, where nothing tells the ends in time.
pub(super) fn mtu(facts: &Facts) -> Option<Finding> {
    if facts.rules.as_ref()?.clamps_mss {
        return None;
    }
    let outer = facts.outer();
    let narrowest = |link: &&Link| {
        let of_routes = facts
            .routes
            .iter()
            .filter(|route| route.interface == link.name && route.mtu > 0)
            .map(|route| route.mtu);
        Some((of_routes.chain(link.mtu).min()?, link.name.clone()))
    };
    let (out, by) = outer.iter().filter_map(narrowest).min()?;
    let wide = |link: &Link| Some((link.mtu?, link.name.clone()));
    let (wide, from) = facts.inner().into_iter().filter_map(wide).max()?;
    // Elsewhere hardly a packet is larger than this, whatever clients announce.
    if out >= wide.min(ETHERNET) {
        return None;
    }
    let mut finding = Finding::new(
        Cause::PmtuBlackHole,
        POSSIBLE,
        Severity::Warning,
        format!(
            "packets come in by {from} with up to {wide} octets, leave by {by} with up to {out}, and no rule clamps the \
             MSS: connections on whose way ICMP is filtered will hang"
        ),
    );
    finding.evidence = vec![
        ("mtu_in", Evidence::Count(wide)),
        ("mtu_out", Evidence::Count(out)),
    ];
    finding.remedy = vec![
        format!(
            "`nft add rule inet filter forward oifname \"{by}\" tcp flags syn tcp option maxseg size set rt mtu`, in a chain of yours with the hook forward"
        ),
        format!(
            "or `iptables -t mangle -A FORWARD -o {by} -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu`"
        ),
        format!(
            "then verify: `tcpdump -i {by} 'tcp[tcpflags] & tcp-syn != 0'` shows SYNs with an MSS of {} at most",
            out.saturating_sub(40)
        ),
    ];
    Some(finding)
}
