//! The rules that have a server send smaller segments, and whether their size was seen to do.

use std::net::IpAddr;

use super::FragmentsRecord;

/// What every rule of nftables has in it that clamps.
const CLAMPS: &str = "tcp option maxseg size set";

/// Whether advice holds such a rule.
pub(super) fn is_rule(advice: &str) -> bool {
    advice.contains(CLAMPS)
}

/// What to do: the rules as commands of nftables and iptables, for the host itself and for whom it forwards.
pub(super) fn advice(record: &FragmentsRecord, mss: u16) -> Vec<String> {
    let address = record.address;
    let (family, iptables) = match address {
        IpAddr::V4(_) => ("ip", "iptables"),
        IpAddr::V6(_) => ("ip6", "ip6tables"),
    };
    vec![
        format!(
            "clamp the MSS to {mss} octets here or on the NAT{}; with nftables: `nft 'add table inet mss; add chain inet mss \
             clamp {{ type filter hook postrouting priority mangle; }}; add rule inet mss clamp {family} daddr {address} tcp flags \
             syn {CLAMPS} {mss}'`",
            verified(record, mss)
        ),
        format!(
            "or with iptables: `{iptables} -t mangle -A POSTROUTING -d {address} -p tcp --tcp-flags SYN,RST SYN -j TCPMSS \
             --set-mss {mss}`"
        ),
    ]
}

fn verified(record: &FragmentsRecord, mss: u16) -> String {
    match record.whole(mss) {
        0 => String::new(),
        whole => format!(
            " (verified on connections of natdiag's own: with this MSS {whole} of {whole} responses came whole and unfragmented)"
        ),
    }
}
