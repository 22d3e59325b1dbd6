//! What needs no eBPF asks for no system call that Linux 3.10 lacks, or does without: a filter answers to each newer
//! one as that kernel would. It says nothing about what old kernels do otherwise.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::{
    fs, io,
    mem::offset_of,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Output},
};

/// The newest system call of Linux 3.10 on x86-64 (`arch/x86/syscalls/syscall_64.tbl`, v3.10): `finit_module`. Those of
/// the x32 ABI, which have higher numbers, are used by nobody here.
const NEWEST_CALL: u32 = 313;

#[test]
fn a_server_of_linux_3_10_can_be_checked_and_captures_be_replayed_there() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host");
    fs::create_dir_all(root.join("proc")).unwrap();
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/captures");
    let capture = captures.join("k3.10-A-recycle1-2cli-pub/in.pcap.gz");
    let [root, capture] = [&root, &capture].map(|path| path.to_str().unwrap());
    for (arguments, code, said) in [
        (
            &["check", "server", "--duration", "1s"][..],
            None,
            "natdiag looked at",
        ),
        (
            &["check", "server", "--root", root],
            Some(3),
            "natdiag looked at",
        ),
        (&["check", "server", "--script"], Some(0), "#!/bin/sh"),
        (&["replay", capture], Some(1), "tcp_tw_recycle is on"),
    ] {
        let output = on_linux_3_10(env!("CARGO_BIN_EXE_natdiag"), arguments);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stdout.contains(said), "{arguments:?}: {stdout}{stderr}");
        assert_eq!(stderr, "", "{arguments:?}");
        // What this host is as a server is its own affair.
        if code.is_some() {
            assert_eq!(output.status.code(), code, "{arguments:?}");
        }
    }
}

/// Runs a program to which the kernel answers as Linux 3.10 would.
fn on_linux_3_10(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments);
    // SAFETY: the closure makes two system calls and touches nothing that another thread may hold.
    unsafe { command.pre_exec(answer_as_linux_3_10) };
    command.output().unwrap()
}

/// From here on every newer system call of this process is one that there is not.
fn answer_as_linux_3_10() -> io::Result<()> {
    let number = u32::try_from(offset_of!(libc::seccomp_data, nr)).unwrap_or_default();
    let unknown = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    let mut filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, number),
        step(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, 1, NEWEST_CALL),
        step(libc::BPF_RET | libc::BPF_K, 0, unknown),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: 4,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the kernel reads the program and the filter, which live during the calls, and nothing else.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            ) != 0
    };
    if refused {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: membarrier(2), of Linux 4.3, touches no memory.
    let known = unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) };
    if known != -1 || io::Error::last_os_error().raw_os_error() != Some(libc::ENOSYS) {
        return Err(io::Error::other(
            "the filter lets a newer system call through",
        ));
    }
    Ok(())
}

/// A step of the filter, which passes over as many as told where its condition does not hold.
fn step(code: u32, unless: u8, operand: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt: 0,
        jf: unless,
        k: operand,
    }
}
