//! Packets that are lost before or after the rules: in queues, in the device, and to what a cloud allows.

use super::{LIKELY, READ, verify};
use crate::{
    analysis::diagnosis::{Cause, Evidence, Finding, Severity},
    check::nat::{
        Facts,
        sample::{ALLOWANCES, Counter, RING, SOFTNET},
    },
};

/// Queues of received packets that overflowed.
pub(super) fn queues(facts: &Facts) -> Option<Finding> {
    let rise = |name| facts.delta(&Counter::new(SOFTNET, name)).unwrap_or(0);
    let dropped = rise("dropped");
    if dropped == 0 {
        return None;
    }
    let seconds = facts.seconds();
    let mut finding = Finding::new(
        Cause::LocalNat,
        READ,
        Severity::Warning,
        format!(
            "queues of received packets overflowed: {dropped} packets dropped within {seconds:.1} s"
        ),
    );
    finding.evidence = vec![
        ("softnet_dropped_rise", Evidence::Count(dropped)),
        (
            "softnet_time_squeeze_rise",
            Evidence::Count(rise("time_squeeze")),
        ),
    ];
    finding.remedy = vec![
        "`sysctl -w net.core.netdev_max_backlog=10000`".to_owned(),
        "more queues share the load out: `ethtool -l IFACE`, or RPS".to_owned(),
        verify("softnet dropped"),
    ];
    Some(finding)
}

/// Receive rings that overflowed.
pub(super) fn rings(facts: &Facts) -> Option<Finding> {
    let lost = |name: &str| {
        let of_kind = RING.map(|kind| facts.delta(&Counter::new(name, kind)).unwrap_or(0));
        // Some drivers count one packet as both.
        of_kind.into_iter().max().unwrap_or(0)
    };
    let full = facts
        .links
        .iter()
        .map(|link| (lost(&link.name), &link.name));
    let (lost, name) = full.max().filter(|(lost, _)| *lost > 0)?;
    let seconds = facts.seconds();
    let mut finding = Finding::new(
        Cause::LocalNat,
        READ,
        Severity::Warning,
        format!(
            "the device of {name} had no room for {lost} packets that it received within {seconds:.1} s"
        ),
    );
    finding.evidence = vec![("rx_missed_rise", Evidence::Count(lost))];
    finding.remedy = vec![
        format!(
            "`ethtool -g {name}` shows the size of its rings, `ethtool -G {name} rx NUMBER` makes them larger"
        ),
        verify("rx_missed_errors"),
    ];
    Some(finding)
}

/// Packets that EC2 did not let pass.
pub(super) fn allowances(facts: &Facts) -> Option<Finding> {
    let rises = facts.links.iter().flat_map(|link| {
        ALLOWANCES.map(|name| {
            let rise = facts.delta(&Counter::new(&link.name, name)).unwrap_or(0);
            (rise, name, link.name.as_str())
        })
    });
    let mut exceeded: Vec<_> = rises.filter(|(rise, ..)| *rise > 0).collect();
    exceeded.sort_unstable();
    let (most, name, link) = *exceeded.last()?;
    let seconds = facts.seconds();
    let mut finding = Finding::new(
        Cause::RateLimit,
        LIKELY,
        Severity::Warning,
        format!(
            "EC2 queued or dropped {most} packets of {link} within {seconds:.1} s, because the instance exceeded what it is allowed ({name})"
        ),
    );
    finding.evidence = exceeded
        .iter()
        .rev()
        .map(|(rise, name, _)| (*name, Evidence::Count(*rise)))
        .collect();
    let cure = match name {
        "conntrack_allowance_exceeded" => {
            "security groups that allow all traffic both ways need no tracking, and connections beyond the allowance fail without it; a larger instance has more"
        }
        "linklocal_allowance_exceeded" => {
            "a resolver with a cache on this host asks the VPC's resolver less often"
        }
        _ => "a larger instance, or several NATs that share the load",
    };
    finding.remedy = vec![
        cure.to_owned(),
        format!("then verify: `ethtool -S {link} | grep allowance` stands still"),
    ];
    Some(finding)
}
