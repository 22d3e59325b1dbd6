//! A network namespace that goes with its thread, and a pair of virtual interfaces in it.

use std::{fs, os::fd::AsRawFd, process::Command, thread, time::Duration};

use natdiag::host::link::{self, Link};
use nix::{
    sched::{CloneFlags, unshare},
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
    unistd::geteuid,
};

/// The end that natdiag watches.
pub(crate) const WATCHED: &str = "v0";
/// The end from which packets come.
pub(crate) const SENDER: &str = "v1";

/// Runs a test in a network namespace of its own, with a pair of interfaces. Everything in it goes with the thread.
pub(crate) fn in_namespace(name: &str, test: impl FnOnce() + Send) {
    if !geteuid().is_root() {
        println!("SKIP {name}: needs root");
        return;
    }
    let outcome = thread::scope(|scope| {
        scope
            .spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).unwrap();
                // Or the kernel would send packets of its own.
                fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
                ip(&format!("link add {WATCHED} type veth peer name {SENDER}"));
                ip(&format!("link set {WATCHED} up"));
                ip(&format!("link set {SENDER} up"));
                test();
            })
            .join()
    });
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

pub(crate) fn ip(arguments: &str) {
    run("ip", arguments);
}

/// Runs a command and returns what it prints.
pub(crate) fn run(program: &str, arguments: &str) -> String {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn link_named(name: &str) -> Link {
    let links = link::all().unwrap();
    links.into_iter().find(|link| link.name == name).unwrap()
}

/// Sends frames as they are, so that they arrive at the watched end.
pub(crate) fn send<'a>(frames: impl IntoIterator<Item = &'a Vec<u8>>) {
    send_from(SENDER, frames);
}

/// Sends frames as they are from one end, so that they arrive at the other.
pub(crate) fn send_from<'a>(interface: &str, frames: impl IntoIterator<Item = &'a Vec<u8>>) {
    let socket = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::empty(),
        None,
    )
    .unwrap();
    let mut address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).unwrap(),
        sll_protocol: 0,
        sll_ifindex: link_named(interface).index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let address_len = u32::try_from(size_of_val(&address)).unwrap();
    for frame in frames {
        // SAFETY: the frame and the address live during the call, and their lengths are those given.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                (&raw mut address).cast(),
                address_len,
            )
        };
        assert_eq!(
            sent,
            frame.len().cast_signed(),
            "{}",
            nix::errno::Errno::last()
        );
    }
}

/// Waits until something holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    panic!("waited 10 s for {what}");
}
