//! Whether connection tracking is at work in this network namespace: it puts fragments together.

use std::fs;

/// How many connections are tracked (Documentation/networking/nf_conntrack-sysctl.rst).
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// Connections tracked now; `None` where there is no tracking, or it is not shown.
#[must_use]
pub fn tracked() -> Option<u64> {
    parse(&fs::read_to_string(COUNT).ok()?)
}

fn parse(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_is_a_number() {
        assert_eq!(parse("17\n"), Some(17));
        assert_eq!(parse(""), None);
    }
}
