//! Nothing is lost when natdiag is replaced: what it counts over restarts under load is what nftables counts in the same
//! place, to the packet.

use std::{
    fs,
    io::Write as _,
    net::Ipv4Addr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use natdiag_common::testkit::{CLIENT, Payload as _, tcp};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::signal::Signal,
};
use serde_json::Value;

use crate::{
    daemon::Daemon,
    hooks::{filters, tcx_programs},
    network::{WATCHED, in_namespace, ip, run, send, wait_until},
};

/// Remote hosts that send; each gets a finding, so that the report names it.
const REMOTES: u8 = 200;
/// What is counted, as nftables sees it and as the report calls it.
const KINDS: [(&str, &str, &[&str]); 3] = [
    ("fragments", "ip frag-off & 0x3fff != 0", &["fragments_tcp"]),
    (
        "resets",
        "ip frag-off & 0x3fff == 0 tcp flags & rst == rst",
        &["rst_answering_syn", "rst_established"],
    ),
    (
        "syn_acks",
        "ip frag-off & 0x3fff == 0 tcp flags & (syn | ack) == (syn | ack)",
        &["syn_ack_received"],
    ),
];

/// A daemon whose state and pins are in its own folder, where a BPF file system is mounted for this test alone.
struct Kept {
    daemon: Daemon,
    pins: tempfile::TempDir,
}

impl Kept {
    fn start(more: &str) -> Self {
        Self::start_with_state("FOLDER/state", more, bpf_file_system())
    }

    fn start_with_state(state: &str, more: &str, pins: tempfile::TempDir) -> Self {
        let folder = pins.path().display();
        let config = format!(
            "interface = ['v0']\ninterval = '100ms'\nfindings = 'FOLDER/findings'\nstate = '{state}'\n\
             state-interval = '200ms'\npin = '{folder}/natdiag'\n{more}"
        );
        let kept = Self {
            daemon: Daemon::start(&config),
            pins,
        };
        kept.wait_for_attached(1);
        kept
    }

    /// Waits until so many runs have attached or taken over.
    fn wait_for_attached(&self, runs: usize) {
        wait_until("natdiag to watch", || {
            self.daemon.events_of("interface-attached").len() == runs
        });
    }

    /// Whether the newest run has gone on with what an earlier one knew.
    fn goes_on(&self) -> bool {
        let attached = self.daemon.events_of("interface-attached");
        attached.last().unwrap()["goes_on"].as_bool().unwrap()
    }

    /// The folder of pins of the interface.
    fn pinned(&self) -> PathBuf {
        self.pins.path().join("natdiag/v0")
    }

    /// `natdiag detach` of the interface.
    fn detach(&self) -> Output {
        detach(&["-i", WATCHED], self.pins.path())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(self.pins.path(), nix::mount::MntFlags::MNT_DETACH);
    }
}

fn detach(what: &[&str], pins: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_natdiag"))
        .arg("detach")
        .args(what)
        .arg("--pin")
        .arg(pins.join("natdiag"))
        .output()
        .unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// A folder with a BPF file system, for this thread and what it starts.
fn bpf_file_system() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
    let nothing = MsFlags::empty();
    mount(
        Some("bpf"),
        folder.path(),
        Some("bpf"),
        nothing,
        Some("mode=755"),
    )
    .unwrap();
    folder
}

/// What each remote host sends once.
fn frames(identification: u16) -> Vec<Vec<u8>> {
    let remotes = (1..=REMOTES).map(|last| Ipv4Addr::new(198, 51, 100, last));
    remotes
        .flat_map(|remote| {
            let segment = tcp()
                .data_len(1376)
                .in_ipv4(remote, CLIENT)
                .identification(identification);
            [
                segment.clone().first_fragment().frame(),
                segment.later_fragment(1376).payload_cut_to(20).frame(),
                tcp().rst().seq(7).in_ipv4(remote, CLIENT).frame(),
                tcp().syn().ack(1).in_ipv4(remote, CLIENT).frame(),
            ]
        })
        .collect()
}

/// Has nftables count in the ingress chain of the watched interface, which comes after natdiag.
fn count_by_nftables() {
    let rules: Vec<_> = KINDS
        .iter()
        .map(|(name, matches, _)| format!("{matches} counter name {name};"))
        .collect();
    let counters: Vec<_> = KINDS
        .iter()
        .map(|(name, ..)| format!("counter {name} {{ }};"))
        .collect();
    let table = format!(
        "table netdev natdiag_test {{ {} chain ingress {{ type filter hook ingress device {WATCHED} priority 0; {} }}; }}",
        counters.join(" "),
        rules.join(" ")
    );
    let output = Command::new("nft").arg(table).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// What nftables has counted of each kind.
fn counted_by_nftables() -> [u64; KINDS.len()] {
    let listed = run("nft", "-j list counters table netdev natdiag_test");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    KINDS.map(|(name, ..)| {
        let mut all = listed["nftables"].as_array().unwrap().iter();
        let counter = all.find(|entry| entry["counter"]["name"] == name);
        counter.unwrap()["counter"]["packets"].as_u64().unwrap()
    })
}

/// What a report says of each kind, over all remote hosts.
fn counted_by_natdiag(report: &Value) -> [u64; KINDS.len()] {
    let remotes = report["remotes"].as_array().unwrap();
    KINDS.map(|(_, _, names)| {
        let of_remote = |remote: &Value| -> u64 {
            let counters = &remote["counters"];
            names
                .iter()
                .map(|name| counters[name].as_u64().unwrap())
                .sum()
        };
        remotes.iter().map(of_remote).sum()
    })
}

fn missed(report: &Value, what: &str) -> u64 {
    report["totals"][0]["missed"][what].as_u64().unwrap()
}

/// Sends all the while that something is done.
fn under_load(act: impl FnOnce()) {
    let goes_on = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            for identification in (0..=u16::MAX).cycle() {
                if !goes_on.load(Ordering::Relaxed) {
                    break;
                }
                send(&frames(identification));
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        act();
        goes_on.store(false, Ordering::Relaxed);
    });
}

/// Waits until something was sent, by the counters of nftables.
fn some_traffic() {
    let before: u64 = counted_by_nftables().iter().sum();
    wait_until("some traffic", || {
        counted_by_nftables().iter().sum::<u64>() > before + 20_000
    });
}

fn exact_over_replacements(more: &str) {
    let mut kept = Kept::start(more);
    count_by_nftables();
    under_load(|| {
        for run in 2..5 {
            some_traffic();
            assert_eq!(kept.daemon.end(), Some(0), "{}", kept.daemon.log());
            some_traffic();
            kept.daemon.start_again();
            kept.wait_for_attached(run);
            assert!(kept.goes_on(), "{}", kept.daemon.log());
        }
        some_traffic();
    });
    assert_eq!(kept.daemon.end(), Some(0));
    let events = kept.daemon.events_of("interface-kept");
    let report = &events.last().unwrap()["report"];
    assert_eq!(counted_by_natdiag(report), counted_by_nftables());
    assert_eq!(missed(report, "remotes"), 0);
    assert!(!kept.daemon.logs("miscounted"), "{}", kept.daemon.log());
    // A finding that lasts does not appear again.
    let appeared = kept.daemon.events_of("finding-appeared");
    assert_eq!(appeared.len(), usize::from(REMOTES));
    // Earlier reports are parts of the last.
    let first = counted_by_natdiag(&events[0]["report"]);
    assert!(first.iter().all(|count| *count > 0));
    let output = kept.detach();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn over_replacements_under_load_every_packet_is_counted_once() {
    in_namespace(
        "over_replacements_under_load_every_packet_is_counted_once",
        || {
            exact_over_replacements("");
            assert_eq!(tcx_programs(WATCHED), 0);
        },
    );
}

#[test]
fn over_replacements_on_clsact_every_packet_is_counted_once() {
    in_namespace(
        "over_replacements_on_clsact_every_packet_is_counted_once",
        || {
            exact_over_replacements("hook = 'clsact'");
            assert_eq!(filters(WATCHED), 0);
            let qdiscs = run("tc", &format!("qdisc show dev {WATCHED}"));
            assert!(!qdiscs.contains("clsact"), "{qdiscs}");
        },
    );
}

#[test]
fn over_replacements_on_xdp_every_packet_is_counted_once() {
    in_namespace(
        "over_replacements_on_xdp_every_packet_is_counted_once",
        || exact_over_replacements("hook = 'xdp'"),
    );
}

#[test]
fn what_a_killed_natdiag_had_taken_and_not_saved_is_missed_to_the_packet() {
    in_namespace(
        "what_a_killed_natdiag_had_taken_and_not_saved_is_missed_to_the_packet",
        || {
            let mut kept = Kept::start("");
            count_by_nftables();
            under_load(|| {
                for run in 2..5 {
                    some_traffic();
                    kept.daemon.signal(Signal::SIGKILL);
                    kept.daemon.wait();
                    some_traffic();
                    kept.daemon.start_again();
                    kept.wait_for_attached(run);
                    assert!(kept.goes_on(), "{}", kept.daemon.log());
                }
                some_traffic();
            });
            // All that was sent has arrived; the interface goes, and with it the last doubt.
            let counted = counted_by_nftables();
            ip("link set v0 name v9");
            wait_until("natdiag to let go", || {
                !kept.daemon.events_of("interface-released").is_empty()
            });
            let released = &kept.daemon.events_of("interface-released")[0];
            let report = &released["report"];
            let known: u64 = counted_by_natdiag(report).iter().sum();
            let lost = missed(report, "remotes");
            assert_eq!(known + lost, counted.iter().sum::<u64>());
            assert!(lost > 0, "something is taken within 200 ms");
            assert!(!kept.daemon.logs("miscounted"), "{}", kept.daemon.log());
            assert_eq!(kept.daemon.end(), Some(0));
        },
    );
}

#[test]
fn a_full_disk_makes_what_is_saved_older_and_no_more() {
    in_namespace("a_full_disk_makes_what_is_saved_older_and_no_more", || {
        let pins = bpf_file_system();
        let disk = tempfile::tempdir().unwrap();
        let nothing = MsFlags::empty();
        mount(
            Some("tmpfs"),
            disk.path(),
            Some("tmpfs"),
            nothing,
            Some("size=4m"),
        )
        .unwrap();
        let state = disk.path().join("state");
        let mut kept = Kept::start_with_state(state.to_str().unwrap(), "", pins);
        count_by_nftables();
        send(&frames(1));
        wait_until("the state to be saved", || state.join("state").exists());
        let filler = disk.path().join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        drop(file);
        send(&frames(2));
        wait_until("natdiag to notice", || {
            kept.daemon.logs("cannot save what is known")
        });
        kept.daemon.signal(Signal::SIGKILL);
        kept.daemon.wait();
        kept.daemon.start_again();
        kept.wait_for_attached(2);
        assert!(kept.goes_on(), "{}", kept.daemon.log());
        wait_until("natdiag to notice again", || {
            kept.daemon
                .log()
                .matches("cannot save what is known")
                .count()
                == 2
        });
        fs::remove_file(filler).unwrap();
        wait_until("room to be noticed", || {
            kept.daemon.logs("the state can be saved again")
        });
        assert_eq!(kept.daemon.end(), Some(0));
        let report = &kept.daemon.events_of("interface-kept")[0]["report"];
        let known: u64 = counted_by_natdiag(report).iter().sum();
        let counted: u64 = counted_by_nftables().iter().sum();
        assert_eq!(known + missed(report, "remotes"), counted);
        nix::mount::umount2(disk.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
    });
}

#[test]
fn detach_removes_what_is_pinned_and_refuses_while_a_natdiag_runs() {
    in_namespace(
        "detach_removes_what_is_pinned_and_refuses_while_a_natdiag_runs",
        || {
            let mut kept = Kept::start("");
            let output = kept.detach();
            assert_eq!(output.status.code(), Some(2));
            let holder = format!("a natdiag that runs (process {})", kept.daemon.id());
            assert!(
                text(&output.stderr).contains(&holder),
                "{}",
                text(&output.stderr)
            );
            assert_eq!(kept.daemon.end(), Some(0));
            assert_eq!(tcx_programs(WATCHED), 2);
            // Watching by hand leaves what is pinned.
            let watch = Command::new(env!("CARGO_BIN_EXE_natdiag"))
                .args(["watch", "-i", WATCHED, "-d", "1ms"])
                .output()
                .unwrap();
            assert!(text(&watch.stdout).contains("watched v0"));
            assert_eq!(tcx_programs(WATCHED), 2);
            let output = kept.detach();
            assert_eq!(
                text(&output.stdout),
                "v0: removed tcx ingress, tcx egress, 4 maps\n"
            );
            assert_eq!(output.status.code(), Some(0));
            assert_eq!(tcx_programs(WATCHED), 0);
            assert!(!kept.pinned().exists());
            let output = detach(&["--all"], kept.pins.path());
            assert_eq!(text(&output.stdout), "nothing of natdiag was left\n");
            let output = detach(&["-i", "nosuch0"], kept.pins.path());
            assert_eq!(output.status.code(), Some(2));
            assert!(text(&output.stderr).contains("there is no interface `nosuch0`"));
            // What was detached is not gone on with.
            kept.daemon.start_again();
            kept.wait_for_attached(2);
            assert!(!kept.goes_on());
            assert_eq!(kept.daemon.end(), Some(0));
        },
    );
}

#[test]
fn what_cannot_be_gone_on_with_is_said_and_removed() {
    in_namespace("what_cannot_be_gone_on_with_is_said_and_removed", || {
        let mut kept = Kept::start("");
        for (run, spoil, why) in [
            (
                2,
                (|kept| {
                    let mark = kept.pinned().join("mark");
                    let text = fs::read_link(&mark).unwrap();
                    let text = text.to_str().unwrap().replace("abi=1 ", "abi=999 ");
                    fs::remove_file(&mark).unwrap();
                    symlink(text, &mark).unwrap();
                }) as fn(&Kept),
                "it is of another kind: abi=999",
            ),
            (
                3,
                |kept| {
                    let file = kept.daemon.folder().join("state/state");
                    let mut octets = fs::read(&file).unwrap();
                    *octets.last_mut().unwrap() ^= 1;
                    fs::write(&file, octets).unwrap();
                },
                "is damaged: its checksum is wrong",
            ),
            (
                4,
                |kept| {
                    let file = kept.daemon.folder().join("state/state");
                    let mut octets = fs::read(&file).unwrap();
                    octets[16] = 99;
                    fs::write(&file, octets).unwrap();
                },
                "is of version 99, and this natdiag reads version",
            ),
            (
                5,
                |kept| fs::remove_file(kept.pinned().join("ingress-tcx")).unwrap(),
                "a hook is missing",
            ),
        ] {
            assert_eq!(kept.daemon.end(), Some(0));
            spoil(&kept);
            kept.daemon.start_again();
            kept.wait_for_attached(run);
            assert!(kept.daemon.logs(why), "{why}: {}", kept.daemon.log());
            assert!(!kept.goes_on(), "{why}");
            assert_eq!(tcx_programs(WATCHED), 2, "{why}");
        }
        assert_eq!(kept.daemon.end(), Some(0));
    });
}

#[test]
fn without_a_bpf_file_system_it_is_said_what_to_do_and_nothing_stays() {
    in_namespace(
        "without_a_bpf_file_system_it_is_said_what_to_do_and_nothing_stays",
        || {
            let mut daemon = Daemon::start(
                "interface = ['v0']\nfindings = 'FOLDER/findings'\nstate = 'FOLDER/state'\npin = 'FOLDER/pins'",
            );
            wait_until("natdiag to attach", || tcx_programs(WATCHED) == 2);
            assert!(daemon.logs("is on no BPF file system"), "{}", daemon.log());
            assert!(daemon.logs("`mount -t bpf bpf "), "{}", daemon.log());
            assert_eq!(daemon.end(), Some(0));
            assert_eq!(tcx_programs(WATCHED), 0);
        },
    );
}
