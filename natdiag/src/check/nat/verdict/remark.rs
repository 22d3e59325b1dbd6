//! What harms nobody now, and whoever runs the NAT should know.

use crate::check::nat::Facts;

/// Idle connections that a NAT keeps at least, in seconds (RFC 5382, REQ-5).
const SHORTEST_IDLE_S: u64 = 7_440;
/// How long managed gateways keep idle connections of TCP, in seconds, by their documentation.
const CLOUDS: &str = "NAT gateways of AWS forget them after 350 s, of Azure after 4 min, of Google Cloud after 20 min";
/// Entries for each bucket from which on a look-up takes long.
const LONG_CHAINS: u64 = 4;

/// All remarks.
pub(super) fn remarks(facts: &Facts) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(idle) = facts.setting("net.netfilter.nf_conntrack_tcp_timeout_established") {
        if idle < SHORTEST_IDLE_S {
            remarks.push(format!(
                "idle connections are forgotten after {idle} s, less than the {SHORTEST_IDLE_S} s of RFC 5382: clients \
                 need keepalives below it"
            ));
        } else {
            remarks.push(format!(
                "idle connections are kept for {idle} s; where another gateway stands behind this one, the shortest \
                 time counts ({CLOUDS})"
            ));
        }
    }
    if let (Some((tracked, most)), Some(buckets)) = (
        facts.table(),
        facts.setting("net.netfilter.nf_conntrack_buckets"),
    ) && tracked > buckets * LONG_CHAINS
    {
        remarks.push(format!(
            "{tracked} connections share {buckets} buckets, which makes each look-up slow: `sysctl -w \
             net.netfilter.nf_conntrack_buckets={most}`"
        ));
    }
    let Some(rules) = &facts.rules else {
        return remarks;
    };
    let mut plain = rules
        .translations
        .iter()
        .filter(|rule| rule.is_random == Some(false));
    if facts.tracking("insert_failed") == 0
        && let Some(rule) = plain.next()
    {
        remarks.push(format!(
            "`{}` keeps the clients' ports, so that two of them may want one at the same moment; `{}`",
            rule.rule, rule.remedy
        ));
    }
    if !rules.drops_invalid && facts.tracking("invalid") == 0 {
        remarks.push("no rule was recognised that drops INVALID packets that are forwarded; such would leave untranslated".to_owned());
    }
    remarks
}
