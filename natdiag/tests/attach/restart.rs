//! Nothing is lost when natdiag is replaced: what it counts over restarts under load is what nftables counts in the
//! same place, to the packet.

use std::{
    net::Ipv4Addr,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use natdiag_common::testkit::{CLIENT, Payload as _, tcp};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    hooks::{filters, wait_for_tcx_programs},
    kept::{Kept, bpf_file_system, text},
    network::{WATCHED, in_namespace, ip, run, send, wait_until},
    small_disk::SmallDisk,
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
    let of_hosts = appeared.iter().filter(|event| !event["address"].is_null());
    assert_eq!(of_hosts.count(), usize::from(REMOTES));
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
            wait_for_tcx_programs(WATCHED, 0);
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
        let disk = SmallDisk::new("4m");
        let state = disk.path().join("state");
        let mut kept = Kept::start_with_state(state.to_str().unwrap(), "", pins);
        count_by_nftables();
        send(&frames(1));
        wait_until("the state to be saved", || state.join("state").exists());
        disk.fill();
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
        disk.make_room();
        wait_until("room to be noticed", || {
            kept.daemon.logs("the state can be saved again")
        });
        assert_eq!(kept.daemon.end(), Some(0));
        let report = &kept.daemon.events_of("interface-kept")[0]["report"];
        let known: u64 = counted_by_natdiag(report).iter().sum();
        let counted: u64 = counted_by_nftables().iter().sum();
        assert_eq!(known + missed(report, "remotes"), counted);
    });
}
