//! `natdiag watch` as a process: its end, its refusals, and what it leaves when it is killed.

use std::{
    io::Read,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use natdiag_common::testkit::{CLIENT, Payload as _, SERVER, tcp};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    hooks::{BY_TCX, filters, tcx_programs, wait_for_tcx_programs},
    network::{WATCHED, in_namespace, ip, run, send, wait_until},
};

const NATDIAG: &str = env!("CARGO_BIN_EXE_natdiag");

/// A natdiag that runs.
struct Natdiag(Child);

/// What a natdiag has printed, and how it ended.
struct Ended {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Natdiag {
    fn watch(arguments: &str) -> Self {
        let child = Command::new(NATDIAG)
            .arg("watch")
            .args(arguments.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().cast_signed()), signal).unwrap();
    }

    /// Waits for the end. White space is single blanks then: the report wraps its lines.
    fn end(mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let mut out = self.0.stdout.take().unwrap();
        let mut err = self.0.stderr.take().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| err.read_to_string(&mut stderr).unwrap());
            out.read_to_string(&mut stdout).unwrap();
        });
        let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Ended {
            status: self.0.wait().unwrap(),
            stdout: unwrapped(&stdout),
            stderr: unwrapped(&stderr),
        }
    }
}

impl Drop for Natdiag {
    fn drop(&mut self) {
        // It has ended already, or the test has failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn syn() -> Vec<u8> {
    tcp().syn().in_ipv4(SERVER, CLIENT).frame()
}

#[test]
fn an_unknown_interface_is_refused_and_the_known_ones_are_named() {
    let ended = Natdiag::watch("-i nosuch0").end();
    assert_eq!(ended.status.code(), Some(2));
    let expected = "there is no interface `nosuch0`; there are: lo";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn without_a_default_route_an_interface_must_be_named() {
    in_namespace("without_a_default_route_an_interface_must_be_named", || {
        let ended = Natdiag::watch("").end();
        assert_eq!(ended.status.code(), Some(2));
        let expected = "there is no default route; name an interface with `-i`: lo, v1, v0";
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        ip("address add 192.0.2.10/24 dev v0");
        ip("route add default via 192.0.2.1");
        let ended = Natdiag::watch("--duration 1ms").end();
        assert!(ended.stdout.contains("watched v0 (tcx"), "{}", ended.stdout);
    });
}

#[test]
fn a_process_without_capabilities_is_told_both_remedies() {
    in_namespace(
        "a_process_without_capabilities_is_told_both_remedies",
        || {
            let output = Command::new("setpriv")
                .args([
                    "--bounding-set=-all",
                    "--inh-caps=-all",
                    NATDIAG,
                    "watch",
                    "-i",
                    "lo",
                ])
                .output()
                .unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            for expected in [
                "this process has none of them",
                "run it with sudo",
                "setcap cap_bpf,cap_net_admin,cap_perfmon+ep",
                "natdiag replay FILE",
            ] {
                assert!(stderr.contains(expected), "{expected}: {stderr}");
            }
        },
    );
}

#[test]
fn the_three_capabilities_suffice_for_another_user() {
    in_namespace("the_three_capabilities_suffice_for_another_user", || {
        let capabilities = "-all,+bpf,+net_admin,+perfmon";
        let output = Command::new("setpriv")
            .args([
                "--reuid=65534",
                "--clear-groups",
                &format!("--inh-caps={capabilities}"),
                &format!("--ambient-caps={capabilities}"),
                &format!("--bounding-set={capabilities}"),
                NATDIAG,
                "watch",
                "-i",
                WATCHED,
                "--duration=1ms",
            ])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        if output.status.code() == Some(126) || stderr.contains("failed to execute") {
            println!(
                "SKIP the_three_capabilities_suffice_for_another_user: may not execute {NATDIAG}"
            );
            return;
        }
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(
            stdout.contains("watched v0 (tcx ingress, tcx egress)"),
            "{stdout}{stderr}"
        );
    });
}

#[test]
fn an_interrupt_ends_with_a_report_and_everything_detached() {
    in_namespace(
        "an_interrupt_ends_with_a_report_and_everything_detached",
        || {
            for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
                let natdiag = Natdiag::watch("-i v0 --hook clsact");
                wait_until("natdiag to attach", || filters(WATCHED) == 2);
                send(&vec![syn(); 100]);
                natdiag.signal(signal);
                let ended = natdiag.end();
                let expected = "natdiag watched v0 (clsact ingress, clsact egress)";
                assert!(ended.stdout.contains(expected), "{}", ended.stdout);
                assert!(
                    ended.stdout.contains("100 packets, 1 remote"),
                    "{}",
                    ended.stdout
                );
                assert_eq!(filters(WATCHED), 0);
            }
        },
    );
}

#[test]
fn a_reader_that_leaves_ends_the_watch_at_once_and_quietly() {
    in_namespace(
        "a_reader_that_leaves_ends_the_watch_at_once_and_quietly",
        || {
            // The first has told how it stands at the start, the second tells nothing before its end.
            for output in ["jsonl", "json"] {
                let arguments = format!("-i v0 --interval 1h --output {output}");
                let mut natdiag = Natdiag::watch(&arguments);
                wait_until("natdiag to attach", || tcx_programs(WATCHED) == BY_TCX);
                drop(natdiag.0.stdout.take());
                wait_until("natdiag to end", || natdiag.0.try_wait().unwrap().is_some());
                wait_for_tcx_programs(WATCHED, 0);
                let mut stderr = String::new();
                let mut err = natdiag.0.stderr.take().unwrap();
                err.read_to_string(&mut stderr).unwrap();
                assert_eq!(stderr, "", "{output}");
                let status = natdiag.0.wait().unwrap();
                assert_ne!(status.code(), Some(2), "{output}");
                assert!(status.code().is_some(), "{output}: {status}");
            }
        },
    );
}

#[test]
fn killed_in_the_middle_of_traffic_it_leaves_no_tcx_program() {
    in_namespace(
        "killed_in_the_middle_of_traffic_it_leaves_no_tcx_program",
        || {
            let natdiag = Natdiag::watch("-i v0");
            wait_until("natdiag to attach", || tcx_programs(WATCHED) == BY_TCX);
            let frames = vec![syn(); 2_000];
            send(&frames);
            natdiag.signal(Signal::SIGKILL);
            send(&frames);
            wait_until("the kernel to detach", || tcx_programs(WATCHED) == 0);
            let ended = Natdiag::watch("-i v0 --duration 1ms").end();
            assert!(ended.stdout.contains("watched v0 (tcx"), "{}", ended.stdout);
        },
    );
}

#[test]
fn what_a_killed_natdiag_leaves_on_clsact_is_removed_at_the_next_start() {
    in_namespace(
        "what_a_killed_natdiag_leaves_on_clsact_is_removed_at_the_next_start",
        || {
            let alive = Natdiag::watch("-i v0 --hook clsact");
            wait_until("natdiag to attach", || filters(WATCHED) == 2);
            let killed = Natdiag::watch("-i v0 --hook clsact");
            wait_until("the second natdiag to attach", || filters(WATCHED) == 4);
            killed.signal(Signal::SIGKILL);
            assert_eq!(killed.end().status.code(), None);
            // They stay and let every packet pass.
            send(&vec![syn(); 100]);
            assert_eq!(filters(WATCHED), 4);
            let ended = Natdiag::watch("-i v0 --duration 1ms").end();
            let expected = "removed 2 clsact filters that a natdiag had left behind";
            assert!(ended.stdout.contains(expected), "{}", ended.stdout);
            assert_eq!(filters(WATCHED), 2);
            alive.signal(Signal::SIGTERM);
            assert!(alive.end().stdout.contains("100 packets"));
            assert_eq!(filters(WATCHED), 0);
        },
    );
}

#[test]
fn a_vanished_interface_keeps_its_counts_and_the_run_ends_with_the_last_one() {
    in_namespace(
        "a_vanished_interface_keeps_its_counts_and_the_run_ends_with_the_last_one",
        || {
            ip("link add w0 type veth peer name w1");
            let natdiag = Natdiag::watch("-i v0 -i w0 --output text");
            wait_until("natdiag to attach", || {
                tcx_programs(WATCHED) + tcx_programs("w0") == 2 * BY_TCX
            });
            send(&vec![syn(); 100]);
            ip("link del v0");
            // The other one goes on.
            wait_for_tcx_programs("w0", BY_TCX);
            ip("link del w0");
            let ended = natdiag.end();
            for expected in [
                "`v0` has vanished",
                "`w0` has vanished",
                "100 packets, 1 remote",
            ] {
                assert!(
                    ended.stdout.contains(expected),
                    "{expected}: {}",
                    ended.stdout
                );
            }
        },
    );
}

#[test]
fn an_unreadable_link_layer_is_refused() {
    in_namespace("an_unreadable_link_layer_is_refused", || {
        let created = Command::new("ip")
            .args(["link", "add", "s0", "type", "sit", "remote", "192.0.2.1"])
            .output()
            .unwrap();
        if !created.status.success() {
            println!("SKIP an_unreadable_link_layer_is_refused: this kernel has no SIT tunnels");
            return;
        }
        let ended = Natdiag::watch("-i s0").end();
        assert_eq!(ended.status.code(), Some(2));
        assert!(ended.stderr.contains("device type 776"), "{}", ended.stderr);
    });
}

#[test]
fn raw_ip_devices_are_read_from_the_ip_header() {
    in_namespace("raw_ip_devices_are_read_from_the_ip_header", || {
        run("ip", "tuntap add mode tun name t0");
        let ended = Natdiag::watch("-i t0 --duration 1ms").end();
        assert!(ended.stdout.contains("watched t0 (tcx"), "{}", ended.stdout);
    });
}
