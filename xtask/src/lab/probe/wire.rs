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
        running::Running,
    },
};

/// How long tcpdump may take to listen.
const LISTENING: Duration = Duration::from_secs(20);
/// How long the last packets may be on their way, and in the hands of tcpdump.
const LAST_PACKETS: Duration = Duration::from_millis(1_500);
/// What is compared of a packet: of these a NAT changes nothing but a port that another client has taken.
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

/// The flags of a SYN, as tshark shows them.
const SYN: &str = "0x0002";

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
            sides.push(read(&capture, self.port)?);
        }
        let [client, router] = sides.as_slice() else {
            anyhow::bail!("there are not two captures");
        };
        let behind = of_client(client, router);
        let (here, there) = (count(client), count(&behind));
        let differences = here
            .iter()
            .chain(&there)
            .filter(|(packet, _)| here.get(*packet) != there.get(*packet))
            .map(|(packet, _)| {
                let times =
                    |side: &BTreeMap<&Packet, usize>| side.get(packet).copied().unwrap_or(0);
                format!(
                    "{} times at the client and {} times behind the NAT: {packet:?}",
                    times(&here),
                    times(&there)
                )
            })
            .take(4);
        let connections: BTreeSet<&str> = client.iter().map(|packet| &*packet.port).collect();
        Ok(Compared {
            summary: format!(
                "{} packets of {} connections of the bystander are the same at both ends, beside {} of others",
                client.len(),
                connections.len(),
                router.len() - behind.len()
            ),
            differences: differences.collect(),
        })
    }
}

/// What is compared of a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    /// The client's port.
    port: String,
    is_from_server: bool,
    /// The other fields.
    fields: Vec<String>,
}

impl Packet {
    /// A line of tshark's fields.
    fn parse(line: &str, server: u16) -> Option<Self> {
        let mut fields = line.split('\t').map(str::to_owned);
        let (source, destination) = (fields.next()?, fields.next()?);
        let is_from_server = source.parse() == Ok(server);
        Some(Self {
            port: if is_from_server { destination } else { source },
            is_from_server,
            fields: fields.collect(),
        })
    }

    /// The number of the connection, where this is its SYN.
    fn initial_number(&self) -> Option<&str> {
        let is_syn = self.fields.first().is_some_and(|flags| flags == SYN);
        self.fields.get(1).filter(|_| is_syn).map(String::as_str)
    }
}

/// What belongs to the client's connections of what was seen behind the NAT, with the client's ports: where two clients
/// have chosen the same one, the NAT gives the second another.
fn of_client(client: &[Packet], router: &[Packet]) -> Vec<Packet> {
    let known: BTreeMap<&str, &str> = client
        .iter()
        .filter_map(|packet| Some((packet.initial_number()?, &*packet.port)))
        .collect();
    // Whose each port is since its last SYN.
    let mut owners = BTreeMap::new();
    let mut found = Vec::new();
    for packet in router {
        if let Some(number) = packet.initial_number() {
            owners.insert(&packet.port, known.get(number));
        }
        if let Some(Some(port)) = owners.get(&packet.port) {
            found.push(Packet {
                port: (**port).to_owned(),
                ..packet.clone()
            });
        }
    }
    found
}

fn read(capture: &PathBuf, server: u16) -> Result<Vec<Packet>> {
    let mut tshark = Command::new("tshark");
    tshark
        .args(["-n", "-o", "tcp.desegment_tcp_streams:FALSE"])
        .args(["-T", "fields", "-r"])
        .arg(capture);
    for field in FIELDS {
        tshark.args(["-e", field]);
    }
    let text = exec::read(&mut tshark)?;
    let packets = text.lines().map(|line| Packet::parse(line, server));
    packets
        .collect::<Option<_>>()
        .context("tshark shows packets without ports")
}

fn count(packets: &[Packet]) -> BTreeMap<&Packet, usize> {
    let mut counts = BTreeMap::new();
    for packet in packets {
        *counts.entry(packet).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(lines: &[&str]) -> Vec<Packet> {
        let parse = |line: &&str| Packet::parse(&line.replace(' ', "\t"), 80);
        lines.iter().filter_map(parse).collect()
    }

    #[test]
    fn connection_is_known_again_behind_a_nat_that_gave_it_another_port() {
        let client = packets(&["4000 80 0x0002 7", "80 4000 0x0012 9"]);
        let router = packets(&[
            // Another client's.
            "4000 80 0x0002 5",
            "1024 80 0x0002 7",
            "80 4000 0x0012 6",
            "80 1024 0x0012 9",
        ]);
        assert_eq!(of_client(&client, &router), client);
    }
}
