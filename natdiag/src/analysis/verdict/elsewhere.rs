//! Answers that come from elsewhere than the SYNs went to. Ports and numbers are those of the SYN, so that chance has
//! no part in it: a reply was not translated back, or a SYN has come back to who sent it.

use super::finding;
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::SynSums,
};

/// SYNs from which on that is said: one may be left of what was just put right.
const SYNS: u64 = 2;
/// How sure it is. Two hosts may share an address for reasons of their own.
const CERTAIN_ENOUGH: f64 = 0.99;

/// Whether anything may be said.
pub(super) const fn has_symptom(syns: &SynSums) -> bool {
    syns.answered_elsewhere >= SYNS || syns.returned >= SYNS
}

/// Who has answered instead.
pub(super) fn findings(syns: &SynSums) -> Option<Finding> {
    let (summary, evidence, remedy) = if let Some(answering) = syns.answering
        && syns.answered_elsewhere >= SYNS
    {
        (
            format!(
                "{answering} answers in place of this host: {} SYNs were answered with their ports and numbers from that address, which the client does not know; the replies are not translated back",
                syns.answered_elsewhere
            ),
            vec![
                (
                    "syn_answered_elsewhere",
                    Evidence::Count(syns.answered_elsewhere),
                ),
                ("answered_by", Evidence::Text(answering.to_string())),
            ],
            format!(
                "have the replies of {answering} pass the NAT that translated the SYNs: routes on that host, or source NAT (masquerade) as well where client and server are in one network"
            ),
        )
    } else if syns.returned >= SYNS {
        (
            format!(
                "SYNs to this host come back to who sent them: {} did",
                syns.returned
            ),
            vec![("syn_returned", Evidence::Count(syns.returned))],
            "look at the route to this host at the gateway (`ip route get HOST`), and at NAT for connections from inside to its public address (hairpinning)".to_owned(),
        )
    } else {
        return None;
    };
    Some(Finding {
        confidence: CERTAIN_ENOUGH,
        ..finding(
            Cause::Routing,
            Severity::Critical,
            summary,
            evidence,
            vec![remedy],
        )
    })
}
