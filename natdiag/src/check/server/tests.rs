//! Hosts of several ages, written as their kernels show them, and what natdiag says about each.

mod tree;

use std::{fs, path::Path, process::Command, time::Duration};

use self::tree::Tree;
use super::{
    Facts, Namespace, Setting,
    counters::Counter,
    read::read,
    script::COLLECT,
    verdict::{TwRecycle, Verdict, judge},
};
use crate::{
    analysis::diagnosis::{Cause, Severity},
    report::{
        exit_code::ExitStatus,
        host::server::{write_json_report, write_text},
        schema,
        text::paper::Paper,
    },
};

/// What a host must be found to be.
struct Case {
    name: &'static str,
    tree: Tree,
    tw_recycle: TwRecycle,
    namespace: Namespace,
    findings: &'static [(Cause, Severity)],
    exit: u8,
}

#[test]
fn hosts_of_every_age_are_judged() {
    let cases = plain_hosts().into_iter().chain(hosts_that_hide());
    for case in cases {
        let (facts, verdict) = look(case.tree.path());
        assert_eq!(verdict.tw_recycle, case.tw_recycle, "{}", case.name);
        assert_eq!(facts.namespace, case.namespace, "{}", case.name);
        let found: Vec<_> = verdict
            .findings
            .iter()
            .map(|finding| (finding.cause, finding.severity))
            .collect();
        assert_eq!(found, case.findings, "{}", case.name);
        let exit = ExitStatus::of_findings(&verdict.findings).code();
        assert_eq!(exit, case.exit, "{}", case.name);
    }
}

#[test]
fn columns_that_an_old_kernel_lacks_are_unknown_and_not_zero() {
    let tree = Tree::linux_2_6_32().tw_recycle(0);
    let (facts, _) = look(tree.path());
    assert_eq!(facts.total(Counter::ReqQueueFullDrop), None);
    assert_eq!(facts.total(Counter::PawsPassive), Some(0));
    let tree = Tree::linux_6_1();
    let (facts, _) = look(tree.path());
    assert_eq!(facts.total(Counter::PawsPassive), None);
    assert_eq!(facts.total(Counter::ReqQueueFullDrop), Some(0));
}

#[test]
fn what_paws_explains_is_not_taken_for_a_full_backlog() {
    let tree = Tree::linux_4_4()
        .tw_recycle(1)
        .rises(&[("PAWSPassive", 12), ("ListenDrops", 12)]);
    let (_, verdict) = look(tree.path());
    let excluded = &verdict.findings[0].excluded;
    assert_eq!(excluded[0].cause, Cause::BacklogOverflow);
    assert_eq!(
        excluded[0].why,
        "ListenOverflows rose by 0; the 12 by which ListenDrops rose are the same SYNs"
    );
}

#[test]
fn remedy_names_the_line_that_would_turn_it_on_again() {
    let tree = Tree::linux_3_10()
        .tw_recycle(1)
        .file("etc/sysctl.conf", "# tuning\nnet.ipv4.tcp_tw_recycle = 1\n")
        .file(
            "usr/lib/sysctl.d/50-x.conf",
            "net.ipv4.tcp_tw_recycle = 0\n",
        );
    let (facts, verdict) = look(tree.path());
    let remedy = &verdict.findings[0].remedy;
    assert_eq!(remedy[0], "`sysctl -w net.ipv4.tcp_tw_recycle=0`");
    assert_eq!(
        remedy[1],
        "remove line 2 of /etc/sysctl.conf, or it comes back with the next boot"
    );
    let at_boot = facts.at_boot(Setting::TwRecycle).unwrap();
    assert_eq!(
        (at_boot.file.as_str(), at_boot.line),
        ("/etc/sysctl.conf", 2)
    );
}

#[test]
fn single_look_is_told_and_nothing_is_said_about_now() {
    let tree = Tree::linux_4_4().tw_recycle(0).without("later");
    let (facts, verdict) = look(tree.path());
    assert_eq!(facts.delta(Counter::ListenDrops), None);
    assert_eq!(
        verdict.blind_to,
        ["what happens now: the counters were read once only"]
    );
}

#[test]
fn folder_that_is_no_root_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(folder.path(), Duration::ZERO).unwrap_err().to_string();
    let name = folder.path().display().to_string();
    assert!(
        error.starts_with(&format!("there is no `proc` in `{name}`;")),
        "{error}"
    );
}

#[test]
fn report_reads_well() {
    for (name, tree) in [
        (
            "dropping",
            Tree::linux_4_4()
                .tw_recycle(1)
                .starts(&[("PAWSPassive", 4230), ("ListenDrops", 4230)])
                .rises(&[("PAWSPassive", 12), ("ListenDrops", 12)])
                .file("etc/sysctl.conf", "net.ipv4.tcp_tw_recycle = 1\n"),
        ),
        ("hidden", Tree::linux_4_9().in_container()),
        ("gone", Tree::linux_6_1()),
    ] {
        let (mut facts, verdict) = look(tree.path());
        facts.root = "facts".to_owned();
        let mut text = Vec::new();
        write_text(&facts, &verdict, &mut text, Paper::plain(100)).unwrap();
        insta::assert_snapshot!(format!("server_{name}"), String::from_utf8(text).unwrap());
        let mut json = Vec::new();
        write_json_report(&facts, &verdict, &mut json).unwrap();
        let json = String::from_utf8(json).unwrap();
        schema::assert_report(&json);
        insta::assert_snapshot!(format!("server_{name}_json"), json);
    }
}

#[test]
fn script_collects_what_a_look_at_this_host_reads() {
    let shells = [
        &["sh"][..],
        &["dash"],
        &["busybox", "sh"],
        &["bash", "--posix"],
    ];
    let mut ran = 0;
    for shell in shells {
        let Some(folder) = collect(shell) else {
            println!(
                "SKIP script_collects_what_a_look_at_this_host_reads: no {}",
                shell[0]
            );
            continue;
        };
        ran += 1;
        let (collected, _) = look(&folder.path().join("facts"));
        let (here, _) = look(Path::new("/"));
        assert_eq!(collected.kernel, here.kernel, "{shell:?}");
        assert_eq!(collected.settings, here.settings, "{shell:?}");
        assert_eq!(collected.namespace, here.namespace, "{shell:?}");
        assert_eq!(collected.assignments, here.assignments, "{shell:?}");
        let has_deltas = |facts: &Facts| Counter::ALL.map(|counter| facts.delta(counter).is_some());
        assert_eq!(has_deltas(&collected), has_deltas(&here), "{shell:?}");
        assert!(collected.after.unwrap().1 < 1e-9, "{shell:?}");
    }
    assert!(ran > 0);
}

#[test]
fn script_overwrites_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let facts = folder.path().join("facts");
    fs::create_dir(&facts).unwrap();
    let script = folder.path().join("collect.sh");
    fs::write(&script, COLLECT).unwrap();
    for arguments in [
        [facts.to_str().unwrap(), "0"],
        ["x", "soon"],
        ["--help", "0"],
    ] {
        let output = Command::new("sh")
            .arg(&script)
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(fs::read_dir(&facts).unwrap().count(), 0);
}

fn look(root: &Path) -> (Facts, Verdict) {
    let facts = read(root, Duration::ZERO).unwrap();
    let verdict = judge(&facts);
    (facts, verdict)
}

/// Runs the script with a shell, if there is such a shell.
fn collect(shell: &[&str]) -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("collect.sh");
    fs::write(&script, COLLECT).unwrap();
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .arg(&script)
        .arg(folder.path().join("facts"))
        .arg("0")
        .output()
        .ok()?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shell:?}: {error}");
    Some(folder)
}

/// Hosts that show the setting.
fn plain_hosts() -> Vec<Case> {
    use Cause::{BacklogOverflow, TwRecycle as Recycle, TwRecycleLatent as Latent};
    use Severity::{Critical, Warning};
    vec![
        Case {
            name: "2.6.32, on, dropping; ListenDrops does not count it yet",
            tree: Tree::linux_2_6_32()
                .tw_recycle(1)
                .rises(&[("PAWSPassive", 12)]),
            tw_recycle: TwRecycle::On,
            namespace: Namespace::Unknown,
            findings: &[(Recycle, Critical)],
            exit: 1,
        },
        Case {
            name: "3.10, on, nothing dropped yet",
            tree: Tree::linux_3_10().tw_recycle(1),
            tw_recycle: TwRecycle::On,
            namespace: Namespace::Initial,
            findings: &[(Latent, Warning)],
            exit: 1,
        },
        Case {
            name: "4.4, on, dropping, both counters rise",
            tree: Tree::linux_4_4()
                .tw_recycle(1)
                .rises(&[("PAWSPassive", 12), ("ListenDrops", 12)]),
            tw_recycle: TwRecycle::On,
            namespace: Namespace::Initial,
            findings: &[(Recycle, Critical)],
            exit: 1,
        },
        Case {
            name: "4.4, off",
            tree: Tree::linux_4_4().tw_recycle(0),
            tw_recycle: TwRecycle::Off,
            namespace: Namespace::Initial,
            findings: &[],
            exit: 0,
        },
        Case {
            name: "4.4, off, and the next boot turns it on",
            tree: Tree::linux_4_4()
                .tw_recycle(0)
                .file("etc/sysctl.d/60-fast.conf", "net.ipv4.tcp_tw_recycle = 1\n"),
            tw_recycle: TwRecycle::Off,
            namespace: Namespace::Initial,
            findings: &[(Latent, Warning)],
            exit: 1,
        },
        Case {
            name: "4.4, off, full accept queue",
            tree: Tree::linux_4_4()
                .tw_recycle(0)
                .rises(&[("ListenOverflows", 7), ("ListenDrops", 7)]),
            tw_recycle: TwRecycle::Off,
            namespace: Namespace::Initial,
            findings: &[(BacklogOverflow, Critical)],
            exit: 1,
        },
        Case {
            name: "4.4, on and dropping, and a full accept queue beside",
            tree: Tree::linux_4_4().tw_recycle(1).rises(&[
                ("PAWSPassive", 5),
                ("ListenOverflows", 7),
                ("ListenDrops", 12),
            ]),
            tw_recycle: TwRecycle::On,
            namespace: Namespace::Initial,
            findings: &[(Recycle, Critical), (BacklogOverflow, Critical)],
            exit: 1,
        },
    ]
}

/// Hosts that have it not, or do not show it.
fn hosts_that_hide() -> Vec<Case> {
    use Cause::{Blind, TwRecycle as Recycle, TwRecycleLatent as Latent};
    use Severity::{Critical, Info, Warning};
    vec![
        Case {
            name: "4.9, in a container: hidden",
            tree: Tree::linux_4_9().in_container(),
            tw_recycle: TwRecycle::Hidden,
            namespace: Namespace::Other,
            findings: &[(Blind, Warning)],
            exit: 3,
        },
        Case {
            name: "4.9, in a container: hidden, and dropping",
            tree: Tree::linux_4_9()
                .in_container()
                .rises(&[("PAWSPassive", 3), ("ListenDrops", 3)]),
            tw_recycle: TwRecycle::Hidden,
            namespace: Namespace::Other,
            findings: &[(Recycle, Critical)],
            exit: 1,
        },
        Case {
            name: "4.9, in a container: hidden, and has dropped",
            tree: Tree::linux_4_9()
                .in_container()
                .starts(&[("PAWSPassive", 40)]),
            tw_recycle: TwRecycle::Hidden,
            namespace: Namespace::Other,
            findings: &[(Recycle, Warning)],
            exit: 1,
        },
        Case {
            name: "4.9, /proc/sys hidden",
            tree: Tree::linux_4_9().without("proc/sys/net"),
            tw_recycle: TwRecycle::Unknown,
            namespace: Namespace::Unknown,
            findings: &[(Blind, Warning)],
            exit: 3,
        },
        Case {
            name: "4.9, the file alone is missing, on the host",
            tree: Tree::linux_4_9(),
            tw_recycle: TwRecycle::Unknown,
            namespace: Namespace::Initial,
            findings: &[(Blind, Warning)],
            exit: 3,
        },
        Case {
            name: "4.11, missing: nothing is hidden there any more",
            tree: Tree::linux_4_9().release("4.11.12").in_container(),
            tw_recycle: TwRecycle::Unknown,
            namespace: Namespace::Other,
            findings: &[(Blind, Warning)],
            exit: 3,
        },
        Case {
            name: "6.1: gone",
            tree: Tree::linux_6_1(),
            tw_recycle: TwRecycle::Gone,
            namespace: Namespace::Initial,
            findings: &[],
            exit: 0,
        },
        Case {
            name: "6.1, in a container: gone all the same",
            tree: Tree::linux_6_1().in_container(),
            tw_recycle: TwRecycle::Gone,
            namespace: Namespace::Other,
            findings: &[],
            exit: 0,
        },
        Case {
            name: "6.1: gone, and a line that nobody obeys",
            tree: Tree::linux_6_1().file("etc/sysctl.conf", "\n\nnet.ipv4.tcp_tw_recycle=1\n"),
            tw_recycle: TwRecycle::Gone,
            namespace: Namespace::Initial,
            findings: &[(Latent, Info)],
            exit: 0,
        },
        Case {
            name: "no release, no file",
            tree: Tree::linux_6_1().without("proc/sys/kernel"),
            tw_recycle: TwRecycle::Unknown,
            namespace: Namespace::Unknown,
            findings: &[(Blind, Warning)],
            exit: 3,
        },
    ]
}
