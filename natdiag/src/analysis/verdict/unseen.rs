//! Connections lived though no answer to their SYN was seen: not the connections fail, but the place to look from does.

use serde::{Deserialize, Serialize};

use super::case::finding;
use crate::{
    analysis::{
        diagnosis::{Cause, Evidence, Finding, Severity},
        fates::SynSums,
        tracker::Sides,
    },
    event::Timestamp,
};

/// Unseen answers from which on that is said: two may be a connection that was opened just when the watch began.
const UNSEEN: u64 = 3;
/// Share of handshakes whose answer was not seen from which on it matters: no capture keeps every packet.
const SHARE: f64 = 0.005;

/// What cannot be seen of the answers to SYNs.
pub(super) fn findings(syns: &SynSums) -> Option<Finding> {
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
pub(super) fn is_symptom(syns: &SynSums) -> bool {
    syns.answers_unseen >= UNSEEN
}

/// What is said of a source whose packets carry, for the most part, something that is not looked into; or anything of
/// the kind, where nothing else tells of connections.
#[must_use]
pub fn not_looked_into(unread: u64, packets: u64, has_seen_nothing: bool) -> Option<Finding> {
    let is_most = unread > packets.saturating_sub(unread);
    if unread == 0 || !(is_most || has_seen_nothing) {
        return None;
    }
    let summary = format!(
        "blind to {unread} of {packets} packets: they carry what is not looked into, and connections may be hidden there"
    );
    let evidence = vec![
        ("packets_not_looked_into", Evidence::Count(unread)),
        ("packets", Evidence::Count(packets)),
    ];
    let remedy = vec![
        "look where IP stands in Ethernet or behind tags, such as inside of the tunnel; the notes say what was not looked into".to_owned(),
    ];
    let severity = Severity::Warning;
    Some(finding(Cause::Blind, severity, summary, evidence, remedy))
}

/// What is said of a source that shows one side of all connections.
#[must_use]
pub fn one_sided(sides: &Sides, now: Timestamp) -> Option<Finding> {
    let summary = if sides.lacks_answers(now) {
        format!(
            "blind to answers from here: nothing that remote hosts send is seen; {} SYNs were sent, {} of them again, and {} connections lived all the same",
            sides.syns_sent, sides.syns_repeated, sides.answers_unseen
        )
    } else if sides.lacks_ours() {
        format!(
            "blind to this side from here: {} SYN-ACKs came, and nothing that was sent is seen",
            sides.syn_acks_received
        )
    } else {
        return None;
    };
    let evidence = vec![
        ("segments_sent", Evidence::Count(sides.sent)),
        ("segments_received", Evidence::Count(sides.received)),
        ("answers_unseen", Evidence::Count(sides.answers_unseen)),
    ];
    let remedy = vec![
        "look where both directions pass: mirror both directions of the port, watch all interfaces by which this host sends and receives, capture without a filter by direction or flags".to_owned(),
    ];
    let severity = Severity::Warning;
    Some(finding(Cause::Blind, severity, summary, evidence, remedy))
}

/// What is seen of connections between their beginning and their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Middle {
    /// Nobody has said: evidence has the sums and not the segments.
    #[default]
    NotSaid,
    /// Nothing is looked at.
    Unseen,
    /// All connections are looked at, or a share.
    LookedAt,
}

/// What is said of a source that shows nothing of the middle of connections: that all is well there is not known.
/// `data` is how many segments with data were looked at.
#[must_use]
pub fn middle_unseen(middle: Middle, sides: &Sides, data: u64) -> Option<Finding> {
    /// Handshakes from which on it is no accident that no data was seen.
    const HANDSHAKES: u64 = 3;
    let handshakes = sides.syn_acks_received;
    let (why, remedy) = match middle {
        Middle::Unseen if handshakes > 0 => (
            "established connections are not looked at",
            "leave `--established none` out; where the kernel has refused it, the notes say why",
        ),
        Middle::LookedAt if handshakes >= HANDSHAKES && data == 0 => (
            "connections were opened, and no segment with data was seen",
            "capture without a filter by TCP flags; watch longer where only a share of the connections is looked at",
        ),
        Middle::NotSaid | Middle::Unseen | Middle::LookedAt => return None,
    };
    let summary =
        format!("blind to what happens between the beginning and the end of connections: {why}");
    let evidence = vec![
        ("handshakes", Evidence::Count(handshakes)),
        ("data_segments_looked_at", Evidence::Count(data)),
    ];
    let remedy = vec![remedy.to_owned()];
    Some(finding(
        Cause::Blind,
        Severity::Warning,
        summary,
        evidence,
        remedy,
    ))
}
