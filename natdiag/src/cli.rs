//! The command line exactly as typed. It knows no file and no interface; `config` makes sense of it.

pub mod daemon;
pub mod detach;
pub mod probe;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, value_parser};

use clap_complete::Shell;

use crate::{
    remedy::plan::TrialPlan,
    value::{
        duration,
        established::EstablishedChoice,
        hook::HookChoice,
        network::Network,
        output::{CheckOutput, LiveOutput, NatOutput, Output},
        top::Top,
    },
};

/// Names the cause when TCP through a NAT fails now and then
///
/// natdiag counts fragments, resets and SYNs per remote host, and says which host is to blame
/// and why: servers with `tcp_tw_recycle`, answers that arrive in fragments, loss, filters.
#[derive(Debug, Parser)]
#[command(
    name = "natdiag",
    version,
    arg_required_else_help = true,
    verbatim_doc_comment
)]
#[command(after_help = EXIT_CODES, after_long_help = [ROOT_EXAMPLES, EXIT_CODES].concat())]
pub struct Cli {
    /// Log to standard error what is being done; -vv and -vvv say more
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 99)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What natdiag can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch interfaces and report what is wrong, live
    ///
    /// Attaches to the interfaces, counts, and reports until Ctrl-C or --duration; then prints
    /// the final report. Nothing stays attached. Needs root, or `CAP_BPF`,
    /// `CAP_NET_ADMIN` and `CAP_PERFMON`.
    #[command(verbatim_doc_comment, after_long_help = WATCH_EXAMPLES)]
    #[command(override_usage = "natdiag watch [-i IFACE]... [OPTIONS]")]
    Watch(WatchArgs),
    /// Report what is wrong in captures; needs no privileges
    ///
    /// Reads pcap and pcapng files, also gzipped, and analyses them exactly as live traffic.
    #[command(verbatim_doc_comment, after_long_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Watch unattended: findings as events, metrics, interfaces that come and go
    ///
    /// Runs until it is told to end. Every flag is also a key of the configuration file, and a flag
    /// wins. SIGHUP has the file read again; nothing that was counted is lost by it.
    #[command(verbatim_doc_comment, after_long_help = daemon::EXAMPLES)]
    Daemon(Box<daemon::DaemonArgs>),
    /// Take away what `natdiag daemon` has left in the kernel
    ///
    /// A daemon with `state` leaves its programs attached and its counters pinned, so that the next
    /// one loses nothing. This removes them, and filters that a killed natdiag has left, and says
    /// what it removed. It refuses where a natdiag that runs is in charge.
    #[command(verbatim_doc_comment, after_long_help = detach::EXAMPLES)]
    #[command(override_usage = "natdiag detach <-i IFACE|--all> [--pin DIR]")]
    Detach(detach::DetachArgs),
    /// Look at this host itself
    #[command(subcommand)]
    Check(Check),
    /// Test a server with connections of natdiag's own
    #[command(subcommand)]
    Probe(probe::Probe),
    /// Print what a shell needs to complete natdiag's arguments
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page, or write one page per command
    #[command(after_long_help = MAN_EXAMPLES)]
    Man {
        /// Write `natdiag.8` and a page per command into this folder
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

/// What natdiag can look at.
#[derive(Debug, Subcommand)]
pub enum Check {
    /// This host as the server: tcp_tw_recycle and full queues; needs no privileges
    ///
    /// Reads settings, counters and configuration files, twice within --duration, and says whether
    /// this host drops connections of clients behind a NAT. Needs neither privileges nor eBPF.
    #[command(verbatim_doc_comment, after_long_help = CHECK_SERVER_EXAMPLES)]
    Server(CheckServerArgs),
    /// What can be attached to interfaces here, what not and why; changes nothing
    ///
    /// Shows the kernel, the device and its offloads, whose programs are attached already, what each
    /// hook would say to natdiag, the capabilities, and what could be seen from there.
    #[command(verbatim_doc_comment, after_long_help = CHECK_ATTACH_EXAMPLES)]
    Attach(CheckAttachArgs),
    /// This host as the NAT: ports, the table of connections, rules that drop; changes nothing
    ///
    /// Reads rules, settings, tracked connections and counters, the counters twice within
    /// --duration, and says what this host's own NAT does to connections. Needs no eBPF; without
    /// root, rules and connections stay unread, and the report says so.
    #[command(verbatim_doc_comment, after_long_help = CHECK_NAT_EXAMPLES)]
    Nat(CheckNatArgs),
}

/// Arguments of `natdiag check nat`.
#[derive(Debug, Args)]
pub struct CheckNatArgs {
    /// Interface that leads out; repeat it for several [default: those of the rules, else of the default route]
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub interfaces: Vec<String>,
    /// Form of the report
    #[arg(short, long, value_enum, default_value_t)]
    pub output: NatOutput,
    /// How long to watch the counters
    #[arg(short, long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    pub duration: Duration,
    /// Read this folder, which the script has written, instead of this host
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Print a shell script that collects what is needed, for hosts on which natdiag does not run
    #[arg(long, conflicts_with_all = ["root", "duration", "output", "interfaces"])]
    pub script: bool,
}

/// Arguments of `natdiag check attach`.
#[derive(Debug, Args)]
pub struct CheckAttachArgs {
    /// Interface to look at; repeat it for several [default: that of the default route]
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub interfaces: Vec<String>,
    /// Form of the report
    #[arg(short, long, value_enum, default_value_t)]
    pub output: CheckOutput,
}

/// Arguments of `natdiag check server`.
#[derive(Debug, Args)]
pub struct CheckServerArgs {
    /// Form of the report
    #[arg(short, long, value_enum, default_value_t)]
    pub output: CheckOutput,
    /// How long to watch the counters
    #[arg(short, long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    pub duration: Duration,
    /// Read proc and etc of this folder: another root, or what the script has collected
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Print a shell script that collects what is needed, for servers on which natdiag does not run
    #[arg(long, conflicts_with_all = ["root", "duration", "output"])]
    pub script: bool,
}

/// What is looked at.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Look only at these remote hosts; repeat it for several
    #[arg(long, value_name = "CIDR")]
    pub remote: Vec<Network>,
    /// Judge only connections with this TCP port at either end; repeat it for several
    #[arg(long, value_name = "PORT", value_parser = value_parser!(u16).range(1..))]
    pub port: Vec<u16>,
}

/// What is shown beside addresses.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// Show remote hosts by name as well, as this host's resolver knows them (reverse DNS)
    ///
    /// Off by default: the questions leave this host and tell which addresses are shown,
    /// and the answer is whatever the owner of an address wrote there. Nothing waits for a
    /// name: it appears when its answer has come. A final report waits two seconds at most.
    #[arg(long, verbatim_doc_comment)]
    pub names: bool,
}

/// Arguments of `natdiag watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Interface to watch; repeat it for several [default: that of the default route]
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub interfaces: Vec<String>,
    /// Form of the report [default: tui on a terminal, else text]
    #[arg(short, long, value_enum)]
    pub output: Option<LiveOutput>,
    /// End after this time, such as 30s or 1h30m [default: at Ctrl-C]
    #[arg(short, long, value_name = "TIME", value_parser = duration::parse)]
    pub duration: Option<Duration>,
    /// How often to show how things stand
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse)]
    pub interval: Duration,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Look only at connections of these hosts of ours; repeat it for several
    #[arg(long, value_name = "CIDR")]
    pub local: Vec<Network>,
    #[command(flatten)]
    pub naming: NameArgs,
    /// Where to attach
    #[arg(long, value_enum, default_value_t)]
    pub hook: HookChoice,
    /// How many established connections to look at, segment by segment: `auto` for as many as
    /// cost less than one percent of a CPU, `all`, `none`, or one in a power of two such as `1/8`
    #[arg(long, value_name = "SHARE", default_value_t, verbatim_doc_comment)]
    pub established: EstablishedChoice,
    /// Remote hosts to report beside those with findings: the N busiest, or `all`
    /// [default: 1000; 10 in the table of a text]
    #[arg(long, value_name = "N|all", verbatim_doc_comment)]
    pub top: Option<Top>,
    /// Change new connections to one remote host for a while, and compare how they fare:
    /// `mss=N` clamps their MSS, `no-timestamps` takes the timestamps out of their SYNs.
    /// Begins after 20 connections without it, ends by itself when more fail with it
    #[arg(long, value_name = "ADDRESS,REMEDY", verbatim_doc_comment)]
    pub remedy_trial: Option<TrialPlan>,
    /// How long to try the remedy, 10min at most
    #[arg(long, value_name = "TIME", default_value = "2min", requires = "remedy_trial", value_parser = duration::parse)]
    pub trial_time: Duration,
}

/// Arguments of `natdiag replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Captures to read; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Form of the report
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Network on the near side, where the capture does not tell; repeat it for several
    #[arg(long, value_name = "CIDR")]
    pub local: Vec<Network>,
    #[command(flatten)]
    pub naming: NameArgs,
    /// With `--output jsonl`: a line for each such span of the capture's time
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub interval: Option<Duration>,
    /// Remote hosts to report beside those with findings: the N busiest, or `all`
    /// [default: 1000; 10 in the table of a text]
    #[arg(long, value_name = "N|all", verbatim_doc_comment)]
    pub top: Option<Top>,
}

const ROOT_EXAMPLES: &str = "\
Examples:
  sudo natdiag watch                      watch the interface of the default route
  sudo natdiag watch -i eth0 -d 5min      watch eth0 for five minutes, then report
  natdiag replay trouble.pcap.gz          the same analysis of a capture
  natdiag watch --help                    more examples

";

const WATCH_EXAMPLES: &str = "\
Examples:
  Watch the public side of a NAT until Ctrl-C:
    sudo natdiag watch -i eth0
  Both sides of a NAT at once, for ten minutes, and keep the report:
    sudo natdiag watch -i eth0 -i eth1 --duration 10min > report.txt
  For a script: one JSON object at the end, and which hosts have tcp_tw_recycle:
    sudo natdiag watch -d 1h -o json |
      jq -r '.remotes[] | select(any(.findings[]; .cause == \"tw-recycle\")).address'
  Only the servers of one network, and only HTTPS:
    sudo natdiag watch --remote 203.0.113.0/24 --port 443
  A line of JSON every ten seconds:
    sudo natdiag watch -o jsonl --interval 10s
  On a NAT host: would a smaller MSS cure what happens with one server?
    sudo natdiag watch -i eth0 --remedy-trial 203.0.113.80,mss=1360 -d 5min";

const REPLAY_EXAMPLES: &str = "\
Examples:
  Analyse a capture made elsewhere:
    natdiag replay trouble.pcapng
  Straight from tcpdump on another machine:
    ssh gateway tcpdump -i eth0 -s 128 -w - tcp | natdiag replay -
  Say which side is ours, where the capture does not tell:
    natdiag replay --local 10.0.0.0/8 trouble.pcap
  Only one server, of two captures at once:
    natdiag replay --remote 203.0.113.80 inside.pcap outside.pcap
  How things developed, a line of JSON per minute of the capture:
    natdiag replay trouble.pcap -o jsonl --interval 1min";

const CHECK_SERVER_EXAMPLES: &str = "\
Examples:
  Does this server drop connections?
    natdiag check server --duration 1min
  For a script: is tcp_tw_recycle on, off, gone, hidden or unknown?
    natdiag check server -o json | jq -r .server.tcp_tw_recycle.state
  The network namespace of a container, seen from the host:
    sudo nsenter --target PID --net natdiag check server
  A server too old for natdiag (Linux before 3.2): collect there for 10 s, read here:
    natdiag check server --script | ssh server sh -s /tmp/facts 10
    scp -r server:/tmp/facts . && natdiag check server --root facts

Exit codes:
  0  nothing wrong was found
  1  a cause was found that harms connections, or will
  2  natdiag itself failed
  3  from here it cannot be told";

const CHECK_ATTACH_EXAMPLES: &str = "\
Examples:
  Why does natdiag watch choose that hook on eth0, and who else is attached?
    sudo natdiag check attach -i eth0
  What does this user lack?
    natdiag check attach
  For a script: which hook would received packets be watched by?
    sudo natdiag check attach -i eth0 -o json |
      jq -r '.attach[0].hooks[] | select(.direction == \"ingress\" and .outlook == \"chosen\").rung'

Exit codes:
  0  natdiag watch would attach
  1  it would not; the report says why
  2  natdiag itself failed, or there is no such interface";

const CHECK_NAT_EXAMPLES: &str = "\
Examples:
  Is this NAT well?
    sudo natdiag check nat --duration 1min
  For a ticket:
    sudo natdiag check nat -o markdown > nat.md
  For a script: the destination for which most ports are in use
    sudo natdiag check nat -o json | jq '.nat.ports[0]'
  A NAT on which natdiag does not run: collect there for 10 s, read here:
    natdiag check nat --script | ssh nat sudo sh -s /tmp/facts 10
    scp -r nat:/tmp/facts . && natdiag check nat --root facts

Exit codes:
  0  this host is a NAT, and nothing wrong was found
  1  a cause was found that harms connections, or will
  2  natdiag itself failed
  3  this host is no NAT, or it cannot be told from here";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  For this user's bash:
    natdiag completions bash > ~/.local/share/bash-completion/completions/natdiag
  For zsh, in a folder of $fpath:
    natdiag completions zsh > ~/.zfunc/_natdiag
  For fish:
    natdiag completions fish > ~/.config/fish/completions/natdiag.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  Read it:
    natdiag man | man -l -
  Install it, with a page per command:
    natdiag man /usr/local/share/man/man8";

const EXIT_CODES: &str = "\
Exit codes:
  0  nothing wrong was found
  1  a cause was found that harms connections
  2  natdiag itself failed
  3  something is wrong, but the evidence does not say what, or it cannot be seen from here";

#[cfg(test)]
mod tests;
