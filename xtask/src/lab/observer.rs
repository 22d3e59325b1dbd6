//! Who looks at the watched interface: natdiag, tcpdump, and rules of nftables that count. Each by its own way.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{
    bpf, interrupt,
    namespace::Namespace,
    report::Report,
    spawn::{self, Running},
};
use crate::exec;

/// How long natdiag and tcpdump may take to attach.
const ATTACHING: Duration = Duration::from_secs(20);
/// Buffer of tcpdump in KiB.
const CAPTURE_BUFFER: &str = "16384";

/// The observers of one interface, at work.
#[derive(Debug)]
pub(crate) struct Observers {
    directory: PathBuf,
    tcpdump: Running,
    natdiag: Option<Running>,
}

/// What they saw.
#[derive(Debug)]
pub(crate) struct Observation {
    /// The capture.
    pub(crate) capture: PathBuf,
    /// Packets that tcpdump says the kernel did not hand it.
    pub(crate) capture_drops: u64,
    /// natdiag's report and its exit code.
    pub(crate) report: Option<(Report, i32)>,
    /// Counters of nftables.
    pub(crate) rules: Rules,
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
        interface: &str,
        natdiag: Option<&Path>,
        directory: &Path,
    ) -> Result<Self> {
        host.nft(&format!(
            "table netdev observer {{
                counter fragments {{ }}
                counter resets {{ }}
                counter syn_acks {{ }}
                chain arriving {{
                    type filter hook ingress device \"{interface}\" priority -500;
                    ip frag-off & 0x3fff != 0 counter name fragments
                    exthdr frag exists counter name fragments
                    # A later fragment has no flags, but this chain would read them.
                    ip frag-off & 0x1fff != 0 accept
                    frag frag-off != 0 accept
                    tcp flags & rst == rst counter name resets
                    tcp flags & (syn | ack) == (syn | ack) counter name syn_acks
                }}
            }}"
        ))?;
        let file = |name: &str| directory.join(name);
        let mut command = Command::new("tcpdump");
        command
            .args(["-Z", "root", "-U", "-B", CAPTURE_BUFFER, "-s", "0"])
            // Else the kernel keeps the last packets back, and they are lost at the end.
            .arg("--immediate-mode")
            .args(["-i", interface, "-w"])
            .arg(file("capture.pcap"));
        let tcpdump = Running::start(
            "tcpdump",
            command,
            host,
            &file("tcpdump.out"),
            &file("tcpdump.err"),
        )?;
        let natdiag = natdiag
            .map(|program| {
                let mut command = Command::new(program);
                command.args(["watch", "-i", interface, "--output", "json", "--top", "all"]);
                let (stdout, stderr) = (file("watch.json"), file("watch.err"));
                Running::start("natdiag", command, host, &stdout, &stderr)
            })
            .transpose()?;
        let mut observers = Self {
            directory: directory.to_path_buf(),
            tcpdump,
            natdiag,
        };
        observers.wait(host, interface)?;
        Ok(observers)
    }

    fn wait(&mut self, host: &Namespace, interface: &str) -> Result<()> {
        interrupt::wait_until("tcpdump does not listen", ATTACHING, || {
            Ok(self.read("tcpdump.err")?.contains("listening on"))
        })?;
        let Some(mut natdiag) = self.natdiag.take() else {
            return Ok(());
        };
        interrupt::wait_until("natdiag does not attach", ATTACHING, || {
            if natdiag.has_ended()? {
                bail!("natdiag ended: {}", self.read("watch.err")?.trim());
            }
            bpf::is_watched(host, interface)
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
        let directory = self.directory.clone();
        self.tcpdump.finish()?;
        Ok(Observation {
            capture_drops: capture_drops(&read(&directory, "tcpdump.err")?)?,
            capture: directory.join("capture.pcap"),
            report,
            rules,
        })
    }

    fn read(&self, name: &str) -> Result<String> {
        read(&self.directory, name)
    }

    fn stderr(&self) -> String {
        self.read("watch.err").unwrap_or_default().trim().to_owned()
    }
}

fn read(directory: &Path, name: &str) -> Result<String> {
    let path = directory.join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// What tcpdump says at its end about packets that it did not get.
fn capture_drops(stderr: &str) -> Result<u64> {
    stderr
        .lines()
        .find_map(|line| line.split_once(" packets dropped by kernel"))
        .and_then(|(count, _)| count.trim().parse().ok())
        .context("tcpdump does not say how many packets it did not get")
}

impl Rules {
    fn read(host: &Namespace) -> Result<Self> {
        let mut command = Command::new("nft");
        command.args(["-j", "list", "counters"]);
        spawn::put_in(&mut command, host)?;
        let listed: serde_json::Value = serde_json::from_str(&exec::read(&mut command)?)?;
        let count = |name: &str| {
            listed
                .get("nftables")
                .and_then(serde_json::Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|object| object.get("counter"))
                .find(|counter| counter.get("name").is_some_and(|found| found == name))
                .and_then(|counter| counter.get("packets")?.as_u64())
                .with_context(|| format!("nftables has no counter `{name}`"))
        };
        Ok(Self {
            fragments: count("fragments")?,
            resets: count("resets")?,
            syn_acks: count("syn_acks")?,
        })
    }
}
