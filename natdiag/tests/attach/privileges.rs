//! What `natdiag daemon` keeps of its privileges once it is attached.

use std::fs;

use crate::{
    daemon::{Daemon, fragments},
    hooks::{BY_TCX, tcx_programs, wait_for_tcx_programs},
    network::{in_namespace, ip, send, wait_until},
};

/// A field of the process's status, such as `CapEff`.
pub(crate) fn status(daemon: &Daemon, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value
        .unwrap()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// `CAP_NET_ADMIN`, `CAP_PERFMON` and `CAP_BPF` (include/uapi/linux/capability.h).
pub(crate) const ATTACHING: u64 = 1 << 12 | 1 << 38 | 1 << 39;

#[test]
fn what_is_not_needed_any_more_is_given_up() {
    in_namespace("what_is_not_needed_any_more_is_given_up", || {
        let rest = "user = 'nobody'\nfindings = 'FOLDER/findings'\nfindings-size = '4KiB'\ninterval = '100ms'";
        let mut daemon = Daemon::start(&format!("interface = ['v0', 'w0']\n{rest}"));
        wait_until("natdiag to give up", || {
            daemon.logs("runs as the user nobody")
        });
        assert_eq!(status(&daemon, "Uid"), "65534 65534 65534 65534");
        assert_eq!(status(&daemon, "NoNewPrivs"), "1");
        // A filter of system calls.
        assert_eq!(status(&daemon, "Seccomp"), "2");
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            assert_eq!(status(&daemon, set), format!("{ATTACHING:016x}"), "{set}");
        }
        // It still attaches, and still begins new files.
        ip("link add w0 type veth peer name w1");
        wait_until("natdiag to attach to w0", || tcx_programs("w0") == BY_TCX);
        send(&fragments());
        wait_until("a finding", || {
            !daemon.events_of("finding-appeared").is_empty()
        });
        ip("link del w0");
        wait_until("natdiag to let w0 go", || {
            !daemon.events_of("interface-released").is_empty()
        });
        assert_eq!(daemon.end(), Some(0));
        assert_eq!(daemon.events().last().unwrap()["event"], "stopped");
        assert!(
            fs::read_dir(daemon.folder().join("findings"))
                .unwrap()
                .count()
                > 1
        );

        let mut daemon = Daemon::start(&format!("interface = ['v0']\nno-hotplug = true\n{rest}"));
        wait_until("natdiag to give up", || {
            daemon.logs("no capability is left")
        });
        assert_eq!(status(&daemon, "CapPrm"), format!("{:016x}", 0));
        send(&fragments());
        wait_until("a finding", || {
            !daemon.events_of("finding-appeared").is_empty()
        });
        assert_eq!(daemon.end(), Some(0));
        wait_for_tcx_programs("v0", 0);
    });
}

#[test]
fn privileges_are_kept_where_that_is_asked_for() {
    in_namespace("privileges_are_kept_where_that_is_asked_for", || {
        let mut daemon = Daemon::start("interface = ['v0']\nkeep-privileges = true");
        wait_until("natdiag to attach", || tcx_programs("v0") == BY_TCX);
        assert_eq!(status(&daemon, "NoNewPrivs"), "0");
        assert_eq!(status(&daemon, "Seccomp"), "0");
        assert_eq!(daemon.end(), Some(0));
    });
}
