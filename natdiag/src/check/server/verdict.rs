//! What the facts about a host mean. Pure; every rule and every confidence stands here.
//!
//! `PAWSPassive` rises by nothing but a SYN that `tcp_tw_recycle` drops (`net/ipv4/tcp_ipv4.c:tcp_v4_conn_request`,
//! v2.6.32 to v3.15; `net/ipv4/tcp_input.c:tcp_conn_request`, v3.16 to v4.11), so that it tells what a hidden setting
//! does. From Linux 3.9 on `ListenDrops` counts those SYNs as well, which readers take for a full backlog.

use std::cmp::Reverse;

use super::{Facts, Namespace, Reading, Setting, counters::Counter};
use crate::analysis::diagnosis::{Alternative, Cause, Evidence, Finding, Severity};

/// A setting that was read, or a counter that nothing else raises.
const READ: f64 = 0.9999;
/// A counter that has not risen now, of a setting that cannot be read: it may have been turned off since.
const PAST: f64 = 0.9;

/// What is known about `tcp_tw_recycle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwRecycle {
    /// It is on.
    On,
    /// It is off.
    Off,
    /// This kernel has no such setting: Linux 4.12 took it out.
    Gone,
    /// It is hidden from this network namespace, and may be on: Linux 3.5 to 4.9.
    Hidden,
    /// It cannot be told.
    Unknown,
}

impl TwRecycle {
    /// Its name in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Gone => "gone",
            Self::Hidden => "hidden",
            Self::Unknown => "unknown",
        }
    }

    /// Judges the file, and where it is missing, why.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        let at_least = |major, minor| {
            let kernel = facts.kernel.as_ref();
            kernel.is_some_and(|kernel| kernel.is_at_least(major, minor))
        };
        match facts.setting(Setting::TwRecycle) {
            Reading::Value(0) => Self::Off,
            Reading::Value(_) => Self::On,
            Reading::Missing | Reading::Unreadable(_) if at_least(4, 12) => Self::Gone,
            // Linux 4.10 and 4.11 have one for each namespace.
            Reading::Missing
                if facts.kernel.is_some()
                    && !at_least(4, 10)
                    && facts.namespace == Namespace::Other =>
            {
                Self::Hidden
            }
            Reading::Missing | Reading::Unreadable(_) => Self::Unknown,
        }
    }

    /// The same in a sentence.
    #[must_use]
    pub fn explain(self, facts: &Facts) -> String {
        let kernel = facts
            .kernel
            .as_ref()
            .map_or_else(|| "of unknown release".to_owned(), ToString::to_string);
        match (self, facts.setting(Setting::TwRecycle)) {
            (Self::On, reading) => {
                format!("it is {}, that is on", reading.value().unwrap_or(1))
            }
            (Self::Off, _) => "it is 0, that is off".to_owned(),
            (Self::Gone, _) => {
                format!("kernel {kernel} has no such setting: Linux 4.12 took it out")
            }
            (Self::Hidden, _) => format!(
                "kernel {kernel} hides it from this network namespace; for the host, and for this namespace too, it \
                 may be on"
            ),
            (Self::Unknown, Reading::Unreadable(why)) => format!("it cannot be read: {why}"),
            (Self::Unknown, _) => {
                format!("its file is missing, and kernel {kernel} does not tell why")
            }
        }
    }
}

/// What is wrong with a host, and what cannot be seen.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What is known about `tcp_tw_recycle`.
    pub tw_recycle: TwRecycle,
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// What cannot be observed from here, one sentence each.
    pub blind_to: Vec<String>,
}

/// Judges a host.
#[must_use]
pub fn judge(facts: &Facts) -> Verdict {
    let tw_recycle = TwRecycle::of(facts);
    let mut findings: Vec<_> = recycle(facts, tw_recycle)
        .into_iter()
        .chain(residue(facts, tw_recycle))
        .chain(backlog(facts))
        .collect();
    findings.sort_by_key(|finding| Reverse(finding.severity));
    Verdict {
        tw_recycle,
        findings,
        blind_to: blind_to(facts),
    }
}

/// What `tcp_tw_recycle` does, or did.
fn recycle(facts: &Facts, tw_recycle: TwRecycle) -> Option<Finding> {
    let dropped = facts.delta(Counter::PawsPassive).unwrap_or(0);
    let since_boot = facts.total(Counter::PawsPassive).unwrap_or(0);
    let harmless_timestamps = facts.setting(Setting::Timestamps).value() == Some(0);
    let seconds = facts.after.as_ref().map_or(0.0, |(_, seconds)| *seconds);
    let (cause, severity, confidence, summary) = match tw_recycle {
        _ if dropped > 0 => (
            Cause::TwRecycle,
            Severity::Critical,
            READ,
            format!(
                "tcp_tw_recycle dropped {} within {seconds:.1} s",
                syns(dropped)
            ),
        ),
        TwRecycle::On if since_boot > 0 => (
            Cause::TwRecycle,
            Severity::Warning,
            READ,
            format!(
                "tcp_tw_recycle is on; it has dropped {} since boot, and none while natdiag looked",
                syns(since_boot)
            ),
        ),
        TwRecycle::On if harmless_timestamps => (
            Cause::TwRecycleLatent,
            Severity::Warning,
            READ,
            "tcp_tw_recycle is on; it does nothing as long as tcp_timestamps is 0".to_owned(),
        ),
        TwRecycle::On => (
            Cause::TwRecycleLatent,
            Severity::Warning,
            READ,
            "tcp_tw_recycle is on; it has dropped nothing yet, and will when clients share an address behind a NAT"
                .to_owned(),
        ),
        TwRecycle::Hidden | TwRecycle::Unknown if since_boot > 0 => (
            Cause::TwRecycle,
            Severity::Warning,
            PAST,
            format!(
                "tcp_tw_recycle has dropped {} since boot; whether it is still on cannot be read from here",
                syns(since_boot)
            ),
        ),
        TwRecycle::Hidden | TwRecycle::Unknown => {
            return Some(blind(facts, tw_recycle));
        }
        TwRecycle::Off if since_boot > 0 => (
            Cause::TwRecycleLatent,
            Severity::Info,
            READ,
            format!(
                "tcp_tw_recycle is off; it was on and dropped {} since boot",
                syns(since_boot)
            ),
        ),
        TwRecycle::Off | TwRecycle::Gone => return None,
    };
    let mut finding = finding(cause, severity, confidence, summary);
    if severity > Severity::Info {
        finding.remedy = recycle_remedy(facts, tw_recycle);
    }
    finding.evidence = recycle_evidence(facts, tw_recycle);
    if dropped > 0 {
        finding.excluded = not_the_backlog(facts, dropped);
    }
    Some(finding)
}

fn recycle_evidence(facts: &Facts, tw_recycle: TwRecycle) -> Vec<(&'static str, Evidence)> {
    let mut evidence = vec![("setting", Evidence::Text(tw_recycle.explain(facts)))];
    for (name, number) in [
        ("PAWSPassive_rise", facts.delta(Counter::PawsPassive)),
        ("PAWSPassive", facts.total(Counter::PawsPassive)),
        ("ListenDrops_rise", facts.delta(Counter::ListenDrops)),
    ] {
        if let Some(number) = number {
            evidence.push((name, Evidence::Count(number)));
        }
    }
    if let Some(kernel) = &facts.kernel {
        let era = if kernel.is_at_least(3, 17) {
            "SYNs without timestamps are dropped as well (Linux 3.17 to 4.11)"
        } else {
            "SYNs without timestamps pass (Linux before 3.17)"
        };
        evidence.push(("kernel", Evidence::Text(format!("{kernel}: {era}"))));
    }
    evidence
}

/// Why drops that `ListenDrops` counts are not those of a full backlog.
fn not_the_backlog(facts: &Facts, dropped: u64) -> Vec<Alternative> {
    let (Some(drops), Some(overflows)) = (
        facts.delta(Counter::ListenDrops),
        facts.delta(Counter::ListenOverflows),
    ) else {
        return Vec::new();
    };
    if overflows > 0 || drops > dropped {
        return Vec::new();
    }
    vec![Alternative {
        cause: Cause::BacklogOverflow,
        why: format!(
            "ListenOverflows rose by 0; the {drops} by which ListenDrops rose are the same SYNs"
        ),
    }]
}

fn recycle_remedy(facts: &Facts, tw_recycle: TwRecycle) -> Vec<String> {
    let mut remedy = Vec::new();
    match tw_recycle {
        TwRecycle::Hidden => remedy.push(
            "on the host, outside any container: `sysctl -w net.ipv4.tcp_tw_recycle=0`; it acts on all network \
             namespaces"
                .to_owned(),
        ),
        TwRecycle::On | TwRecycle::Off | TwRecycle::Gone | TwRecycle::Unknown => {
            remedy.push("`sysctl -w net.ipv4.tcp_tw_recycle=0`".to_owned());
        }
    }
    remedy.extend(residue_remedy(facts));
    remedy.push(
        "`net.ipv4.tcp_tw_reuse=1` is the safe way to reuse ports in TIME-WAIT; it concerns connections that this \
         host opens"
            .to_owned(),
    );
    remedy.push(
        "then verify: `natdiag check server --duration 1min` sees PAWSPassive stand still"
            .to_owned(),
    );
    remedy
}

/// Lines that would turn it on again.
fn residue_remedy(facts: &Facts) -> Option<String> {
    let places: Vec<_> = facts
        .assignments
        .iter()
        .filter(|line| line.setting == Setting::TwRecycle && line.value != "0")
        .map(|line| format!("line {} of {}", line.line, line.file))
        .collect();
    (!places.is_empty()).then(|| {
        format!(
            "remove {}, or it comes back with the next boot",
            places.join(" and ")
        )
    })
}

/// A configuration that turns on what is off, or what this kernel does not have.
fn residue(facts: &Facts, tw_recycle: TwRecycle) -> Option<Finding> {
    let line = facts.at_boot(Setting::TwRecycle)?;
    if line.value == "0" || matches!(tw_recycle, TwRecycle::On) {
        return None;
    }
    let place = format!("{}:{}", line.file, line.line);
    let (severity, summary) = if tw_recycle == TwRecycle::Gone {
        (
            Severity::Info,
            format!(
                "{place} sets tcp_tw_recycle, which this kernel does not have; an older one would turn it on"
            ),
        )
    } else {
        (
            Severity::Warning,
            format!("{place} turns tcp_tw_recycle on with the next boot or `sysctl --system`"),
        )
    };
    let mut finding = finding(Cause::TwRecycleLatent, severity, READ, summary);
    finding.evidence = vec![(
        "line",
        Evidence::Text(format!("net.ipv4.tcp_tw_recycle = {}", line.value)),
    )];
    finding.remedy = residue_remedy(facts).into_iter().collect();
    Some(finding)
}

/// A setting that may be on and cannot be read.
fn blind(facts: &Facts, tw_recycle: TwRecycle) -> Finding {
    let summary = format!(
        "whether tcp_tw_recycle is on cannot be seen from here: {}",
        tw_recycle.explain(facts)
    );
    let mut finding = finding(Cause::Blind, Severity::Warning, READ, summary);
    finding.not_excluded = vec![Alternative {
        cause: Cause::TwRecycle,
        why: match facts.total(Counter::PawsPassive) {
            Some(_) => {
                "PAWSPassive of this network namespace is 0: it has dropped nothing here so far"
                    .to_owned()
            }
            None => "PAWSPassive cannot be read either".to_owned(),
        },
    }];
    finding.remedy = vec![if tw_recycle == TwRecycle::Hidden {
        "run `natdiag check server` or `sysctl net.ipv4.tcp_tw_recycle` on the host, outside any container".to_owned()
    } else {
        "look where /proc/sys is not hidden: on the host, outside any container".to_owned()
    }];
    finding
}

/// Queues that are full now.
fn backlog(facts: &Facts) -> Option<Finding> {
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
    let mut finding = finding(
        Cause::BacklogOverflow,
        Severity::Critical,
        confidence,
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

fn blind_to(facts: &Facts) -> Vec<String> {
    let mut blind_to = Vec::new();
    if facts.before.counters.is_empty() {
        blind_to
            .push("the counters: /proc/net/netstat and /proc/net/snmp cannot be read".to_owned());
    } else if facts.after.is_none() {
        blind_to.push("what happens now: the counters were read once only".to_owned());
    }
    match facts.namespace {
        Namespace::Initial => {}
        Namespace::Other => blind_to.push(
            "servers in other network namespaces: counters are those of this one, which is not the host's".to_owned(),
        ),
        Namespace::Unknown => blind_to.push(
            "servers in other network namespaces: counters are those of this one; nothing tells whether it is the \
             host's"
                .to_owned(),
        ),
    }
    blind_to
}

fn finding(cause: Cause, severity: Severity, confidence: f64, summary: String) -> Finding {
    Finding {
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

fn syns(number: u64) -> String {
    match number {
        1 => "1 SYN".to_owned(),
        number => format!("{number} SYNs"),
    }
}
