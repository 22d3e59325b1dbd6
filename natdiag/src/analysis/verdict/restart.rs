//! Restarts of the remote host or of its service: silence, then refusals, then RSTs on connections from before, which
//! it knows no longer. What makes such a story, and its words, where resets or refusals tell it.

use super::case::finding;
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::{SynSums, resets::ResetSums, restarts::Absence},
};

/// Refusals that make a story without silence.
const REFUSALS: u64 = 2;
/// Of resets and refusals so many may not fit the story: one in so many.
const EXCEPTIONS: u64 = 4;
/// Of all drops so many tenths must lie within the silence for it to explain them.
const TENTHS: u64 = 8;

/// The absence of the host, if its resets are those of a restart.
pub(super) fn story(syns: &SynSums) -> Option<&Absence> {
    syns.restarts.absence().filter(|absence| {
        let is_told = absence.was_silent() || absence.refused >= REFUSALS;
        let is_back_and_forth = absence.opened_between * EXCEPTIONS > absence.refused;
        let is_old =
            absence.old_resets > 0 && absence.new_resets * EXCEPTIONS <= absence.old_resets;
        is_told && !is_back_and_forth && is_old
    })
}

/// Takes out what a restart explains: what was lost and refused meanwhile, where that is nearly all.
pub(super) fn retain_unexplained(findings: &mut Vec<Finding>, syns: &SynSums) {
    let is_named = findings
        .iter()
        .any(|finding| finding.cause == Cause::ServerRestart);
    let Some(absence) = syns.restarts.absence().filter(|_| is_named) else {
        return;
    };
    let dropped = syns.all().dropped;
    let is_lost_then = absence.was_silent() && absence.dropped * 10 >= dropped * TENTHS;
    let resets = syns.resets.as_deref().map_or(0, ResetSums::total);
    let is_reset_then = absence.old_resets * 10 >= resets * TENTHS;
    let is_refused_then = absence.refused * 10 >= syns.refused * TENTHS;
    let of_loss = [
        Cause::PacketLoss,
        Cause::ReturnPathLoss,
        Cause::BacklogOverflow,
    ];
    findings.retain(|Finding { cause, .. }| {
        let is_unclear = *cause == Cause::InsufficientEvidence;
        let is_explained = (is_lost_then && of_loss.contains(cause))
            || (is_refused_then && *cause == Cause::Refused)
            || (is_unclear && (is_lost_then || dropped == 0) && is_reset_then);
        !is_explained
    });
}

/// The finding, without confidence and alternatives.
pub(super) fn restarted(syns: &SynSums, mut evidence: Vec<(&'static str, Evidence)>) -> Finding {
    let absence = syns.restarts.absence();
    let count = |of: fn(&Absence) -> u64| absence.map_or(0, of);
    let dropped = count(|absence| absence.dropped);
    // Of a host that was away when the watch began nobody knows what it was before.
    let refused = absence.map_or(syns.refused, |absence| absence.refused);
    let (resets, silent) = (
        count(|absence| absence.old_resets),
        count(Absence::silent_seconds),
    );
    let is_back = syns.refused == 0 || absence.is_none_or(|absence| absence.opened_after > 0);
    let mut story = Vec::new();
    if absence.is_some_and(Absence::was_silent) {
        story.push(format!(
            "was silent for {silent} s ({dropped} SYNs dropped)"
        ));
    }
    if refused > 0 {
        story.push(format!("refused {refused} SYNs with a RST"));
    }
    if resets > 0 {
        story.push(format!("reset {resets} connections from before"));
    }
    story.push(if is_back {
        "takes connections again".to_owned()
    } else {
        "has taken none since".to_owned()
    });
    let (last, first) = story
        .split_last()
        .map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
    let summary = format!(
        "the remote host or its service was restarted: it {}, and {last}",
        first.join(", ")
    );
    evidence.extend([
        ("silent_seconds", Evidence::Count(silent)),
        ("syn_dropped_meanwhile", Evidence::Count(dropped)),
        ("syn_refused_then", Evidence::Count(refused)),
        ("connections_from_before_reset", Evidence::Count(resets)),
    ]);
    let remedy = vec![
        "on the server: `uptime -s` and `journalctl --list-boots` tell when it started, `systemctl show -p ActiveEnterTimestamp SERVICE` when the service did, `journalctl -k -b -1 -n 50` why it went down".to_owned(),
        "in clients: connect again after a refusal, and let connections that get no answer end sooner: `sysctl -w net.ipv4.tcp_retries2=8`, or `TCP_USER_TIMEOUT`".to_owned(),
    ];
    let severity = if is_back {
        Severity::Warning
    } else {
        Severity::Critical
    };
    finding(Cause::ServerRestart, severity, summary, evidence, remedy)
}
