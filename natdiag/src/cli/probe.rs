//! The command line of active tests, as typed.

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    probe::{payload::Payload, target::Target},
    value::hook::TcHook,
};

/// What can be tested.
#[derive(Debug, Subcommand)]
pub enum Probe {
    /// Test a server for `tcp_tw_recycle`
    ///
    /// Makes connections whose timestamps lie below, above and around the one that the server
    /// remembers, and some without, and compares their fates. No connection with a changed
    /// timestamp is ever completed, no setting of this host is touched, and no packet of anybody
    /// else is changed. `--dry-run` tells the steps, and what a server may remember of them.
    #[command(verbatim_doc_comment, after_long_help = TIMESTAMPS_EXAMPLES)]
    Timestamps(TimestampsArgs),
    /// Test whether large responses arrive, and whether they arrive in fragments
    ///
    /// Fetches a response with segments of the usual size and with small ones, looks for fragments
    /// meanwhile, and searches for the largest size that passes. Works from behind a NAT gateway
    /// as well, which drops the fragments before anybody could see them.
    #[command(verbatim_doc_comment, after_long_help = FRAGMENTS_EXAMPLES)]
    Fragments(FragmentsArgs),
}

/// The form of the report of a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProbeOutput {
    /// For people
    #[default]
    Text,
    /// One JSON object, with a table of the arms
    Json,
}

/// Arguments of `natdiag probe timestamps`.
#[derive(Debug, Args)]
pub struct TimestampsArgs {
    /// Host to test, at all its addresses [port: 443]; a URL says whether TLS is spoken at another port
    #[arg(value_name = "HOST[:PORT]|URL")]
    pub target: Target,
    /// Form of the report
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ProbeOutput,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What to send so that the server answers and closes; `\r`, `\n` and `\xNN` are octets
    #[arg(long, value_name = "TEXT")]
    pub payload: Option<Payload>,
    /// Where tcp_tw_recycle is found, wait 60 s and see the server take again what it dropped
    #[arg(long)]
    pub thorough: bool,
    /// Where to attach the programs that change timestamps
    #[arg(long, value_enum, default_value_t)]
    pub hook: TcHook,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// How much a test may do.
#[derive(Clone, Copy, Debug, Args)]
pub struct LimitArgs {
    /// Most connections to each address
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub max_connections: u32,
    /// Most connections a second
    #[arg(long, value_name = "N", default_value_t = 4.0, value_parser = rate)]
    pub rate: f64,
}

/// Arguments of `natdiag probe fragments`.
#[derive(Debug, Args)]
pub struct FragmentsArgs {
    /// What to fetch: a URL, or a host, asked over HTTPS at port 443 and else over HTTP, or by `--payload`
    #[arg(value_name = "URL|HOST[:PORT]")]
    pub target: Target,
    /// Form of the report
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ProbeOutput,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What to send in place of an HTTP request; `\r`, `\n` and `\xNN` are octets
    #[arg(long, value_name = "TEXT")]
    pub payload: Option<Payload>,
    /// Send large ICMP echoes as well, and say why they prove nothing about TCP
    #[arg(long)]
    pub icmp: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Fastest that a test may be: a load that nobody notices.
const FASTEST: f64 = 20.0;

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=FASTEST).contains(&rate) => Ok(rate),
        _ => Err(format!("write a number from 0.1 to {FASTEST}")),
    }
}

const TIMESTAMPS_EXAMPLES: &str = "\
Examples:
  Does this web server have tcp_tw_recycle?
    sudo natdiag probe timestamps www.example.net
  Watch it forget as well, which takes a minute more:
    sudo natdiag probe timestamps www.example.net --thorough
  Another service, which closes when it is told to:
    sudo natdiag probe timestamps mail.example.net:25 --payload 'QUIT\\r\\n'
  What would be done:
    natdiag probe timestamps www.example.net --dry-run";

const FRAGMENTS_EXAMPLES: &str = "\
Examples:
  Do large responses of this server arrive?
    sudo natdiag probe fragments https://www.example.net/large.html
  A service of another kind, and what makes it say much:
    sudo natdiag probe fragments db.example.net:5000 --payload 'LIST\\r\\n'
  Why does `ping -s 10000` fail where TCP works?
    sudo natdiag probe fragments https://www.example.net/ --icmp
  What would be done:
    natdiag probe fragments https://www.example.net/ --dry-run";
