//! What `tcp_tw_recycle` does to a host's clients, or will do.

use super::{PAST, READ, TwRecycle, syns};
use crate::{
    analysis::diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    check::server::{Facts, Setting, counters::Counter},
};

/// What `tcp_tw_recycle` does, or did.
pub(super) fn recycle(facts: &Facts, tw_recycle: TwRecycle) -> Option<Finding> {
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
    let mut finding = Finding::new(cause, confidence, severity, summary);
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
pub(super) fn residue(facts: &Facts, tw_recycle: TwRecycle) -> Option<Finding> {
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
    let mut finding = Finding::new(Cause::TwRecycleLatent, READ, severity, summary);
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
    let mut finding = Finding::new(Cause::Blind, READ, Severity::Warning, summary);
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
