//! Captures at both ends of the way that a bystander's packets take through the host of the test: whoever changes
//! one in between is found out.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::{
    exec,
    lab::{
        interrupt,
        namespace::Namespace,
        network::{ETH0, OUTSIDE},
        spawn::Running,
    },
};

/// How long tcpdump may take to listen.
const LISTENING: Duration = Duration::from_secs(20);
/// How long the last packets may be on their way, and in the hands of tcpdump.
const LAST_PACKETS: Duration = Duration::from_millis(1_500);
/// What is compared of a packet, behind its ports: a NAT changes addresses, and nothing else of these.
const FIELDS: [&str; 8] = [
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.window_size_value",
    "tcp.options",
    "tcp.payload",
];

/// Two captures in the making.
pub(super) struct BothEnds {
    directory: TempDir,
    captures: Vec<(Running, PathBuf)>,
    port: u16,
}

/// How the captures compare.
pub(super) struct Compared {
    pub(super) summary: String,
    pub(super) differences: Vec<String>,
}

impl BothEnds {
    /// Begins to capture: on the client, and behind the NAT.
    pub(super) fn capture(client: &Namespace, router: &Namespace, port: u16) -> Result<Self> {
        let directory = tempfile::tempdir().context("cannot make a folder")?;
        let mut both = Self {
            captures: Vec::new(),
            port,
            directory,
        };
        both.start(client, ETH0)?;
        both.start(router, OUTSIDE)?;
        Ok(both)
    }

    fn start(&mut self, host: &Namespace, interface: &str) -> Result<()> {
        let file = |ending: &str| self.directory.path().join(format!("{interface}.{ending}"));
        let (capture, complaints) = (file("pcap"), file("err"));
        let mut tcpdump = Command::new("tcpdump");
        tcpdump
            .args(["-i", interface, "-n", "-U", "-B", "8192"])
            // Without it, what has come last is lost at the end.
            .args(["--immediate-mode", "-w"])
            .arg(&capture)
            .arg(format!("tcp port {}", self.port));
        let running = Running::start("tcpdump", tcpdump, host, &file("out"), &complaints)?;
        interrupt::wait_until("tcpdump does not listen", LISTENING, || {
            Ok(std::fs::read_to_string(&complaints)?.contains("listening on"))
        })?;
        self.captures.push((running, capture));
        Ok(())
    }

    /// Ends the captures, and compares packet by packet what belongs to the client's connections.
    pub(super) fn compare(self) -> Result<Compared> {
        interrupt::wait(LAST_PACKETS)?;
        let mut sides = Vec::new();
        for (running, capture) in self.captures {
            running.finish()?;
            sides.push(read(&capture)?);
        }
        let [client, router] = sides.as_slice() else {
            anyhow::bail!("there are not two captures");
        };
        let ports: BTreeSet<&str> = client
            .iter()
            .map(|packet| port(packet, self.port))
            .collect();
        let of_client = |packet: &&String| ports.contains(port(packet, self.port));
        let (here, there) = (count(client.iter()), count(router.iter().filter(of_client)));
        let differences = here
            .iter()
            .chain(&there)
            .filter(|(packet, _)| here.get(*packet) != there.get(*packet))
            .map(|(packet, _)| {
                let times = |side: &BTreeMap<&str, usize>| side.get(packet).copied().unwrap_or(0);
                format!(
                    "{} times at the client and {} times behind the NAT: {packet}",
                    times(&here),
                    times(&there)
                )
            })
            .take(4);
        Ok(Compared {
            summary: format!(
                "{} packets of {} connections of the bystander are the same at both ends, beside {} of others",
                client.len(),
                ports.len(),
                router.iter().filter(|packet| !of_client(packet)).count()
            ),
            differences: differences.collect(),
        })
    }
}

fn read(capture: &PathBuf) -> Result<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark
        .args(["-n", "-o", "tcp.desegment_tcp_streams:FALSE"])
        .args(["-T", "fields", "-r"])
        .arg(capture);
    for field in FIELDS {
        tshark.args(["-e", field]);
    }
    let text = exec::read(&mut tshark)?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The client's port.
fn port(packet: &str, server: u16) -> &str {
    let mut fields = packet.split('\t');
    let (source, destination) = (fields.next(), fields.next());
    let is_servers = source.is_some_and(|port| port.parse() == Ok(server));
    let port = if is_servers { destination } else { source };
    port.unwrap_or_default()
}

fn count<'a>(packets: impl Iterator<Item = &'a String>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for packet in packets {
        *counts.entry(packet.as_str()).or_default() += 1;
    }
    counts
}
