//! A RST refuses a SYN, and the host opens the connection all the same: somebody else has sent the RST.

use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::SynSums,
    verdict::{
        case::{finding, insufficient},
        contest::{Contest, NAMED},
    },
};

/// How likely each such connection is a forgery where somebody forges, and where two machines answer for one address by
/// accident: the same address twice on one link, or a packet that was doubled on the way to two of several servers.
const BY_FORGERY: f64 = 0.9;
const BY_ACCIDENT: f64 = 0.1;
/// Share of forgeries among hosts with one such connection.
const FORGERIES: f64 = 0.4;

/// Who refuses in the host's name.
pub(super) fn findings(syns: &SynSums) -> Option<Finding> {
    let refusals = syns.refusals.as_deref()?;
    if refusals.opened == 0 {
        return None;
    }
    let ln = |share: f64| count(refusals.opened) * share.ln();
    let contest = Contest::of([
        (true, FORGERIES, ln(BY_FORGERY)),
        (false, 1.0 - FORGERIES, ln(BY_ACCIDENT)),
    ]);
    let confidence = contest.share_of(|is_forged| is_forged);
    let evidence = vec![
        ("refused_and_opened", Evidence::Count(refusals.opened)),
        (
            "of_another_distance",
            Evidence::Count(refusals.opened_by_other),
        ),
    ];
    let remedy = vec![
        "look for an intrusion prevention system or a filter on the way: it answers for the host, and faster; `tcpdump -v 'tcp[13] & 4 != 0'` shows the time to live of its RSTs".to_owned(),
        "compare with another path: if RSTs come there as well, two machines have the host's address".to_owned(),
    ];
    let summary = format!(
        "{} SYNs were answered by a RST and then by a SYN-ACK: somebody on the path refuses connections in the host's name, and the host takes them",
        refusals.opened
    );
    Some(if confidence >= NAMED {
        Finding {
            confidence,
            ..finding(
                Cause::ResetInjected,
                Severity::Critical,
                summary,
                evidence,
                remedy,
            )
        }
    } else {
        let summary = format!(
            "{} SYN was answered by a RST and then by a SYN-ACK: two machines answer for the host",
            refusals.opened
        );
        insufficient(summary, evidence, remedy)
    })
}

#[expect(clippy::cast_precision_loss, reason = "a count of connections")]
fn count(number: u64) -> f64 {
    number as f64
}
