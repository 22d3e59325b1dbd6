//! The frames that go through a machine's veth pair, and the counts that a report about them must show.

use std::{
    fs::File,
    io::{self, Write as _},
    mem::{size_of, zeroed},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use anyhow::{Context as _, Result, ensure};
use natdiag_common::{
    follow::{FollowCounter, FollowCounts},
    testkit::{CLIENT, Payload as _, SERVER, Segment, tcp},
};
use nix::net::if_::if_nametoindex;

/// How often each thing is done.
const TIMES: u16 = 20;
/// Octets of TCP data that make three fragments.
const DATA_OCTETS: usize = 3000;
/// The MTU that they are made for.
const MTU_OCTETS: usize = 1500;
/// Octets of a request, in a small packet.
const REQUEST_OCTETS: u16 = 100;
/// Octets of a response, in a large packet that needs no fragments.
const RESPONSE_OCTETS: u16 = 1400;

/// Sends the frames: those of the client leave by `watched`, those of the server arrive there from `far`. Returns the
/// counters of the server and their values.
pub(crate) fn send(watched: &str, far: &str) -> Result<Vec<(&'static str, u64)>> {
    let mut client = packet_socket(watched)?;
    let mut server = packet_socket(far)?;
    for turn in 0..TIMES {
        let [open, closed] = [41_000 + turn, 42_000 + turn];
        let (isn, tsval) = (u32::from(turn) * 1000, 100 + u32::from(turn));
        let syn = |port| {
            let syn = tcp().syn().ports(port, 443).seq(isn).timestamps(tsval, 0);
            syn.in_ipv4(CLIENT, SERVER).frame()
        };
        let answer = |port| tcp().ports(443, port).ack(isn + 1);
        client.write_all(&syn(open))?;
        let syn_ack = answer(open).syn().timestamps(7000 + tsval, tsval);
        server.write_all(&syn_ack.in_ipv4(SERVER, CLIENT).frame())?;
        client.write_all(&syn(closed))?;
        let rst = answer(closed).rst().seq(0);
        server.write_all(&rst.in_ipv4(SERVER, CLIENT).frame())?;
        let data = answer(open).data_len(DATA_OCTETS);
        let datagram = data.in_ipv4(SERVER, CLIENT).identification(turn);
        for fragment in datagram.fragments(MTU_OCTETS) {
            server.write_all(&fragment.frame())?;
        }
    }
    let times = u64::from(TIMES);
    Ok(vec![
        ("fragments_tcp", 3 * times),
        ("fragments_first", times),
        ("fragments_middle", times),
        ("fragments_last", times),
        ("largest_first_fragment_octets", MTU_OCTETS as u64),
        ("syn_sent", 2 * times),
        ("syn_ack_received", times),
        ("rst_answering_syn", times),
        // These come from the records of single packets.
        ("datagrams_complete", times),
        ("syn_predicted_pass_answered", 2 * times),
    ])
}

/// Sends connections with a request and a response each, which the server then resets. Returns what is to be counted of
/// the server where it is followed.
pub(crate) fn send_established(watched: &str, far: &str) -> Result<FollowCounts> {
    let mut client = packet_socket(watched)?;
    let mut server = packet_socket(far)?;
    let mut counts = FollowCounts::ZERO;
    for turn in 0..TIMES {
        let port = 43_000 + turn;
        let (isn, server_isn) = (u32::from(turn) * 10_000, u32::from(turn) * 20_000);
        let acknowledged = isn + 1 + u32::from(REQUEST_OCTETS);
        let mut ask = |segment: Segment| {
            let segment = segment.ports(port, 443);
            client.write_all(&segment.in_ipv4(CLIENT, SERVER).frame())
        };
        let mut answer = |segment: Segment| {
            let segment = segment.ports(443, port);
            server.write_all(&segment.in_ipv4(SERVER, CLIENT).frame())
        };
        let request = tcp().seq(isn + 1).ack(server_isn + 1);
        let response = tcp().seq(server_isn + 1).ack(acknowledged);
        let end = server_isn + 1 + u32::from(RESPONSE_OCTETS);
        ask(tcp().syn().seq(isn))?;
        answer(tcp().syn().seq(server_isn).ack(isn + 1))?;
        ask(request.data_len(REQUEST_OCTETS.into()))?;
        counts.increment(FollowCounter::SentSmall);
        answer(response.data_len(RESPONSE_OCTETS.into()))?;
        counts.increment(FollowCounter::ReceivedLarge);
        counts.answer(0, false);
        answer(tcp().rst().seq(end).ack(acknowledged))?;
        counts.increment(FollowCounter::ResetUnprovoked);
    }
    Ok(counts)
}

/// A socket that sends whole frames by an interface.
fn packet_socket(interface: &str) -> Result<File> {
    // SAFETY: plain numbers; the result is checked.
    let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) };
    ensure!(
        socket >= 0,
        "no packet socket: {}",
        io::Error::last_os_error()
    );
    // SAFETY: the call above returned it, and nobody else has it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let index = if_nametoindex(interface).with_context(|| format!("no interface `{interface}`"))?;
    // SAFETY: integers only.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET)?;
    address.sll_ifindex = index.try_into()?;
    // SAFETY: pointer and length are those of `address`.
    let bound = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>().try_into()?,
        )
    };
    ensure!(bound == 0, "cannot bind: {}", io::Error::last_os_error());
    Ok(File::from(socket))
}
