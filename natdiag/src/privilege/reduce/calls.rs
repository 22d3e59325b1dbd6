//! Refuses system calls that a watcher never makes and an intruder would want (seccomp(2)). What is refused is named,
//! and everything else passes: C libraries, resolvers and the runtime differ in what they call, and the list of what is
//! allowed is the unit's.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use thiserror::Error;

/// Running programs, looking into other processes, changing the machine, leaving the namespaces, keys, and other
/// people's files.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_personality,
    libc::SYS_syslog,
];

/// Why system calls are not refused.
#[derive(Debug, Error)]
pub(super) enum RefusalError {
    #[error("no filter for this processor ({})", std::env::consts::ARCH)]
    Processor,
    #[error("{0}")]
    Filter(#[from] seccompiler::BackendError),
    #[error("{0}")]
    Kernel(#[from] seccompiler::Error),
}

/// Refuses them to this thread and to those that it starts, from here on, as if they were not permitted. New privileges
/// must have been refused before.
pub(super) fn refuse() -> Result<(), RefusalError> {
    let processor: TargetArch = std::env::consts::ARCH
        .try_into()
        .map_err(|_| RefusalError::Processor)?;
    let errno = u32::try_from(libc::EPERM).unwrap_or(1);
    let rules: BTreeMap<i64, Vec<_>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno),
        processor,
    )?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, io, net::UdpSocket, process::Command, thread};

    use nix::{
        errno::Errno,
        sched::{CloneFlags, unshare},
        sys::prctl,
        unistd::gettid,
    };

    use super::*;

    #[test]
    fn what_no_watcher_needs_is_refused_and_the_rest_passes() {
        // A filter lasts as long as its thread.
        let refused = thread::spawn(|| {
            let before = Command::new("/bin/true").status().map(|it| it.success());
            prctl::set_no_new_privs().unwrap();
            refuse().unwrap();
            let status = fs::read_to_string(format!("/proc/self/task/{}/status", gettid()));
            assert!(status.unwrap().contains("\nSeccomp:\t2\n"));
            let run = Command::new("/bin/true").status().map_err(|it| it.kind());
            let unshared = unshare(CloneFlags::CLONE_NEWUTS);
            let thread = thread::spawn(|| Command::new("/bin/true").status().is_ok());
            assert!(!thread.join().unwrap(), "a thread that was started later");
            UdpSocket::bind("127.0.0.1:0").unwrap();
            (before.unwrap(), run.map(|it| it.success()), unshared)
        });
        let (before, run, unshared) = refused.join().unwrap();
        assert!(before);
        assert_eq!(run, Err(io::ErrorKind::PermissionDenied));
        assert_eq!(unshared, Err(Errno::EPERM));
    }
}
