//! Proof that the fault of a scenario was there, from those who made it: the counters of a host's kernel, as `nstat`
//! and `conntrack -S` name them, the named counters of rules, and the programs of the lab.

use std::{fs, process::Command};

use anyhow::{Context as _, Result};

use super::{mechanism::Installed, namespace::Namespace, network::Network};
use crate::exec;

/// Something that must have happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    /// A kernel has counted at least so many.
    Kernel(Host, &'static str, u64),
    /// Rules of this counter have met at least so many packets.
    Rule(Host, &'static str, u64),
    /// The programs of the lab have done it to at least so many packets.
    Painted(u64),
}

/// A host of the network.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Host {
    /// All clients together.
    Clients,
    /// The NAT.
    Nat,
    /// The router.
    Router,
    /// The server.
    Server,
}

/// Files of counters: a line of names and a line of numbers, each after the same prefix.
const KERNEL_FILES: [&str; 2] = ["netstat", "snmp"];
/// Connection tracking's: a line of names, then a line of hexadecimal numbers per CPU.
const CONNTRACK_FILE: &str = "stat/nf_conntrack";
/// What its names begin with here.
const CONNTRACK: &str = "Conntrack.";

/// What has not happened, one sentence each.
pub(crate) fn missing(
    proofs: &[Proof],
    network: &Network,
    installed: &[Installed],
) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for proof in proofs {
        let (what, count, least) = match *proof {
            Proof::Kernel(host, name, least) => (
                format!("{name} of {host:?}"),
                sum(network, host, |host| kernel_counter(host, name))?,
                least,
            ),
            Proof::Rule(host, name, least) => (
                format!("packets of rule `{name}` of {host:?}"),
                sum(network, host, |host| rule_counter(host, name))?,
                least,
            ),
            Proof::Painted(least) => {
                let counts = installed.iter().map(Installed::painted);
                (
                    "painted packets".to_owned(),
                    counts.sum::<Result<u64>>()?,
                    least,
                )
            }
        };
        if count < least {
            missing.push(format!(
                "the scenario was not played: {what}: {count}, not {least} or more"
            ));
        }
    }
    Ok(missing)
}

fn sum(network: &Network, host: Host, count: impl Fn(&Namespace) -> Result<u64>) -> Result<u64> {
    match host {
        Host::Clients => network.clients.iter().map(count).sum(),
        Host::Nat => count(&network.nat),
        Host::Router => count(&network.router),
        Host::Server => count(&network.server),
    }
}

/// A counter of a namespace's kernel.
fn kernel_counter(host: &Namespace, name: &str) -> Result<u64> {
    let read = |file: &str| -> Result<String> {
        let path = format!("/proc/thread-self/net/{file}");
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    };
    let count = if let Some(name) = name.strip_prefix(CONNTRACK) {
        conntrack_counter(&host.enter(|| read(CONNTRACK_FILE))?, name)
    } else {
        let texts = host.enter(|| {
            KERNEL_FILES
                .into_iter()
                .map(read)
                .collect::<Result<Vec<_>>>()
        })?;
        texts.iter().find_map(|text| paired_counter(text, name))
    };
    count.with_context(|| format!("the kernel has no counter `{name}`"))
}

fn paired_counter(text: &str, name: &str) -> Option<u64> {
    let lines: Vec<&str> = text.lines().collect();
    lines.chunks_exact(2).find_map(|pair| {
        let [names, numbers] = pair else { return None };
        let (prefix, names) = names.split_once(": ")?;
        let (_, numbers) = numbers.split_once(": ")?;
        let wanted = name.strip_prefix(prefix)?;
        let place = names.split(' ').position(|found| found == wanted)?;
        numbers.split(' ').nth(place)?.parse().ok()
    })
}

fn conntrack_counter(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let place = lines
        .next()?
        .split_whitespace()
        .position(|found| found == name)?;
    lines
        .map(|line| u64::from_str_radix(line.split_whitespace().nth(place)?, 16).ok())
        .sum()
}

/// Packets that the named counter of a namespace's rules has met.
pub(crate) fn rule_counter(host: &Namespace, name: &str) -> Result<u64> {
    let mut command = Command::new("nft");
    command.args(["-j", "list", "counters"]);
    host.put_in(&mut command)?;
    let listed: serde_json::Value = serde_json::from_str(&exec::read(&mut command)?)?;
    listed
        .get("nftables")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|object| object.get("counter"))
        .find(|counter| counter.get("name").is_some_and(|found| found == name))
        .and_then(|counter| counter.get("packets")?.as_u64())
        .with_context(|| format!("nftables has no counter `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_is_found_by_its_place_in_the_line_of_names() {
        let text =
            "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 1 2\nIpExt: InNoRoutes\nIpExt: 3\n";
        assert_eq!(paired_counter(text, "TcpExtListenOverflows"), Some(2));
        assert_eq!(paired_counter(text, "IpExtInNoRoutes"), Some(3));
        assert_eq!(paired_counter(text, "TcpExtNothing"), None);
    }

    #[test]
    fn connection_tracking_counts_per_cpu_in_hexadecimal() {
        let text =
            "entries  insert_failed drop\n00000003 0000000a 00000000\n00000003 00000001 00000000\n";
        assert_eq!(conntrack_counter(text, "insert_failed"), Some(11));
    }
}
