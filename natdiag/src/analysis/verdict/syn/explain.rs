//! What rules a trouble out, or leaves it possible, in words.

use super::{
    group::{with_timestamps, without_timestamps},
    recycle::{predicted_hit, predicted_pass},
};
use crate::analysis::{evidence::SynEvidence, verdict::base_rates::SynTrouble};

/// The observation that rules a trouble out where `best` is the likeliest, or what leaves it possible.
pub(super) fn why(
    trouble: SynTrouble,
    best: SynTrouble,
    syns: &SynEvidence,
    is_excluded: bool,
) -> String {
    if is_excluded {
        why_excluded(trouble, best, syns)
    } else {
        why_not_excluded(trouble, syns).to_owned()
    }
}

fn why_excluded(trouble: SynTrouble, best: SynTrouble, syns: &SynEvidence) -> String {
    let all = syns.all();
    let (hit, others) = (predicted_hit(syns), predicted_pass(syns));
    match (trouble, best) {
        (SynTrouble::Recycle | SynTrouble::RecycleOfSome, _) if hit.answered > 0 => {
            format!(
                "{} of {} SYNs that its rule would drop were answered",
                hit.answered,
                hit.total()
            )
        }
        (SynTrouble::Recycle | SynTrouble::RecycleOfSome, _) if hit.total() == 0 => {
            "no SYN met a mark that its rule could drop it by".to_owned()
        }
        (SynTrouble::Recycle | SynTrouble::RecycleOfSome, _) => {
            format!(
                "{} of {} SYNs that its rule lets pass were dropped",
                others.dropped,
                others.total()
            )
        }
        (SynTrouble::TimestampsFiltered, _) => match with_timestamps(syns) {
            with if with.dropped == 0 => "no SYN with timestamps was dropped".to_owned(),
            with => format!(
                "{} of {} SYNs with timestamps were answered",
                with.answered,
                with.total()
            ),
        },
        (SynTrouble::TimestampsDemanded, _) => match without_timestamps(syns) {
            without if without.dropped == 0 => "no SYN without timestamps was dropped".to_owned(),
            without => format!(
                "{} of {} SYNs without timestamps were answered",
                without.answered,
                without.total()
            ),
        },
        (SynTrouble::Unreachable, _) => format!("{} SYNs were answered", all.answered),
        (SynTrouble::PortReuse, _) => {
            "no SYN on a port that was used shortly before was dropped or answered by a bare ACK"
                .to_owned()
        }
        (SynTrouble::ReturnLoss, _) => format!(
            "{} of {} SYN-ACKs answer an earlier SYN than the last",
            syns.syn_acks_lost, syns.handshakes_with_echo
        ),
        (_, SynTrouble::Recycle | SynTrouble::RecycleOfSome) => format!(
            "drops follow the timestamps: {} of {} SYNs that its rule would drop, {} of {} others",
            hit.dropped,
            hit.total(),
            others.dropped,
            others.total()
        ),
        (_, SynTrouble::Filter | SynTrouble::FilterOfClients) => format!(
            "drops follow the port: all or nothing, {} of {} SYNs in all",
            all.dropped,
            all.total()
        ),
        (SynTrouble::Filter | SynTrouble::FilterOfClients, _) => {
            "to the same ports some SYNs were dropped and others answered".to_owned()
        }
        (SynTrouble::Backlog | SynTrouble::NewHosts, _) => format!(
            "drops come in no spells, and {} of {} handshakes were confirmed again",
            syns.untaken(),
            syns.handshakes
        ),
        (SynTrouble::RateLimit, _) => "no number of SYNs a second is the limit".to_owned(),
        (SynTrouble::Outage, _) => {
            "within the same seconds some SYNs were dropped and others answered".to_owned()
        }
        (SynTrouble::OneOfSeveral, _) => format!(
            "{} connections got through after a drop and {} did not: it is not the four-tuple that decides",
            syns.connections.late, syns.connections.failed
        ),
        (SynTrouble::Loss, _) => {
            format!(
                "{} of {} SYNs were dropped in a pattern that chance does not make",
                all.dropped,
                all.total()
            )
        }
    }
}

fn why_not_excluded(trouble: SynTrouble, syns: &SynEvidence) -> &'static str {
    match trouble {
        SynTrouble::Recycle if syns.shared_address => {
            "hosts that do not pass here may have raised the mark unseen"
        }
        SynTrouble::Recycle if syns.early.dropped > 0 => {
            "a mark from before we looked may still be in force"
        }
        SynTrouble::Recycle => "too few SYNs met a mark",
        SynTrouble::RecycleOfSome => "several servers may share this address",
        SynTrouble::Loss => "chance may have done it",
        SynTrouble::ReturnLoss => "the answers may have been lost as well",
        SynTrouble::Filter | SynTrouble::FilterOfClients => {
            "a filter that drops just the clients hit would look the same"
        }
        SynTrouble::TimestampsFiltered => "no SYN without timestamps was there to compare with",
        SynTrouble::TimestampsDemanded => {
            "a filter that drops SYNs without timestamps would look the same"
        }
        SynTrouble::Unreachable => "no answer of any kind came from this host",
        SynTrouble::Backlog | SynTrouble::NewHosts => "a full queue drops in spells much the same",
        SynTrouble::Outage => "a path that comes and goes looks much the same",
        SynTrouble::RateLimit => "drops come when many SYNs do",
        SynTrouble::OneOfSeveral => "few connections were seen",
        SynTrouble::PortReuse => "ports were used again shortly after",
    }
}
