//! The evidence that `natdiag daemon` keeps: each file gives the finding that it was kept for, and named hosts are kept
//! whole.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use natdiag_common::testkit::SERVER;
use serde_json::Value;

use crate::{
    daemon::{Daemon, fragments},
    form,
    hooks::{BY_TCX, tcx_programs},
    network::{in_namespace, send, wait_until},
    privileges::{ATTACHING, status},
};

#[test]
fn replay_of_the_evidence_gives_the_finding() {
    in_namespace("replay_of_the_evidence_gives_the_finding", || {
        let mut daemon = Daemon::start(
            "interface = ['v0']\ninterval = '100ms'\nfindings = 'FOLDER/findings'\n\
             evidence = 'FOLDER/evidence'\nevidence-packets = 60",
        );
        wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
        send(&fragments());
        wait_until("a finding", || {
            !daemon.events_of("finding-appeared").is_empty()
        });
        assert_eq!(daemon.end(), Some(0));
        let folder = fs::read_dir(daemon.folder().join("evidence")).unwrap();
        let [file] = folder
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        let report = replay(&file);
        let [remote] = report["remotes"].as_array().unwrap().as_slice() else {
            panic!("{report}")
        };
        assert_eq!(remote["address"], SERVER.to_string());
        assert_eq!(remote["findings"][0]["cause"], "udp-fragmentation");
        // No more than is kept of one finding.
        assert_eq!(remote["counters"]["fragments_udp"], 60);
        assert_eq!(remote["counters"]["largest_first_fragment_octets"], 1500);
    });
}

#[test]
fn each_file_of_evidence_gives_the_finding_by_itself() {
    in_namespace("each_file_of_evidence_gives_the_finding_by_itself", || {
        let mut daemon = Daemon::start(
            "interface = ['v0']\ninterval = '100ms'\nfindings = 'FOLDER/findings'\n\
             evidence = 'FOLDER/evidence'\nevidence-size = '4KiB'\nevidence-total = '1MiB'",
        );
        wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
        send(&fragments());
        wait_until("evidence", || {
            let files = evidence(&daemon, "evidence");
            fs::metadata(&files[0]).unwrap().len() > 4096
        });
        // One fragment a file, had it not those of the file before.
        for _ in 0..3 {
            let files = evidence(&daemon, "evidence").len();
            send(&fragments()[..1]);
            wait_until("a new file", || evidence(&daemon, "evidence").len() > files);
        }
        assert_eq!(daemon.end(), Some(0));
        let files = evidence(&daemon, "evidence");
        assert!(files.len() >= 4, "{files:?}");
        for file in files {
            let report = replay(&file);
            let finding = &report["remotes"][0]["findings"][0];
            assert_eq!(finding["cause"], "udp-fragmentation", "{}", file.display());
        }
    });
}

#[test]
fn packets_of_named_hosts_are_kept_whole_and_without_privileges() {
    in_namespace(
        "packets_of_named_hosts_are_kept_whole_and_without_privileges",
        || {
            let mut daemon = Daemon::start(&format!(
                "interface = ['v0']\ninterval = '100ms'\nfindings = 'FOLDER/findings'\nuser = 'nobody'\n\
                 evidence = 'FOLDER/evidence'\nfull = ['{SERVER}', '2001:db8::1']"
            ));
            wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
            wait_until("natdiag to give up", || {
                daemon.logs("runs as the user nobody")
            });
            assert_eq!(status(&daemon, "CapPrm"), format!("{ATTACHING:016x}"));
            let frames = fragments();
            send(&frames);
            wait_until("whole packets", || {
                evidence(&daemon, "full")
                    .iter()
                    .any(|file| fs::metadata(file).unwrap().len() > 0)
            });
            assert_eq!(daemon.end(), Some(0));
            let files = evidence(&daemon, "full");
            let [file] = files.as_slice() else {
                panic!("{files:?}")
            };
            // Without their Ethernet headers, of 14 octets each.
            let octets: usize = frames.iter().map(|frame| frame.len() - 14).sum();
            let report = replay(file);
            assert_eq!(report["totals"][0]["packets"], frames.len());
            let remote = &report["remotes"][0];
            assert_eq!(remote["address"], SERVER.to_string());
            assert_eq!(remote["findings"][0]["cause"], "udp-fragmentation");
            assert!(fs::metadata(file).unwrap().len() > octets as u64);
        },
    );
}

/// Files of evidence, the oldest first: finished ones, and the last.
fn evidence(daemon: &Daemon, stem: &str) -> Vec<PathBuf> {
    let folder = fs::read_dir(daemon.folder().join("evidence")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        name.starts_with(stem)
    });
    files.sort();
    files
}

pub(crate) fn replay(file: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_natdiag"))
        .args(["replay", "--output", "json"])
        .arg(file)
        .output()
        .unwrap();
    form::read(&output.stdout)
}
