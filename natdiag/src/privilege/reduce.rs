//! Giving up what is not needed any more: capabilities, the user root, new privileges, writing anywhere but to a few
//! folders, and system calls that a watcher has no use for.

mod calls;

use std::path::PathBuf;

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError, securebits};
use landlock::{
    ABI, AccessFs, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus,
    path_beneath_rules,
};
use nix::{
    errno::Errno,
    sys::prctl,
    unistd::{User, setgroups, setresgid, setresuid},
};
use thiserror::Error;

use super::NEEDED;

/// The newest rules about files that this was written for; an older kernel enforces those it has.
const LANDLOCK: ABI = ABI::V3;

/// Why something could not be given up.
#[derive(Debug, Error)]
pub enum ReduceError {
    /// There is no such user.
    #[error(
        "there is no user `{0}`; make it with `useradd --system {0}`, or name another with `user`"
    )]
    UnknownUser(String),
    /// The system does not say which users there are.
    #[error("cannot look up the user `{name}`")]
    Users {
        /// The user.
        name: String,
        /// Why.
        #[source]
        source: Errno,
    },
    /// The user cannot be changed.
    #[error("cannot become the user `{name}`; start natdiag as root, or leave `user` out")]
    User {
        /// The user.
        name: String,
        /// Why.
        #[source]
        source: Errno,
    },
    /// A capability cannot be given up.
    #[error("cannot give up capabilities")]
    Capabilities(#[from] CapsError),
    /// New privileges cannot be refused.
    #[error("cannot refuse new privileges")]
    NewPrivileges(#[source] Errno),
}

/// What is still needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Attaching to interfaces that appear, and following the connections of suspects.
    pub attaching: bool,
    /// Having the kernel measure the run time of programs.
    pub measuring: bool,
}

/// What was given up, one sentence each.
pub type Given = Vec<String>;

/// Finds a user.
///
/// # Errors
/// There is none.
pub fn user(name: &str) -> Result<User, ReduceError> {
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(ReduceError::UnknownUser(name.to_owned())),
        Err(source) => Err(ReduceError::Users {
            name: name.to_owned(),
            source,
        }),
    }
}

/// Gives up everything but what is needed; and from here on writes to these folders only. This must run before there is
/// a second thread.
///
/// # Errors
/// The system refuses, other than for a feature that the kernel lacks.
pub fn reduce(
    user: Option<&User>,
    needs: Needs,
    folders: &[PathBuf],
) -> Result<Given, ReduceError> {
    let mut given = Vec::new();
    let held = caps::read(None, CapSet::Permitted)?;
    let kept = kept(&held, needs);
    // Where it may not be done, nothing could be got from there either: new privileges are refused below.
    if held.contains(&Capability::CAP_SETPCAP) {
        for capability in held.difference(&kept) {
            caps::drop(None, CapSet::Bounding, *capability)?;
        }
    }
    if let Some(user) = user {
        become_user(user)?;
        given.push(format!("runs as the user {}", user.name));
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    given.push(match kept.len() {
        0 => "no capability is left".to_owned(),
        _ => format!("capabilities left: {}", names(&kept)),
    });
    prctl::set_no_new_privs().map_err(ReduceError::NewPrivileges)?;
    given.push("no new privileges".to_owned());
    // A filter of system calls may forbid it, which protects from the same.
    given.push(
        close_files(folders)
            .unwrap_or_else(|why| format!("writing to files is not restricted: {why}")),
    );
    given.push(match calls::refuse() {
        Ok(()) => "system calls that no watcher needs are refused".to_owned(),
        Err(why) => format!("system calls are not refused: {why}"),
    });
    Ok(given)
}

/// What is kept of what is held.
fn kept(held: &CapsHashSet, needs: Needs) -> CapsHashSet {
    let attaching = NEEDED.iter().map(|(capability, _)| *capability);
    let mut kept: CapsHashSet = attaching
        .filter(|capability| needs.attaching && held.contains(capability))
        .collect();
    // It stands in for those that a kernel before 5.8 does not know.
    let stands_in = needs.attaching && kept.len() < NEEDED.len();
    if (stands_in || needs.measuring) && held.contains(&Capability::CAP_SYS_ADMIN) {
        kept.insert(Capability::CAP_SYS_ADMIN);
    }
    kept
}

fn names(capabilities: &CapsHashSet) -> String {
    let mut names: Vec<_> = capabilities.iter().map(ToString::to_string).collect();
    names.sort();
    names.join(", ")
}

/// Becomes a user, with the capabilities held so far.
fn become_user(user: &User) -> Result<(), ReduceError> {
    let refused = |source| ReduceError::User {
        name: user.name.clone(),
        source,
    };
    securebits::set_keepcaps(true)?;
    setgroups(&[user.gid]).map_err(refused)?;
    setresgid(user.gid, user.gid, user.gid).map_err(refused)?;
    setresuid(user.uid, user.uid, user.uid).map_err(refused)?;
    securebits::set_keepcaps(false)?;
    Ok(())
}

/// From here on no file is run, made, changed or removed but in these folders.
fn close_files(folders: &[PathBuf]) -> Result<String, RulesetError> {
    let closed = AccessFs::from_write(LANDLOCK) | AccessFs::Execute;
    let status = Ruleset::default()
        .handle_access(closed)?
        .create()?
        .add_rules(path_beneath_rules(folders, AccessFs::from_write(LANDLOCK)))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::NotEnforced => {
            "writing to files is not restricted: this kernel has no Landlock".to_owned()
        }
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => {
            let folders: Vec<_> = folders
                .iter()
                .map(|folder| folder.display().to_string())
                .collect();
            match folders.as_slice() {
                [] => "no file can be written".to_owned(),
                folders => format!("files can be written in {} only", folders.join(" and ")),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_attaching_needs_is_kept_and_nothing_else() {
        let needs = |attaching, measuring| Needs {
            attaching,
            measuring,
        };
        let held = caps::all();
        for (needs, want) in [
            (needs(true, false), "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON"),
            (
                needs(true, true),
                "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN",
            ),
            (needs(false, true), "CAP_SYS_ADMIN"),
            (needs(false, false), ""),
        ] {
            assert_eq!(names(&kept(&held, needs)), want);
        }
        let old = [
            Capability::CAP_SYS_ADMIN,
            Capability::CAP_NET_ADMIN,
            Capability::CAP_CHOWN,
        ];
        let old = old.into_iter().collect();
        assert_eq!(
            names(&kept(&old, needs(true, false))),
            "CAP_NET_ADMIN, CAP_SYS_ADMIN"
        );
    }

    #[test]
    fn a_user_that_does_not_exist_is_named() {
        let error = user("no-such-user").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no user `no-such-user`; make it"),
            "{error}"
        );
    }
}
