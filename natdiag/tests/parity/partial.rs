//! Packets whose headers do not lie in one run of memory, as drivers deliver them: sent through the loopback of a
//! network namespace with only their first octets linear.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    process::Command,
    thread,
};

use natdiag::bpf::program::WatchProgram;
use natdiag_common::{
    LinkType,
    testkit::{fixture, pcap::Evidence},
};
use nix::sched::{CloneFlags, unshare};

use crate::{
    TC,
    kernel::{Kernel, needs_root},
    oracle::Oracle,
};

/// A frame below a page is made linear by the socket, whatever it was told.
const FRAME_OCTETS: usize = 5000;
/// Interface index of the loopback in every namespace.
const LOOPBACK: i32 = 1;

#[test]
fn headers_outside_the_linear_part_give_the_same() {
    if needs_root("headers_outside_the_linear_part_give_the_same") {
        return;
    }
    for program in TC {
        // A thread of its own takes its namespace with it when it ends.
        let test = thread::spawn(move || compare(program));
        test.join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

fn compare(program: WatchProgram) {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    assert!(up.unwrap().success());
    let socket = packet_socket().unwrap();
    let mut kernel = Kernel::open(program, LinkType::Ethernet);
    let mut oracle = Oracle::new(kernel.direction(), LinkType::Ethernet, kernel.cpu());
    kernel.attach("lo");
    let mut sent = 0;
    for fixture in fixture::all() {
        // Before TC sees a received packet, the kernel takes the outermost tag off.
        if program == WatchProgram::TcIngress && fixture.name.contains("VLAN") {
            continue;
        }
        // 16 octets is the least that the socket leaves linear.
        for linear in (16..160).step_by(4) {
            let mut frame = fixture.frame.clone();
            frame.resize(FRAME_OCTETS, 0);
            let name = format!("partial {program} {} {linear}", fixture.name);
            let _evidence = Evidence::new(&name, LinkType::Ethernet, &frame);
            send(&socket, &frame, linear).unwrap();
            sent += 1;
            let seen = kernel.wait_for(sent);
            oracle.check(&frame, &seen, &mut kernel);
        }
    }
    oracle.check_sums(&mut kernel);
    println!("{program}: {sent} frames with headers outside the linear part alike");
}

/// A socket that sends whole frames, each behind a header that says how much of it is to be linear.
fn packet_socket() -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let on: libc::c_int = 1;
    // SAFETY: the option is an integer, and its length is given.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_VNET_HDR,
            (&raw const on).cast(),
            4,
        )
    };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}

fn send(socket: &OwnedFd, frame: &[u8], linear_octets: u16) -> io::Result<()> {
    // `struct virtio_net_hdr`, include/uapi/linux/virtio_net.h: the length of the headers stands at 2.
    let [low, high] = linear_octets.to_le_bytes();
    let message = [&[0, 0, low, high, 0, 0, 0, 0, 0, 0], frame].concat();
    // SAFETY: all zero is a valid address.
    let mut to: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    to.sll_family = u16::try_from(libc::AF_PACKET).unwrap();
    to.sll_ifindex = LOOPBACK;
    // SAFETY: both pointers come with their lengths.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            message.as_ptr().cast(),
            message.len(),
            0,
            (&raw const to).cast(),
            u32::try_from(size_of_val(&to)).unwrap(),
        )
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
