//! Connection tracking in this network namespace: whether it is at work (it puts fragments together), and the
//! connections that it knows.

mod dump;
mod text;

use std::{fs, net::IpAddr};

pub use self::{dump::for_each, text::parse_line};

/// How many connections are tracked (Documentation/networking/nf_conntrack-sysctl.rst).
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// Who sends to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Address of the sender.
    pub source: IpAddr,
    /// Address of the receiver.
    pub destination: IpAddr,
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
}

/// A connection that is tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number of the protocol.
    pub protocol: u8,
    /// As whoever opened it sends.
    pub original: Way,
    /// As answers are expected: where a NAT changes the source, they go to the changed one.
    pub reply: Way,
    /// Whether an answer was seen.
    pub is_answered: bool,
}

impl Entry {
    /// Whether the source was changed.
    #[must_use]
    pub fn is_source_changed(&self) -> bool {
        self.original.source != self.reply.destination
            || self.original.source_port != self.reply.destination_port
    }
}

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
