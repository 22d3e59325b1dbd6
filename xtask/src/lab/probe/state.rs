//! What a test must leave as it was: settings, qdiscs and filters, attached programs, rules.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::lab::{bpf, namespace::Namespace};

/// Settings that count what happens.
const COUNTS: [&str; 2] = ["nf_conntrack_count", "random.uuid"];

/// The state of a host, by the command that shows it.
pub(super) struct State(Vec<(String, String)>);

impl State {
    /// Reads it.
    pub(super) fn of(host: &Namespace) -> Result<Self> {
        [
            "sysctl -a -r ^net\\.",
            "tc qdisc show",
            "tc filter show dev eth0 ingress",
            "tc filter show dev eth0 egress",
            "tc filter show dev public ingress",
            "tc filter show dev public egress",
            "bpftool net show",
            "nft -s list ruleset",
        ]
        .into_iter()
        .map(|line| Ok((line.to_owned(), show(host, line)?)))
        .chain(["eth0", "public"].map(|interface| {
            let programs = bpf::on_tcx(host, interface)?;
            Ok((format!("tcx of {interface}"), format!("{programs:?}")))
        }))
        .collect::<Result<_>>()
        .map(Self)
    }

    /// What is not as it was.
    pub(super) fn differences(&self, after: &Self) -> Vec<String> {
        let pairs = self.0.iter().zip(&after.0);
        pairs
            .filter(|((_, before), (_, after))| before != after)
            .map(|((command, before), (_, after))| {
                let changed = after
                    .lines()
                    .filter(|line| !before.lines().any(|old| old == *line));
                let lines: Vec<_> = changed.collect();
                format!("`{command}` differs: {}", lines.join(" | "))
            })
            .collect()
    }
}

fn show(host: &Namespace, line: &str) -> Result<String> {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    host.put_in(&mut command)?;
    // Where there is no such device or table it says so, before and after.
    let output = command
        .output()
        .with_context(|| format!("cannot run {line}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let kept = text
        .lines()
        .filter(|line| !COUNTS.iter().any(|count| line.contains(count)));
    Ok(kept.collect::<Vec<_>>().join("\n"))
}
