//! Packets that connection tracking takes for INVALID: they are not translated, and nobody out there can answer them.

use super::{POSSIBLE, verify};
use crate::{
    analysis::diagnosis::{Cause, Evidence, Finding, Severity},
    check::nat::Facts,
};

/// INVALID packets where no rule drops them.
pub(super) fn let_out(facts: &Facts) -> Option<Finding> {
    let invalid = facts.tracking("invalid");
    let rules = facts.rules.as_ref()?;
    if invalid == 0 || rules.drops_invalid {
        return None;
    }
    let seconds = facts.seconds();
    let mut finding = Finding::new(
        Cause::NatInvalid,
        POSSIBLE,
        Severity::Warning,
        format!(
            "{invalid} packets were INVALID within {seconds:.1} s, and no rule drops those that are forwarded: they \
             leave untranslated, and the answers reset connections"
        ),
    );
    finding.evidence = vec![("invalid_rise", Evidence::Count(invalid))];
    if let Some(liberal) = facts.setting("net.netfilter.nf_conntrack_tcp_be_liberal") {
        finding
            .evidence
            .push(("tcp_be_liberal", Evidence::Count(liberal)));
    }
    finding.remedy = vec![
        "`nft insert rule inet filter forward ct state invalid drop`, in a chain of yours with the hook forward".to_owned(),
        "or `iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP`".to_owned(),
        "where segments of live connections are INVALID: `sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1`".to_owned(),
        verify("invalid")
    ];
    Some(finding)
}
