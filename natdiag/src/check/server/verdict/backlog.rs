//! Queues of connections that wait to be accepted.

use super::{PAST, READ, syns};
use crate::{
    analysis::diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    check::server::{Facts, counters::Counter},
};

/// Queues that are full now.
pub(super) fn backlog(facts: &Facts) -> Option<Finding> {
    let rise = |counter| facts.delta(counter).unwrap_or(0);
    let overflows = rise(Counter::ListenOverflows);
    let queue_full = rise(Counter::ReqQueueFullDrop);
    // What neither tcp_tw_recycle nor a full accept queue explains: a full SYN queue, or no memory.
    let explained = rise(Counter::PawsPassive) + overflows;
    let others = rise(Counter::ListenDrops).saturating_sub(explained);
    if overflows + queue_full + others == 0 {
        return None;
    }
    let seconds = facts.after.as_ref().map_or(0.0, |(_, seconds)| *seconds);
    let (what, confidence) = if overflows > 0 {
        (
            format!("a full accept queue dropped {overflows} connections"),
            READ,
        )
    } else if queue_full > 0 {
        (
            format!("a full SYN queue dropped {}", syns(queue_full)),
            READ,
        )
    } else {
        // ListenDrops counts lack of memory and of a route as well.
        (
            format!("{} dropped that no timestamp explains", syns(others)),
            PAST,
        )
    };
    let mut finding = Finding::new(
        Cause::BacklogOverflow,
        confidence,
        Severity::Critical,
        format!("{what} within {seconds:.1} s"),
    );
    for (name, counter) in [
        ("ListenOverflows_rise", Counter::ListenOverflows),
        ("ListenDrops_rise", Counter::ListenDrops),
        ("PAWSPassive_rise", Counter::PawsPassive),
        ("TCPReqQFullDrop_rise", Counter::ReqQueueFullDrop),
        ("SyncookiesSent_rise", Counter::SyncookiesSent),
    ] {
        if let Some(number) = facts.delta(counter) {
            finding.evidence.push((name, Evidence::Count(number)));
        }
    }
    if rise(Counter::PawsPassive) == 0 && facts.delta(Counter::PawsPassive).is_some() {
        finding.excluded = vec![Alternative {
            cause: Cause::TwRecycle,
            why: "PAWSPassive rose by 0".to_owned(),
        }];
    }
    finding.remedy = vec![
        "`ss -ltn` shows whose Recv-Q reaches its Send-Q: that program accepts too slowly".to_owned(),
        "a longer queue needs both: the program's listen(2) backlog, and `sysctl -w net.core.somaxconn=4096`".to_owned(),
    ];
    Some(finding)
}
