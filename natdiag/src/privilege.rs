//! Which capabilities watching needs, and which of them this process has (capabilities(7)).
//!
//! `CAP_PERFMON` is among them because the verifier otherwise refuses ordinary loops over memory.

pub mod reduce;

use std::fmt;

use caps::{CapSet, Capability};
use thiserror::Error;

/// What loading and attaching needs, and its names.
const NEEDED: [(Capability, &str); 3] = [
    (Capability::CAP_BPF, "CAP_BPF"),
    (Capability::CAP_NET_ADMIN, "CAP_NET_ADMIN"),
    (Capability::CAP_PERFMON, "CAP_PERFMON"),
];

/// The capabilities that are missing, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct MissingPrivileges {
    command: &'static str,
    missing: Vec<&'static str>,
}

impl fmt::Display for MissingPrivileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "natdiag {} needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; this process ",
            self.command
        )?;
        match self.missing.as_slice() {
            missing if missing.len() == NEEDED.len() => f.write_str("has none of them")?,
            missing => write!(f, "lacks {}", missing.join(" and "))?,
        }
        f.write_str(
            "\n  run it with sudo, or once: \
             sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep $(which natdiag)\
             \n  without privileges: natdiag replay FILE, natdiag check server",
        )
    }
}

/// The capabilities that watching needs, and whether this process has each.
#[must_use]
pub fn needed() -> Vec<(&'static str, bool)> {
    let missing = check("watch")
        .err()
        .map(|error| error.missing)
        .unwrap_or_default();
    let held = |(_, name): &(_, &'static str)| (*name, !missing.contains(name));
    NEEDED.iter().map(held).collect()
}

/// Makes sure that this process may load and attach.
///
/// # Errors
/// It may not; the message says how it could.
pub fn check(command: &'static str) -> Result<(), MissingPrivileges> {
    // Where the kernel does not tell, trying it out will.
    check_held(command, |capability| {
        caps::has_cap(None, CapSet::Effective, capability).unwrap_or(true)
    })
}

fn check_held(
    command: &'static str,
    holds: impl Fn(Capability) -> bool,
) -> Result<(), MissingPrivileges> {
    // CAP_SYS_ADMIN stands for the two that were split off from it in Linux 5.8.
    let administers = holds(Capability::CAP_SYS_ADMIN);
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|(capability, _)| {
            let stands_in = administers && *capability != Capability::CAP_NET_ADMIN;
            !stands_in && !holds(*capability)
        })
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(MissingPrivileges { command, missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(held: &[Capability]) -> Option<String> {
        let refused = check_held("watch", |capability| held.contains(&capability)).err();
        refused.map(|error| error.to_string())
    }

    #[test]
    fn the_three_capabilities_suffice() {
        let held = [
            Capability::CAP_BPF,
            Capability::CAP_NET_ADMIN,
            Capability::CAP_PERFMON,
        ];
        assert_eq!(refusal(&held), None);
    }

    #[test]
    fn sys_admin_stands_for_bpf_and_perfmon() {
        let held = [Capability::CAP_SYS_ADMIN, Capability::CAP_NET_ADMIN];
        assert_eq!(refusal(&held), None);
    }

    #[test]
    fn a_refusal_names_both_remedies() {
        assert_eq!(
            refusal(&[]).unwrap(),
            "natdiag watch needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; this process has none of them\n  \
             run it with sudo, or once: sudo setcap cap_bpf,cap_net_admin,cap_perfmon+ep $(which natdiag)\n  \
             without privileges: natdiag replay FILE, natdiag check server"
        );
    }

    #[test]
    fn a_refusal_names_what_is_missing() {
        let message = refusal(&[Capability::CAP_BPF, Capability::CAP_NET_ADMIN]).unwrap();
        assert!(
            message.contains("this process lacks CAP_PERFMON\n"),
            "{message}"
        );
    }
}
