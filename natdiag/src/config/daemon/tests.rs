use clap::CommandFactory;

use super::*;
use crate::cli::Cli;

fn config(text: &str) -> Result<DaemonConfig, String> {
    let settings = parse(text).map_err(|error| error.to_string())?;
    settings
        .try_into()
        .map_err(|error: DaemonConfigError| error.to_string())
}

const EVERYTHING: &str = r#"
interface = ["wan*", "203.0.113.0/24"]
exclude = ["wan7"]
hook = "tcx"
established = "1/8"
interval = "30s"
remote = ["198.51.100.0/24"]
local = ["10.0.0.0/8"]
port = [443, 8443]
state = "/var/lib/natdiag/state"
state-interval = "30s"
pin = "/sys/fs/bpf/natdiag"
no-hotplug = true
user = "natdiag"
keep-privileges = false
findings = "/var/lib/natdiag/findings"
findings-size = "1MiB"
findings-age = "1h"
findings-total = "10MiB"
findings-quiet = "2h"
evidence = "/var/lib/natdiag/evidence"
evidence-packets = 100
evidence-size = "1MiB"
evidence-age = "1h"
evidence-total = "10MiB"
full = ["203.0.113.80"]
metrics = "127.0.0.1:9435"
metrics-remotes = 0
metrics-connections = 2
metrics-password = "/etc/natdiag/metrics.password"
metrics-certificate = "/etc/natdiag/metrics.pem"
metrics-key = "/etc/natdiag/metrics.key"
measure-cost = true
"#;

#[test]
fn an_empty_file_means_the_defaults() {
    let config = config("").unwrap();
    assert_eq!(config.interfaces, []);
    assert_eq!(config.interval, Duration::from_secs(10));
    assert_eq!(config.findings.folder, None);
    assert_eq!(config.findings.limits, DEFAULT_FINDINGS);
    assert_eq!(config.metrics, None);
}

#[test]
fn every_flag_is_a_key_and_every_key_a_flag() {
    let cli = Cli::command();
    let daemon = cli.find_subcommand("daemon").unwrap();
    let mut flags: Vec<_> = daemon
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .filter(|flag| !["config", "check", "help"].contains(flag))
        .collect();
    flags.sort_unstable();
    let table: toml::Table = EVERYTHING.parse().unwrap();
    let mut keys: Vec<_> = table.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(flags, keys);
    config(EVERYTHING).unwrap();
}

#[test]
fn what_is_shipped_is_valid() {
    let shipped = config(include_str!("../../../../deploy/natdiag.toml")).unwrap();
    assert_eq!(shipped.metrics.unwrap().listen.port(), 9435);
    config(include_str!("../../../../deploy/kubernetes/natdiag.toml")).unwrap();
}

#[test]
fn a_flag_wins_over_its_key() {
    let flags = parse("interval = \"1s\"\nport = [80]").unwrap();
    let file = parse("interval = \"2s\"\nport = [443]\nhook = \"xdp\"").unwrap();
    let config = DaemonConfig::try_from(flags.or(file)).unwrap();
    assert_eq!(config.interval, Duration::from_secs(1));
    assert_eq!(config.filter.ports, [80]);
    assert_eq!(config.hook, HookChoice::Xdp);
}

#[test]
fn an_error_names_the_line_what_stands_there_and_what_to_do() {
    for (text, want) in [
        (
            "# a comment\n\ninterval = \"10\"\n",
            "line 3: `interval = \"10\"`: a number needs its unit; write `10s` for seconds, or such as `5min` or `1h30m`",
        ),
        (
            "intervall = \"10s\"",
            "line 1: `intervall = \"10s\"`: unknown field `intervall`, expected one of `interface`, `exclude`",
        ),
        (
            "interface = [\n  \"eth0\",\n  \"eth[0\",\n]\n",
            "line 1: `interface = [`: `eth[0` is no glob (invalid range pattern); write such as `wan*`",
        ),
        (
            "hook = \"ebpf\"",
            "line 1: `hook = \"ebpf\"`: it is none of `auto`, `xdp`, `tcx`, `clsact`, `xdp-generic`",
        ),
        (
            "port = [443, 0]",
            "line 1: `port = [443, 0]`: invalid value: integer `0`",
        ),
        (
            "port = 443",
            "line 1: `port = 443`: invalid type: integer `443`, expected a list; put it in brackets",
        ),
        (
            "metrics = \"9435\"",
            "line 1: `metrics = \"9435\"`: it is no address with a port; write such as `127.0.0.1:9435`",
        ),
        (
            "findings-size = \"much\"",
            "line 1: `findings-size = \"much\"`: couldn't parse",
        ),
        (
            "interval = \"1s\"\ninterval = \"2s\"",
            "line 2: `interval = \"2s\"`: duplicate key",
        ),
        ("interval 10s", "line 1: `interval 10s`: "),
    ] {
        let error = config(text).unwrap_err();
        assert!(error.starts_with(want), "{text}\n  {error}\n  {want}");
    }
}

#[test]
fn settings_that_make_no_sense_together_are_refused() {
    for (text, want) in [
        (
            "metrics-remotes = 3",
            "`metrics-remotes` means something only with `metrics`",
        ),
        (
            "findings-age = \"1h\"",
            "`findings-age` means something only with `findings`",
        ),
        (
            "user = \"natdiag\"\nkeep-privileges = true",
            "`user` and `keep-privileges` exclude each other",
        ),
        (
            "findings = \"/x\"\nfindings-size = \"9MiB\"\nfindings-total = \"10MiB\"",
            "`findings-size` is 9.0 MiB; make it at most half of `findings-total`, which is 10.0 MiB",
        ),
    ] {
        let error = config(text).unwrap_err();
        assert!(error.starts_with(want), "{text}\n  {error}");
    }
}
