//! The files of `natdiag daemon` over time: one ends at its age, and a disk that is full ends nothing.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    daemon::{Daemon, fragments, fragments_from},
    evidence::replay,
    form,
    hooks::{BY_TCX, tcx_programs},
    network::{in_namespace, ip, send, wait_until},
    prometheus::page,
    small_disk::SmallDisk,
};

#[test]
fn files_end_at_their_age_while_the_daemon_runs() {
    in_namespace("files_end_at_their_age_while_the_daemon_runs", || {
        let mut daemon = Daemon::start(
            "interface = ['v0']\ninterval = '50ms'\nfindings = 'FOLDER/findings'\nfindings-age = '300ms'\n\
             evidence = 'FOLDER/evidence'\nevidence-age = '300ms'",
        );
        let [findings, evidence] = ["findings", "evidence"].map(|it| daemon.folder().join(it));
        wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
        // Nothing more is written to the first: it ends all the same.
        wait_until("the first file to end", || finished(&findings).len() == 1);
        let first = fs::read_to_string(&finished(&findings)[0]).unwrap();
        assert!(first.contains(r#""event":"interface-attached""#), "{first}");
        send(&fragments());
        wait_until("the second file to end", || finished(&findings).len() == 2);
        wait_until("a file of evidence to end", || {
            finished(&evidence).len() == 1
        });
        let second = fs::read_to_string(&finished(&findings)[1]).unwrap();
        assert!(second.contains(r#""event":"finding-appeared""#), "{second}");
        assert_eq!(daemon.end(), Some(0));
        // The third holds what happened at the end. Without events and packets no file ends, however old.
        assert_eq!(
            (finished(&findings).len(), finished(&evidence).len()),
            (3, 1)
        );
        let events = daemon.events();
        assert_eq!(events.first().unwrap()["event"], "started");
        assert_eq!(events.last().unwrap()["event"], "stopped");
        let report = replay(&finished(&evidence)[0]);
        let finding = &report["remotes"][0]["findings"][0];
        assert_eq!(finding["cause"], "udp-fragmentation");
    });
}

#[test]
fn a_full_disk_loses_events_and_nothing_else() {
    in_namespace("a_full_disk_loses_events_and_nothing_else", || {
        ip("link set lo up");
        let disk = SmallDisk::new("512k");
        let folder = disk.path().display();
        let mut daemon = Daemon::start(&format!(
            "interface = ['v0']\ninterval = '50ms'\nfindings = '{folder}/findings'\n\
             evidence = '{folder}/evidence'\nmetrics = '127.0.0.1:9435'"
        ));
        wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
        disk.fill();
        // The first events may find room in a page that is begun.
        send(&fragments_of(1..=20));
        wait_until("events to be lost", || events_lost() > 0);
        let lost_before = events_lost();
        send(&fragments_of(21..=40));
        wait_until("more of them", || events_lost() >= lost_before + 20);
        // What is short may still find room; but nothing is said twice in a row.
        let is_failing = |kind: &str| {
            let (log, folder) = (daemon.log(), format!("folder={folder}/{kind}"));
            let count = |text| {
                let lines = log.lines().filter(|line| line.contains(text));
                lines.filter(|line| line.contains(&folder)).count()
            };
            let recovered = count("can write again");
            let failed = count("cannot write");
            assert!(failed == recovered || failed == recovered + 1, "{log}");
            failed > recovered
        };
        for kind in ["findings", "evidence"] {
            wait_until("natdiag to say so", || is_failing(kind));
        }
        disk.make_room();
        send(&fragments_of(41..=41));
        for kind in ["findings", "evidence"] {
            wait_until("natdiag to write again", || !is_failing(kind));
        }
        let lost = events_lost();
        assert_eq!(daemon.end(), Some(0));
        let events = events(&finished(&disk.path().join("findings")));
        let told = events.iter().filter(|event| event["event"] == "lost");
        let told: u64 = told.map(|event| event["events"].as_u64().unwrap()).sum();
        assert_eq!(told, lost);
        let released = &events[events.len() - 2]["report"];
        assert_eq!(released["remotes"].as_array().unwrap().len(), 41);
        for file in finished(&disk.path().join("evidence")) {
            let report = replay(&file);
            assert!(
                !report["remotes"].as_array().unwrap().is_empty(),
                "{report}"
            );
        }
    });
}

/// What so many hosts send, each of whom gets a finding.
fn fragments_of(hosts: std::ops::RangeInclusive<u8>) -> Vec<Vec<u8>> {
    let remotes = hosts.map(|last| Ipv4Addr::new(198, 51, 100, last));
    remotes.flat_map(fragments_from).collect()
}

/// What natdiag says of its events to Prometheus.
fn events_lost() -> u64 {
    let metrics = page("/metrics", "");
    let mut values = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("natdiag_events_lost_total "));
    values.next().map_or(0, |value| value.parse().unwrap())
}

/// The files that are written to no longer, the oldest first.
fn finished(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_str().unwrap().contains('-'));
    files.sort();
    files
}

fn events(files: &[PathBuf]) -> Vec<Value> {
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let events = |text: String| -> Vec<Value> {
        let lines = text.lines().map(|line| form::read(line.as_bytes()));
        lines.collect()
    };
    texts.flat_map(events).collect()
}
