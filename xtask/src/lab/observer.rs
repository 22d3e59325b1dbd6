//! Who looks at the watched interfaces: natdiag, tcpdump, and rules of nftables that count. Each by its own way.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{
    bpf, interrupt, namespace::Namespace, network::Prefix, proof, report::Report, running::Running,
};

/// How long natdiag and tcpdump may take to attach.
const ATTACHING: Duration = Duration::from_secs(20);
/// Buffer of tcpdump in KiB.
const CAPTURE_BUFFER: &str = "16384";

/// An interface to look at.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// Its name.
    pub(crate) interface: &'static str,
    /// The addresses on this side of it.
    pub(crate) locals: Vec<Prefix>,
}

/// The observers of a host's interfaces, at work.
#[derive(Debug)]
pub(crate) struct Observers {
    directory: PathBuf,
    watched: Vec<Watched>,
    tcpdumps: Vec<Running>,
    natdiag: Option<Running>,
}

/// What they saw.
#[derive(Debug)]
pub(crate) struct Observation {
    /// A capture per interface.
    pub(crate) captures: Vec<Capture>,
    /// Packets that tcpdump says the kernel did not hand it.
    pub(crate) capture_drops: u64,
    /// natdiag's report and its exit code.
    pub(crate) report: Option<(Report, i32)>,
    /// Counters of nftables.
    pub(crate) rules: Rules,
}

/// What tcpdump saw on one interface.
#[derive(Debug)]
pub(crate) struct Capture {
    /// The file.
    pub(crate) path: PathBuf,
    /// The addresses on this side of the interface.
    pub(crate) locals: Vec<Prefix>,
}

/// Packets received, as rules in a netdev ingress chain count them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Fragments, atomic ones included.
    pub(crate) fragments: u64,
    /// TCP segments with RST.
    pub(crate) resets: u64,
    /// TCP segments with SYN and ACK.
    pub(crate) syn_acks: u64,
}

impl Observers {
    /// Starts them and waits until they look.
    pub(crate) fn start(
        host: &Namespace,
        watched: Vec<Watched>,
        natdiag: Option<&Path>,
        directory: &Path,
    ) -> Result<Self> {
        let interfaces: Vec<&str> = watched.iter().map(|watched| watched.interface).collect();
        host.nft(&format!(
            "table netdev observer {{
                counter fragments {{ }}
                counter resets {{ }}
                counter syn_acks {{ }}
                chain arriving {{
                    type filter hook ingress devices = {{ {} }} priority -500;
                    ip frag-off & 0x3fff != 0 counter name fragments
                    exthdr frag exists counter name fragments
                    # A later fragment has no flags, but this chain would read them.
                    ip frag-off & 0x1fff != 0 accept
                    frag frag-off != 0 accept
                    tcp flags & rst == rst counter name resets
                    tcp flags & (syn | ack) == (syn | ack) counter name syn_acks
                }}
            }}",
            interfaces.join(", ")
        ))?;
        let file = |name: &str| directory.join(name);
        let tcpdumps = interfaces
            .iter()
            .map(|interface| start_tcpdump(host, interface, directory))
            .collect::<Result<_>>()?;
        let natdiag = natdiag
            .map(|program| {
                let mut command = Command::new(program);
                command.args(["watch", "--output", "json", "--top", "all"]);
                for interface in &interfaces {
                    command.args(["-i", interface]);
                }
                let (stdout, stderr) = (file("watch.json"), file("watch.err"));
                Running::start("natdiag", command, host, &stdout, &stderr)
            })
            .transpose()?;
        let mut observers = Self {
            directory: directory.to_path_buf(),
            watched,
            tcpdumps,
            natdiag,
        };
        observers.wait(host)?;
        Ok(observers)
    }

    fn wait(&mut self, host: &Namespace) -> Result<()> {
        interrupt::wait_until("tcpdump does not listen", ATTACHING, || {
            for Watched { interface, .. } in &self.watched {
                if !self.read(&complaints(interface))?.contains("listening on") {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        let Some(mut natdiag) = self.natdiag.take() else {
            return Ok(());
        };
        interrupt::wait_until("natdiag does not attach", ATTACHING, || {
            if natdiag.has_ended()? {
                bail!("natdiag ended: {}", self.read("watch.err")?.trim());
            }
            for Watched { interface, .. } in &self.watched {
                if !bpf::is_watched(host, interface)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        self.natdiag = Some(natdiag);
        Ok(())
    }

    /// Ends them and returns what they saw.
    pub(crate) fn finish(mut self, host: &Namespace) -> Result<Observation> {
        let exit_code = match self.natdiag.take() {
            Some(natdiag) => natdiag.finish()?.code(),
            None => None,
        };
        let report = exit_code
            .map(|code| -> Result<_> {
                let report = Report::parse(&self.read("watch.json")?)
                    .with_context(|| format!("natdiag said: {}", self.stderr()))?;
                Ok((report, code))
            })
            .transpose()?;
        let rules = Rules::read(host)?;
        for tcpdump in self.tcpdumps.drain(..) {
            tcpdump.finish()?;
        }
        let drops = self.watched.iter().map(|Watched { interface, .. }| {
            dropped_by_kernel(&self.read(&complaints(interface))?)
        });
        Ok(Observation {
            capture_drops: drops.sum::<Result<u64>>()?,
            captures: self
                .watched
                .iter()
                .map(|watched| Capture {
                    path: self.directory.join(capture(watched.interface)),
                    locals: watched.locals.clone(),
                })
                .collect(),
            report,
            rules,
        })
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.directory.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    fn stderr(&self) -> String {
        self.read("watch.err").unwrap_or_default().trim().to_owned()
    }
}

/// The file of a capture.
fn capture(interface: &str) -> String {
    format!("{interface}.pcap")
}

/// The file of what tcpdump says meanwhile.
fn complaints(interface: &str) -> String {
    format!("tcpdump-{interface}.err")
}

fn start_tcpdump(host: &Namespace, interface: &str, directory: &Path) -> Result<Running> {
    let mut command = Command::new("tcpdump");
    command
        .args(["-Z", "root", "-U", "-B", CAPTURE_BUFFER, "-s", "0"])
        // Else the kernel keeps the last packets back, and they are lost at the end.
        .arg("--immediate-mode")
        .args(["-i", interface, "-w"])
        .arg(directory.join(capture(interface)));
    Running::start(
        "tcpdump",
        command,
        host,
        &directory.join(format!("tcpdump-{interface}.out")),
        &directory.join(complaints(interface)),
    )
}

/// What tcpdump says at its end about packets that it did not get.
fn dropped_by_kernel(stderr: &str) -> Result<u64> {
    stderr
        .lines()
        .find_map(|line| line.split_once(" packets dropped by kernel"))
        .and_then(|(count, _)| count.trim().parse().ok())
        .context("tcpdump does not say how many packets it did not get")
}

impl Rules {
    fn read(host: &Namespace) -> Result<Self> {
        let count = |name: &str| proof::rule_counter(host, name);
        Ok(Self {
            fragments: count("fragments")?,
            resets: count("resets")?,
            syn_acks: count("syn_acks")?,
        })
    }
}
