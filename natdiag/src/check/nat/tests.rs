//! NATs written as their kernels show them, and what natdiag says about each.

use std::{fs, path::Path, process::Command, time::Duration};

use tempfile::TempDir;

use super::{
    Facts,
    read::read,
    script::COLLECT,
    verdict::{Verdict, judge},
};
use crate::{
    analysis::diagnosis::{Cause, Severity},
    report::{
        exit_code::ExitStatus,
        host::nat::{write_json_report, write_markdown, write_text},
        schema,
        text::paper::Paper,
    },
};

const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                      eth0\t00000000\t017100CB\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                      eth1\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
const HEALTHY_RULES: &str = "*nat\n-A POSTROUTING -o eth0 -j MASQUERADE --random-fully\nCOMMIT\n*filter\n\
                             -A FORWARD -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n";
const COLUMNS: [&str; 5] = [
    "invalid",
    "insert_failed",
    "drop",
    "early_drop",
    "search_restart",
];

/// What the script would have collected of a healthy NAT, and what is different.
struct Tree(TempDir);

impl Tree {
    fn healthy() -> Self {
        let tree = Self(tempfile::tempdir().unwrap())
            .file("collected", "2026-01-01T00:00:00Z\n")
            .file("later/seconds", "10\n")
            .file("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n")
            .file("proc/sys/net/ipv4/ip_forward", "1\n")
            .file("proc/sys/net/netfilter/nf_conntrack_max", "1000\n")
            .file(
                "proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established",
                "432000\n",
            )
            .file("proc/net/dev", "head\n lo: 0\n eth0: 0\n eth1: 0\n")
            .file("proc/net/route", ROUTES)
            .file("sys/class/net/eth0/mtu", "1500\n")
            .file("sys/class/net/eth1/mtu", "1500\n")
            .file("iptables-save", HEALTHY_RULES)
            .file("nft.json", "{\"nftables\": []}")
            .connections(3)
            .tracked(3);
        tree.rises(&[])
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn without(self, path: &str) -> Self {
        fs::remove_file(self.0.path().join(path)).unwrap();
        self
    }

    /// Connections of one client to one destination, which is what ports are counted by.
    fn connections(self, number: u16) -> Self {
        let line = |port: u16| {
            format!(
                "ipv4 2 tcp 6 60 ESTABLISHED src=10.0.0.5 dst=198.51.100.7 sport={port} dport=443 src=198.51.100.7 \
                 dst=203.0.113.1 sport=443 dport={port} [ASSURED] mark=0 use=2\n"
            )
        };
        let text: String = (0..number).map(|place| line(1_024 + place)).collect();
        self.file("proc/net/nf_conntrack", &text)
    }

    fn tracked(self, number: u64) -> Self {
        let file = "proc/sys/net/netfilter/nf_conntrack_count";
        let text = format!("{number}\n");
        self.file(file, &text).file(&format!("later/{file}"), &text)
    }

    /// Counters of connection tracking that are 16 at first.
    fn rises(self, rises: &[(&str, u64)]) -> Self {
        let text = |second: bool| {
            let cells = COLUMNS.map(|column| {
                let rise = rises.iter().find(|(name, _)| *name == column);
                let rise = rise.filter(|_| second).map_or(0, |(_, rise)| *rise);
                format!("{:08x}", 16 + rise)
            });
            format!("{}\n{}\n", COLUMNS.join(" "), cells.join(" "))
        };
        self.file("proc/net/stat/nf_conntrack", &text(false))
            .file("later/proc/net/stat/nf_conntrack", &text(true))
    }

    /// A counter in a file of its own form, at both looks.
    fn both(self, path: &str, earlier: &str, later: &str) -> Self {
        self.file(path, earlier)
            .file(&format!("later/{path}"), later)
    }

    fn strict_with_drops(self) -> Self {
        let netstat =
            |drops| format!("TcpExt: SyncookiesSent IPReversePathFilter\nTcpExt: 0 {drops}\n");
        self.file("proc/sys/net/ipv4/conf/all/rp_filter", "1\n")
            .both("proc/net/netstat", &netstat(5), &netstat(9))
    }
}

fn look(root: &Path) -> (Facts, Verdict) {
    let facts = read(root, Duration::ZERO, &[]).unwrap();
    let verdict = judge(&facts);
    (facts, verdict)
}

fn plain_rules() -> String {
    HEALTHY_RULES.replace(" --random-fully", "")
}

/// What a host is called, what its files say, what is found, and the exit code.
type Case = (&'static str, Tree, Vec<(Cause, Severity)>, u8);

#[expect(clippy::too_many_lines, reason = "one list")]
fn cases() -> Vec<Case> {
    use Severity::{Critical, Info, Warning};
    let healthy = Tree::healthy;
    let no_drop = "*nat\n-A POSTROUTING -o eth0 -j MASQUERADE --random-fully\nCOMMIT\n";
    vec![
        ("healthy", healthy(), vec![], 0),
        (
            "nearly full",
            healthy().tracked(930),
            vec![(Cause::NatTableFull, Warning)],
            1,
        ),
        (
            "full",
            healthy().tracked(1_000).rises(&[("drop", 7)]),
            vec![(Cause::NatTableFull, Critical)],
            1,
        ),
        (
            "race",
            healthy()
                .file("iptables-save", &plain_rules())
                .rises(&[("insert_failed", 4), ("drop", 4)]),
            vec![(Cause::NatPortRace, Warning)],
            1,
        ),
        (
            "no race without drops",
            healthy().file("iptables-save", &plain_rules()),
            vec![],
            0,
        ),
        (
            "packets that race though ports are random",
            healthy().rises(&[("insert_failed", 4), ("drop", 4)]),
            vec![(Cause::LocalNat, Warning)],
            1,
        ),
        (
            "invalid let out",
            healthy()
                .file("iptables-save", no_drop)
                .rises(&[("invalid", 4)]),
            vec![(Cause::NatInvalid, Warning)],
            1,
        ),
        (
            "invalid dropped",
            healthy().rises(&[("invalid", 4)]),
            vec![],
            0,
        ),
        (
            "ports run out",
            healthy().connections(53_000),
            vec![(Cause::NatPortExhaustion, Warning)],
            1,
        ),
        (
            "ports are gone",
            healthy().connections(64_000),
            vec![(Cause::NatPortExhaustion, Critical)],
            1,
        ),
        (
            "reverse path",
            healthy().strict_with_drops(),
            vec![(Cause::ReversePathFilter, Warning)],
            1,
        ),
        (
            "a loose filter drops what is forged",
            healthy()
                .strict_with_drops()
                .file("proc/sys/net/ipv4/conf/all/rp_filter", "2\n"),
            vec![],
            0,
        ),
        (
            "narrow way out",
            healthy().file("sys/class/net/eth0/mtu", "1400\n"),
            vec![(Cause::PmtuBlackHole, Warning)],
            1,
        ),
        (
            "narrow way out, clamped",
            healthy().file("sys/class/net/eth0/mtu", "1400\n").file(
                "iptables-save",
                &format!(
                    "{HEALTHY_RULES}*mangle\n-A FORWARD -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n"
                ),
            ),
            vec![],
            0,
        ),
        (
            "jumbo frames inside",
            healthy().file("sys/class/net/eth1/mtu", "9000\n"),
            vec![],
            0,
        ),
        (
            "queues overflow",
            healthy().both("proc/net/softnet_stat", "10 2 0\n", "20 5 0\n"),
            vec![(Cause::LocalNat, Warning)],
            1,
        ),
        (
            "ring overflows",
            healthy().both(
                "sys/class/net/eth0/statistics/rx_missed_errors",
                "1\n",
                "9\n",
            ),
            vec![(Cause::LocalNat, Warning)],
            1,
        ),
        (
            "allowance of EC2",
            healthy().both(
                "ethtool/eth0",
                "     pps_allowance_exceeded: 0\n",
                "     pps_allowance_exceeded: 9\n",
            ),
            vec![(Cause::RateLimit, Warning)],
            1,
        ),
        (
            "nothing is forwarded",
            healthy()
                .file("proc/sys/net/ipv4/ip_forward", "0\n")
                .connections(0),
            vec![(Cause::Routing, Warning)],
            1,
        ),
        (
            "no NAT",
            healthy().file("iptables-save", "").connections(0),
            vec![(Cause::InsufficientEvidence, Info)],
            3,
        ),
        (
            "nothing could be read",
            healthy()
                .without("iptables-save")
                .without("nft.json")
                .without("proc/net/nf_conntrack"),
            vec![(Cause::Blind, Warning)],
            3,
        ),
        (
            "a NAT of which the counters are missing",
            healthy().without("later/proc/net/stat/nf_conntrack"),
            vec![(Cause::Blind, Warning)],
            3,
        ),
    ]
}

#[test]
fn each_condition_is_named_and_nothing_else() {
    for (name, tree, want, exit) in cases() {
        let (_, verdict) = look(tree.0.path());
        let findings = verdict.findings.iter();
        let found: Vec<_> = findings
            .map(|finding| (finding.cause, finding.severity))
            .collect();
        assert_eq!(found, want, "{name}: {verdict:?}");
        assert_eq!(
            ExitStatus::of_findings(&verdict.findings).code(),
            exit,
            "{name}"
        );
    }
}

#[test]
fn report_reads_well() {
    let trees = [
        ("healthy", Tree::healthy()),
        (
            "race",
            Tree::healthy()
                .file("iptables-save", &plain_rules())
                .rises(&[("insert_failed", 4), ("drop", 4)]),
        ),
    ];
    for (name, tree) in trees {
        let (mut facts, verdict) = look(tree.0.path());
        facts.root = "facts".to_owned();
        let mut text = Vec::new();
        write_text(&facts, &verdict, &mut text, Paper::plain(100)).unwrap();
        insta::assert_snapshot!(format!("nat_{name}"), String::from_utf8(text).unwrap());
        let mut json = Vec::new();
        write_json_report(&facts, &verdict, &mut json).unwrap();
        let json = String::from_utf8(json).unwrap();
        schema::assert_report(&json);
        insta::assert_snapshot!(format!("nat_{name}_json"), json);
        let mut markdown = Vec::new();
        write_markdown(&facts, &verdict, &mut markdown).unwrap();
        insta::assert_snapshot!(
            format!("nat_{name}_markdown"),
            String::from_utf8(markdown).unwrap()
        );
    }
}

#[test]
fn script_collects_what_a_look_at_this_host_reads() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("collect.sh");
    fs::write(&script, COLLECT).unwrap();
    let facts = folder.path().join("facts");
    for expected in [Some(0), Some(2)] {
        let output = Command::new("sh")
            .arg(&script)
            .arg(&facts)
            .arg("0")
            .output()
            .unwrap();
        // The second time the folder is there, and nothing is overwritten.
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), expected, "{error}");
    }
    let (collected, _) = look(&facts);
    let (here, _) = look(Path::new("/"));
    assert_eq!(collected.kernel, here.kernel);
    let names = |facts: &Facts| facts.settings.keys().copied().collect::<Vec<_>>();
    assert_eq!(names(&collected), names(&here));
    assert_eq!(collected.rules, here.rules);
    assert_eq!(collected.links, here.links);
    let counters = |facts: &Facts| facts.sample().counters.keys().cloned().collect::<Vec<_>>();
    assert_eq!(counters(&collected), counters(&here));
}

#[test]
fn folder_that_is_no_root_and_interface_that_is_not_there_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(folder.path(), Duration::ZERO, &[])
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("there is no `proc` in"), "{error}");
    let error = read(
        Tree::healthy().0.path(),
        Duration::ZERO,
        &["eth9".to_owned()],
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "there is no interface `eth9`");
}
