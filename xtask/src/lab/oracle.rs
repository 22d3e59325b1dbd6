//! What others count in the same traffic: tshark in the capture, and natdiag itself when it replays it.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::{network::Prefix, observer::Capture, report::Report};
use crate::exec;

/// Counters by remote host and name.
pub(crate) type Counts = BTreeMap<IpAddr, BTreeMap<&'static str, u64>>;

/// Counters that tshark's count is compared with.
pub(crate) const COMPARED: [&str; 13] = [
    "fragments_tcp",
    "fragments_udp",
    "fragments_icmp",
    "fragments_other",
    "fragments_first",
    "fragments_middle",
    "fragments_last",
    "fragments_atomic",
    "largest_first_fragment_octets",
    "syn_sent",
    "syn_ack_received",
    "rst_answering_syn",
    "rst_established",
];

/// What tshark is asked about every packet, in this order. The first occurrence counts: an `ICMP` error quotes others.
const FIELDS: [&str; 16] = [
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ip.flags.mf",
    "ip.frag_offset",
    "ip.len",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.fraghdr.nxt",
    "ipv6.fraghdr.more",
    "ipv6.fraghdr.offset",
    "ipv6.plen",
    "tcp.flags",
    "tcp.seq_raw",
    "icmp.type",
    "icmpv6.type",
];

/// Counts a capture with tshark, and adds to what was counted.
pub(crate) fn tshark(capture: &Capture, counts: &mut Counts) -> Result<()> {
    let mut command = Command::new("tshark");
    command
        .args([
            "-n",
            "-o",
            "ip.defragment:FALSE",
            "-o",
            "ipv6.defragment:FALSE",
        ])
        .args(["-T", "fields", "-E", "occurrence=f", "-r"])
        .arg(&capture.path);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    for line in exec::read(&mut command)?.lines() {
        Packet::read(line).add_to(counts, &capture.locals);
    }
    Ok(())
}

/// One line of tshark.
struct Packet {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    fragment: Option<Fragment>,
    tcp_flags: u64,
    seq: u64,
}

struct Fragment {
    protocol: u64,
    offset: u64,
    more: bool,
    total_len: u64,
}

const SYN: u64 = 0x02;
const RST: u64 = 0x04;
const ACK: u64 = 0x10;

impl Packet {
    fn read(line: &str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let field = |name: &str| -> Option<&str> {
            let place = FIELDS.iter().position(|field| *field == name)?;
            fields.get(place).copied().filter(|value| !value.is_empty())
        };
        let number = |name: &str| field(name).and_then(parse_number);
        let flag = |name: &str| field(name).is_some_and(|value| value == "1" || value == "True");
        let fragment_v4 = number("ip.frag_offset")
            .filter(|offset| *offset != 0 || flag("ip.flags.mf"))
            .map(|offset| Fragment {
                protocol: number("ip.proto").unwrap_or_default(),
                offset,
                more: flag("ip.flags.mf"),
                total_len: number("ip.len").unwrap_or_default(),
            });
        let fragment_v6 = number("ipv6.fraghdr.nxt").map(|protocol| Fragment {
            protocol,
            offset: number("ipv6.fraghdr.offset").unwrap_or_default(),
            more: flag("ipv6.fraghdr.more"),
            total_len: number("ipv6.plen").unwrap_or_default() + 40,
        });
        let quoted = field("icmp.type").is_some() || field("icmpv6.type").is_some();
        let address = |v4: &str, v6: &str| field(v4).or(field(v6))?.parse().ok();
        Self {
            source: address("ip.src", "ipv6.src"),
            destination: address("ip.dst", "ipv6.dst"),
            fragment: fragment_v4.or(fragment_v6),
            tcp_flags: if quoted {
                0
            } else {
                number("tcp.flags").unwrap_or_default()
            },
            seq: number("tcp.seq_raw").unwrap_or_default(),
        }
    }

    fn add_to(&self, counts: &mut Counts, locals: &[Prefix]) {
        let (Some(source), Some(destination)) = (self.source, self.destination) else {
            return;
        };
        let sent = locals.iter().any(|local| local.contains(source));
        let remote = if sent { destination } else { source };
        let counters = counts.entry(remote).or_default();
        let mut add = |name| *counters.entry(name).or_default() += 1;
        match &self.fragment {
            Some(fragment) if !fragment.is_atomic() => {
                if sent {
                    return;
                }
                add(fragment.protocol_counter());
                add(fragment.position_counter());
                if fragment.offset == 0 {
                    let largest = counters.entry("largest_first_fragment_octets").or_default();
                    *largest = fragment.total_len.max(*largest);
                }
                return;
            }
            Some(_) if !sent => add("fragments_atomic"),
            Some(_) | None => {}
        }
        if let Some(counter) = self.segment_counter(sent) {
            add(counter);
        }
    }

    /// The counter of a whole segment.
    fn segment_counter(&self, sent: bool) -> Option<&'static str> {
        let has = |flags: u64| self.tcp_flags & (SYN | RST | ACK) == flags;
        if sent {
            has(SYN).then_some("syn_sent")
        } else if has(SYN | ACK) {
            Some("syn_ack_received")
        } else if has(RST | ACK) && self.seq == 0 {
            Some("rst_answering_syn")
        } else {
            (self.tcp_flags & RST != 0).then_some("rst_established")
        }
    }
}

impl Fragment {
    const fn is_atomic(&self) -> bool {
        self.offset == 0 && !self.more
    }

    const fn protocol_counter(&self) -> &'static str {
        match self.protocol {
            6 => "fragments_tcp",
            17 => "fragments_udp",
            1 | 58 => "fragments_icmp",
            _ => "fragments_other",
        }
    }

    const fn position_counter(&self) -> &'static str {
        match (self.offset, self.more) {
            (0, _) => "fragments_first",
            (_, true) => "fragments_middle",
            (_, false) => "fragments_last",
        }
    }
}

/// Reads decimal and `0x` numbers.
fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Lets natdiag replay a capture.
pub(crate) fn replay(natdiag: &Path, capture: &Capture) -> Result<Report> {
    let mut command = Command::new(natdiag);
    command.args(["replay", "--output", "json", "--top", "all"]);
    for local in &capture.locals {
        command.args(["--local", &local.to_string()]);
    }
    let output = command
        .arg(&capture.path)
        .stdin(Stdio::null())
        .output()
        .context("cannot run natdiag")?;
    fs::write(capture.path.with_extension("replay.json"), &output.stdout)?;
    if !matches!(output.status.code(), Some(0 | 1 | 3)) {
        bail!(
            "natdiag replay: {}, {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Report::parse(&String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(lines: &[&str]) -> BTreeMap<&'static str, u64> {
        let local = Prefix::from(IpAddr::from([203, 0, 113, 1]));
        let mut counts = Counts::new();
        for line in lines {
            Packet::read(line).add_to(&mut counts, &[local]);
        }
        counts.into_values().next().unwrap_or_default()
    }

    #[test]
    fn fragments_are_counted_by_protocol_and_position() {
        let counted = count(&[
            "203.0.113.80\t203.0.113.1\t6\t1\t0\t1396\t\t\t\t\t\t\t0x0010\t7\t\t",
            "203.0.113.80\t203.0.113.1\t6\t0\t1376\t124\t\t\t\t\t\t\t\t\t\t",
        ]);
        let want = BTreeMap::from([
            ("fragments_tcp", 2),
            ("fragments_first", 1),
            ("fragments_last", 1),
            ("largest_first_fragment_octets", 1396),
        ]);
        assert_eq!(counted, want);
    }

    #[test]
    fn syn_ack_in_an_atomic_fragment_counts_as_both() {
        let counted = count(&[
            "\t\t\t\t\t\t2001:db8::80\t2001:db8::1\t6\tFalse\t0\t48\t0x0012\t7\t\t",
            "\t\t\t\t\t\t2001:db8::80\t2001:db8::1\t6\tFalse\t0\t40\t0x0010\t8\t\t",
        ]);
        let want = BTreeMap::from([("fragments_atomic", 2), ("syn_ack_received", 1)]);
        assert_eq!(counted, want);
    }

    #[test]
    fn segment_that_an_error_quotes_is_not_counted() {
        let counted =
            count(&["203.0.113.80\t203.0.113.1\t1\t0\t0\t80\t\t\t\t\t\t\t0x0012\t7\t3\t"]);
        assert_eq!(counted, BTreeMap::new());
    }
}
