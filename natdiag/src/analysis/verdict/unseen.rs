//! Connections lived though no answer to their SYN was seen: not the connections fail, but the place to look from does.

use super::case::finding;
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    evidence::SynEvidence,
};

/// Unseen answers from which on that is said: two may be a connection that was opened just when the watch began.
const UNSEEN: u64 = 3;
/// Share of handshakes whose answer was not seen from which on it matters: no capture keeps every packet.
const SHARE: f64 = 0.005;

/// What cannot be seen of the answers to SYNs.
pub(super) fn findings(syns: &SynEvidence) -> Option<Finding> {
    let unseen = syns.answers_unseen;
    let all = unseen + syns.handshakes;
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    let is_noticeable = unseen >= UNSEEN && unseen as f64 >= SHARE * all as f64;
    if !is_noticeable {
        return None;
    }
    let (why, remedy) = if syns.handshakes == 0 {
        (
            "answers come back by another way",
            "watch all interfaces by which this host may answer: `natdiag watch -i IFACE -i OTHER`",
        )
    } else {
        (
            "some answers come back by another way, or the capture missed packets",
            "watch all interfaces by which this host may answer; give a capture a larger buffer (`tcpdump -B 65536`) until tcpdump reports no drops",
        )
    };
    let summary = format!(
        "blind to answers from here: {unseen} of {all} connections lived though no SYN-ACK was seen; {why}"
    );
    let evidence = vec![
        ("answers_unseen", Evidence::Count(unseen)),
        ("handshakes", Evidence::Count(syns.handshakes)),
    ];
    Some(finding(
        Cause::Blind,
        Severity::Warning,
        summary,
        evidence,
        vec![remedy.to_owned()],
    ))
}

/// Whether that may be said.
pub(super) fn is_symptom(syns: &SynEvidence) -> bool {
    syns.answers_unseen >= UNSEEN
}
