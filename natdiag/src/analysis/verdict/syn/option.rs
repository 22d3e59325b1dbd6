//! Middleboxes that drop SYNs for an option or flag that they do not know: ECN, Multipath TCP, Fast Open, window scale,
//! SACK permitted. Linux leaves most of these out of a SYN that it repeats, so that the connection comes about late.

use super::{
    channel,
    data::ln_data,
    finding::finding,
    group::ln_selective,
    rates::{BACKGROUND, MOSTLY},
    trouble::{CONNECTIONS, Excluded, Trouble, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::{
        Outcomes, SynSums,
        kinds::{SynKind, SynOption},
    },
    verdict::likelihood::{ln_mixture, ln_series},
};

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.006,
    cause: Cause::SynOptionDropped,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_fates(seen.syns),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_a_rule,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: |seen, _| seen.connections_hit() >= CONNECTIONS && is_shown(seen.syns),
    finding: |seen| named(seen.syns),
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(why_excluded),
    against_others: None,
    why_left: |_| "SYNs with an option were dropped more often",
};

/// How often each is what is disliked. Timestamps have a hypothesis of their own.
const DISLIKED: [(SynOption, f64); 5] = [
    (SynOption::Ecn, 0.35),
    (SynOption::Multipath, 0.25),
    (SynOption::FastOpen, 0.25),
    (SynOption::WindowScale, 0.1),
    (SynOption::Sack, 0.05),
];
/// How often every such SYN is dropped; on one of several ways only most are.
const EVERY: f64 = 0.8;

/// The likelihood of the fates of SYNs.
fn ln_fates(syns: &SynSums) -> f64 {
    let parts = DISLIKED.map(|(option, common)| (common, ln_of(syns, option)));
    ln_mixture(&parts)
}

fn ln_of(syns: &SynSums, option: SynOption) -> f64 {
    let (with, without) = with_and_without(syns, option);
    if with.dropped == 0 {
        return f64::NEG_INFINITY;
    }
    ln_mixture(&[
        (EVERY, ln_selective(with, without)),
        (
            1.0 - EVERY,
            ln_series(MOSTLY, with) + ln_series(BACKGROUND, without),
        ),
    ])
}

/// SYNs that carry an option, and all others.
fn with_and_without(syns: &SynSums, option: SynOption) -> (Outcomes, Outcomes) {
    let with = syns.kinds.of(|kind: SynKind| kind.has(option));
    (with, syns.all().less(with))
}

/// Options that are dropped as likely as the likeliest: what always comes together cannot be told apart.
fn suspects(syns: &SynSums) -> Vec<SynOption> {
    /// Odds within which two are alike.
    const ALIKE: f64 = 3.0;
    let lns = DISLIKED.map(|(option, _)| (option, ln_of(syns, option)));
    let best = lns
        .iter()
        .map(|(_, ln)| *ln)
        .fold(f64::NEG_INFINITY, f64::max);
    let alike = lns.iter().filter(|(_, ln)| *ln >= best - ALIKE);
    alike.map(|(option, _)| *option).collect()
}

/// The finding in words.
fn named(syns: &SynSums) -> Finding {
    let suspects = suspects(syns);
    let names: Vec<String> = suspects.iter().map(|it| name(*it).to_owned()).collect();
    let (with, without) = suspects
        .first()
        .map(|option| with_and_without(syns, *option))
        .unwrap_or_default();
    let summary = format!(
        "something drops SYNs for what they ask for, {}: {} of {} with it, {} of {} without",
        names.join(" or "),
        with.dropped,
        with.total(),
        without.dropped,
        without.total()
    );
    let mut remedy: Vec<String> = suspects
        .iter()
        .map(|option| {
            format!(
                "until the device is found, `{}` on the clients lets their connections begin at once",
                switch(*option)
            )
        })
        .collect();
    remedy.push(
        "ask for the firewall or middlebox that drops such SYNs, on the way or at the server, and for a version that passes what it does not know".to_owned(),
    );
    let mut finding = finding(
        Cause::SynOptionDropped,
        Severity::Warning,
        summary,
        syns,
        remedy,
    );
    finding.evidence.push(("option", Evidence::List(names)));
    for (name, number) in [
        ("with_option_dropped", with.dropped),
        ("with_option_answered", with.answered),
        ("without_option_dropped", without.dropped),
        ("without_option_answered", without.answered),
    ] {
        finding.evidence.push((name, Evidence::Count(number)));
    }
    finding
}

/// Whether SYNs with an option were dropped and some without were answered.
fn is_shown(syns: &SynSums) -> bool {
    suspects(syns).first().is_some_and(|option| {
        let (with, without) = with_and_without(syns, *option);
        with.dropped > 0 && without.answered > 0
    })
}

/// What speaks against it.
fn why_excluded(syns: &SynSums) -> String {
    let carried = DISLIKED
        .iter()
        .map(|(option, _)| (*option, with_and_without(syns, *option).0))
        .filter(|(_, with)| with.total() > 0);
    let most_dropped = carried.max_by_key(|(_, with)| with.dropped * 1000 / with.total());
    most_dropped.map_or_else(
        || "no SYN carried an option that is known to be dropped".to_owned(),
        |(option, with)| {
            format!(
                "{} of {} SYNs with {} were answered",
                with.answered,
                with.total(),
                name(option)
            )
        },
    )
}

const fn name(option: SynOption) -> &'static str {
    match option {
        SynOption::Ecn => "ECN (ECE and CWR)",
        SynOption::Multipath => "Multipath TCP",
        SynOption::FastOpen => "Fast Open",
        SynOption::WindowScale => "window scale",
        SynOption::Sack => "SACK permitted",
        SynOption::Timestamps => "timestamps",
    }
}

/// What turns an option off on Linux (Documentation/networking/ip-sysctl.rst, mptcp-sysctl.rst).
const fn switch(option: SynOption) -> &'static str {
    match option {
        SynOption::Ecn => "sysctl -w net.ipv4.tcp_ecn=0",
        SynOption::Multipath => "sysctl -w net.mptcp.enabled=0",
        SynOption::FastOpen => "sysctl -w net.ipv4.tcp_fastopen=0",
        SynOption::WindowScale => "sysctl -w net.ipv4.tcp_window_scaling=0",
        SynOption::Sack => "sysctl -w net.ipv4.tcp_sack=0",
        SynOption::Timestamps => "sysctl -w net.ipv4.tcp_timestamps=0",
    }
}
