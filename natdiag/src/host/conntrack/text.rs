//! `/proc/net/nf_conntrack`, a connection a line (`ct_seq_show`, `net/netfilter/nf_conntrack_standalone.c`).

use super::{Entry, Way};

/// Reads a line; `None` where it has no ports or no addresses.
#[must_use]
pub fn parse_line(line: &str) -> Option<Entry> {
    let mut words = line.split_ascii_whitespace();
    let protocol = words.nth(3)?.parse().ok()?;
    let mut fields = words.clone().filter_map(|word| word.split_once('='));
    let original = way(&mut fields)?;
    let reply = way(&mut fields)?;
    Some(Entry {
        protocol,
        original,
        reply,
        is_answered: !words.any(|word| word == "[UNREPLIED]"),
    })
}

fn way<'a>(fields: &mut impl Iterator<Item = (&'a str, &'a str)>) -> Option<Way> {
    let mut value = |name| {
        fields
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    };
    Some(Way {
        source: value("src")?.parse().ok()?,
        destination: value("dst")?.parse().ok()?,
        source_port: value("sport")?.parse().ok()?,
        destination_port: value("dport")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_a_connection_are_read() {
        let line = "ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.5 dst=198.51.100.7 sport=40000 dport=443 \
                    packets=4 bytes=300 src=198.51.100.7 dst=203.0.113.1 sport=443 dport=1024 packets=3 bytes=200 \
                    [ASSURED] mark=0 zone=0 use=2";
        let entry = parse_line(line).unwrap();
        assert_eq!(entry.protocol, 6);
        assert_eq!(
            entry.original.source,
            "10.0.0.5".parse::<std::net::IpAddr>().unwrap()
        );
        assert_eq!(entry.reply.destination_port, 1024);
        assert!(entry.is_answered && entry.is_source_changed());
        let line = "ipv6     10 udp      17 29 src=2001:db8::5 dst=2001:db8::7 sport=53 dport=53 [UNREPLIED] \
                    src=2001:db8::7 dst=2001:db8::5 sport=53 dport=53 mark=0 zone=0 use=2";
        let entry = parse_line(line).unwrap();
        assert!(!entry.is_answered && !entry.is_source_changed());
    }

    #[test]
    fn what_has_no_ports_is_no_entry() {
        let line = "ipv4     2 icmp     1 29 src=10.0.0.5 dst=198.51.100.7 type=8 code=0 id=7 src=198.51.100.7 \
                    dst=203.0.113.1 type=0 code=0 id=7 mark=0 zone=0 use=2";
        for line in ["", "ipv4 2", line] {
            assert_eq!(parse_line(line), None, "{line}");
        }
    }
}
