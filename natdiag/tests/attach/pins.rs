//! What is pinned when natdiag has ended: `natdiag detach` removes it, and what cannot be gone on with is said.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt as _},
    process::{Command, Stdio},
};

use crate::{
    daemon::Daemon,
    hooks::{BY_TCX, tcx_programs, wait_for_tcx_programs},
    kept::{Kept, detach, text},
    network::{WATCHED, in_namespace, wait_until},
};

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
            wait_for_tcx_programs(WATCHED, 2);
            // Watching by hand leaves what is pinned.
            let watch = Command::new(env!("CARGO_BIN_EXE_natdiag"))
                .args(["watch", "-i", WATCHED, "-d", "1ms"])
                .output()
                .unwrap();
            assert!(text(&watch.stdout).contains("watched v0"));
            wait_for_tcx_programs(WATCHED, 2);
            let output = kept.detach();
            assert_eq!(
                text(&output.stdout),
                "v0: removed tcx ingress, tcx egress, 9 maps\n"
            );
            assert_eq!(output.status.code(), Some(0));
            wait_for_tcx_programs(WATCHED, 0);
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
fn detach_of_all_finds_what_is_pinned_in_a_folder_that_nobody_names() {
    in_namespace(
        "detach_of_all_finds_what_is_pinned_in_a_folder_that_nobody_names",
        || {
            let mut kept = Kept::start("");
            let everything = || {
                Command::new(env!("CARGO_BIN_EXE_natdiag"))
                    .args(["detach", "--all"])
                    .output()
                    .unwrap()
            };
            assert_eq!(everything().status.code(), Some(2), "it runs");
            assert_eq!(kept.daemon.end(), Some(0));
            wait_for_tcx_programs(WATCHED, 2);
            let output = everything();
            assert_eq!(
                text(&output.stdout),
                "v0: removed tcx ingress, tcx egress, 9 maps\n"
            );
            assert_eq!((output.status.code(), tcx_programs(WATCHED)), (Some(0), 0));
        },
    );
}

#[test]
fn detach_says_what_still_watches_and_that_it_may_not() {
    in_namespace("detach_says_what_still_watches_and_that_it_may_not", || {
        let mut watch = Command::new(env!("CARGO_BIN_EXE_natdiag"))
            .args(["watch", "-i", WATCHED, "--output", "json"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("natdiag to watch", || tcx_programs(WATCHED) == 2);
        let mut detach = Command::new(env!("CARGO_BIN_EXE_natdiag"));
        detach.args(["detach", "--all"]);
        let output = detach.output().unwrap();
        let said = text(&output.stderr);
        let holder = format!("natdiag (process {})", watch.id());
        assert!(
            said.contains("v0: tcx ingress") && said.contains(&holder),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(2));
        let output = detach.uid(65534).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("natdiag detach needs"), "{said}");
        watch.kill().unwrap();
        watch.wait().unwrap();
    });
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
                    let text = text.to_str().unwrap().replace("abi=2 ", "abi=999 ");
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
            wait_for_tcx_programs(WATCHED, BY_TCX);
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
            wait_until("natdiag to attach", || tcx_programs(WATCHED) == BY_TCX);
            assert!(daemon.logs("is on no BPF file system"), "{}", daemon.log());
            assert!(
                daemon.logs("`mount -t bpf -o mode=700 bpf "),
                "{}",
                daemon.log()
            );
            assert_eq!(daemon.end(), Some(0));
            wait_for_tcx_programs(WATCHED, 0);
        },
    );
}
