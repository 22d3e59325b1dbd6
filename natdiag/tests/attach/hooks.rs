//! Which hook is taken, what is said about the others, and what is left afterwards.

use aya::programs::{SchedClassifier, TcAttachType};
use natdiag::{
    bpf::{
        attach::{AttachError, Attachment, attach},
        load::WatchObject,
        program::LoadOptions,
    },
    value::hook::HookChoice,
};
use natdiag_common::LinkType;

use crate::network::{WATCHED, in_namespace, ip, link_named, run, wait_until};

pub(crate) fn attach_by(choice: HookChoice) -> Result<Attachment, AttachError> {
    let mut object = WatchObject::open(LoadOptions::new(LinkType::Ethernet)).unwrap();
    attach(&mut object, &link_named(WATCHED), choice)
}

/// Programs that a natdiag puts on TCX.
pub(crate) const BY_TCX: usize = 2;

/// How many TCX programs an interface has, both directions together.
pub(crate) fn tcx_programs(interface: &str) -> usize {
    [TcAttachType::Ingress, TcAttachType::Egress]
        .map(|direction| SchedClassifier::query_tcx(interface, direction).unwrap().1)
        .iter()
        .map(Vec::len)
        .sum()
}

/// Waits until so many programs are left on TCX: a test beside this one that starts a process has its links open for a
/// moment, as a fork has every descriptor.
pub(crate) fn wait_for_tcx_programs(interface: &str, number: usize) {
    wait_until("programs to be detached", || {
        tcx_programs(interface) == number
    });
}

/// How many filters natdiag has on an interface.
pub(crate) fn filters(interface: &str) -> usize {
    ["ingress", "egress"]
        .map(|chain| run("tc", &format!("filter show dev {interface} {chain}")))
        .iter()
        .flat_map(|filters| filters.lines())
        .filter(|line| line.contains("handle") && line.contains("natdiag_tc"))
        .count()
}

#[test]
fn on_veth_the_ladder_starts_at_tcx() {
    in_namespace("on_veth_the_ladder_starts_at_tcx", || {
        let attachment = attach_by(HookChoice::Auto).unwrap();
        assert_eq!(attachment.hooks(), ["tcx ingress", "tcx egress"]);
        let choice = attachment.choice_note().unwrap_or_default();
        assert!(choice.contains("native XDP would cost veth"), "{choice}");
        wait_for_tcx_programs(WATCHED, 2);
        drop(attachment);
        wait_for_tcx_programs(WATCHED, 0);
    });
}

#[test]
fn each_hook_can_be_chosen_and_leaves_nothing_behind() {
    in_namespace("each_hook_can_be_chosen_and_leaves_nothing_behind", || {
        for (choice, hooks) in [
            (HookChoice::Xdp, ["xdp ingress", "tcx egress"]),
            (HookChoice::Tcx, ["tcx ingress", "tcx egress"]),
            (HookChoice::Clsact, ["clsact ingress", "clsact egress"]),
            (
                HookChoice::XdpGeneric,
                ["xdp-generic ingress", "tcx egress"],
            ),
        ] {
            let attachment = attach_by(choice).unwrap();
            assert_eq!(attachment.hooks(), hooks);
            drop(attachment);
            wait_until("XDP to be gone", || {
                !run("ip", &format!("-details link show {WATCHED}")).contains("xdp")
            });
            wait_for_tcx_programs(WATCHED, 0);
            let qdiscs = run("tc", &format!("qdisc show dev {WATCHED}"));
            assert!(!qdiscs.contains("clsact"), "{choice:?}: {qdiscs}");
        }
    });
}

#[test]
fn an_xdp_program_in_place_is_named_and_stays() {
    in_namespace("an_xdp_program_in_place_is_named_and_stays", || {
        let first = attach_by(HookChoice::Xdp).unwrap();
        let program = link_named(WATCHED).xdp_program_ids;
        let refusal = attach_by(HookChoice::Xdp).unwrap_err().to_string();
        let expected = format!(
            "XDP program {} `natdiag_xdp_mb` is attached and stays",
            program[0]
        );
        assert!(refusal.contains(&expected), "{refusal}");
        assert!(refusal.contains("EBUSY"), "{refusal}");
        assert!(refusal.contains("--hook tcx"), "{refusal}");
        assert_eq!(link_named(WATCHED).xdp_program_ids, program);
        // Another hook works, and it is said who comes first.
        let second = attach_by(HookChoice::Auto).unwrap();
        let notes = second.notes().join("\n");
        assert!(
            notes.contains("comes before natdiag and may hide packets"),
            "{notes}"
        );
        drop((first, second));
    });
}

#[test]
fn a_qdisc_that_was_there_stays() {
    in_namespace("a_qdisc_that_was_there_stays", || {
        run("tc", &format!("qdisc add dev {WATCHED} clsact"));
        drop(attach_by(HookChoice::Clsact).unwrap());
        assert_eq!(filters(WATCHED), 0);
        let qdiscs = run("tc", &format!("qdisc show dev {WATCHED}"));
        assert!(qdiscs.contains("clsact"), "{qdiscs}");
    });
}

#[test]
fn a_qdisc_that_others_have_come_to_use_stays() {
    in_namespace("a_qdisc_that_others_have_come_to_use_stays", || {
        let first = attach_by(HookChoice::Clsact).unwrap();
        let second = attach_by(HookChoice::Clsact).unwrap();
        assert_eq!(filters(WATCHED), 4);
        drop(first);
        assert_eq!(filters(WATCHED), 2);
        drop(second);
        assert_eq!(filters(WATCHED), 0);
    });
}

#[test]
fn an_ingress_qdisc_is_no_place_for_egress_filters() {
    in_namespace("an_ingress_qdisc_is_no_place_for_egress_filters", || {
        run("tc", &format!("qdisc add dev {WATCHED} ingress"));
        let refusal = attach_by(HookChoice::Clsact).unwrap_err().to_string();
        assert!(
            refusal.contains("the qdisc `ingress` is in its place"),
            "{refusal}"
        );
        assert_eq!(filters(WATCHED), 0);
    });
}

#[test]
fn programs_of_others_stay_behind_natdiag_and_are_named() {
    in_namespace(
        "programs_of_others_stay_behind_natdiag_and_are_named",
        || {
            let first = attach_by(HookChoice::Tcx).unwrap();
            let second = attach_by(HookChoice::Tcx).unwrap();
            wait_for_tcx_programs(WATCHED, 4);
            let notes = second.notes().join("\n");
            for (direction, program) in [("ingress", "natdiag_tc_in"), ("egress", "natdiag_tc_out")]
            {
                let expected = format!("behind natdiag on tcx {direction}: ");
                assert!(notes.contains(&expected), "{notes}");
                assert!(notes.contains(&format!("`{program}`")), "{notes}");
            }
            drop(second);
            assert_eq!(first.hooks(), ["tcx ingress", "tcx egress"]);
            wait_for_tcx_programs(WATCHED, 2);
        },
    );
}

#[test]
fn an_interface_that_goes_takes_its_programs_along() {
    in_namespace("an_interface_that_goes_takes_its_programs_along", || {
        for choice in [HookChoice::Xdp, HookChoice::Tcx, HookChoice::Clsact] {
            let attachment = attach_by(choice).unwrap();
            ip(&format!("link del {WATCHED}"));
            drop(attachment);
            ip(&format!("link add {WATCHED} type veth peer name v9"));
        }
    });
}
