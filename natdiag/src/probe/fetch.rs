//! Fetches one response over a socket whose MSS is bounded, and says whether it came whole. The connection has no
//! timestamps, so that a server with `tcp_tw_recycle` remembers none of it, and drops nobody for it.

use std::{io, net::SocketAddr, os::fd::AsFd as _, time::Duration};

use natdiag_common::probe::{ProbeConnection, STRIP};
use nix::poll::PollFlags;
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    connector::ConnectError,
    conversation::Conversation,
    fragments::Ending,
    socket::{Signals, Waited},
    tls::Tls,
};
use crate::{bpf::probe::ProbeProgram, clock::Clock};

/// How long the handshake may take: one repeated SYN is waited for.
const HANDSHAKE_NS: u64 = 3_000_000_000;
/// How long nothing may come before a response counts as stalled: TCP repeats a lost segment within less.
const STALL_NS: u64 = 3_000_000_000;
/// Most octets that are fetched.
const MOST_OCTETS: u64 = 1 << 18;
/// How often the caller gets a turn meanwhile.
const TURN_NS: u64 = 25_000_000;

/// What to fetch, and from where.
pub struct Source<'a> {
    /// The server.
    pub remote: SocketAddr,
    /// What to send.
    pub request: &'a [u8],
    /// In TLS, or in plain text.
    pub tls: Option<&'a Tls>,
    /// The clock.
    pub clock: Clock,
    /// What ends the test.
    pub signals: &'a Signals,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The port that it came to.
    pub port: Option<u16>,
    /// Octets received.
    pub octets: u64,
    /// How it ended.
    pub ending: Ending,
}

impl Source<'_> {
    /// Fetches the response with segments of at most `mss` octets. `turn` is called many times a second.
    ///
    /// # Errors
    /// A socket or the program that takes timestamps away cannot be used, or the end was asked for.
    pub fn fetch(
        &self,
        mss: Option<u16>,
        program: &mut ProbeProgram,
        turn: &mut dyn FnMut(),
    ) -> Result<Fetched, ConnectError> {
        let socket = self.open(mss).map_err(ConnectError::Socket)?;
        let cookie = socket.cookie().map_err(ConnectError::Socket)?;
        let without_timestamps = ProbeConnection {
            mode: STRIP,
            ..ProbeConnection::default()
        };
        program.add(cookie, &without_timestamps)?;
        let fetched = self.transfer(&socket, turn);
        let local = socket.local_addr().ok();
        // Ended by a RST: what is on its way is of no use any more.
        let _ = socket.set_linger(Some(Duration::ZERO));
        drop(socket);
        program.remove(cookie)?;
        let (octets, ending) = fetched?;
        Ok(Fetched {
            port: local.and_then(|address| Some(address.as_socket()?.port())),
            octets,
            ending,
        })
    }

    fn open(&self, mss: Option<u16>) -> io::Result<Socket> {
        let domain = Domain::for_address(self.remote);
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        if let Some(mss) = mss {
            // Announced in the SYN, and so the most that the server sends.
            socket.set_tcp_mss(mss.into())?;
        }
        Ok(socket)
    }

    fn transfer(
        &self,
        socket: &Socket,
        turn: &mut dyn FnMut(),
    ) -> Result<(u64, Ending), ConnectError> {
        match socket.connect(&self.remote.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
                return Ok((0, unopened(&error)));
            }
            _ => {}
        }
        if !self.wait(socket, PollFlags::POLLOUT, HANDSHAKE_NS, turn)? {
            return Ok((0, Ending::Unanswered));
        }
        if let Some(error) = socket.take_error().map_err(ConnectError::Socket)? {
            return Ok((0, unopened(&error)));
        }
        let Ok(mut conversation) = Conversation::ask(socket, self.tls, self.request) else {
            return Ok((0, Ending::Reset));
        };
        while conversation.octets() < MOST_OCTETS {
            if !self.wait(socket, conversation.interest(), STALL_NS, turn)? {
                return Ok((conversation.octets(), Ending::Stalled));
            }
            match conversation.advance() {
                Ok(true) => return Ok((conversation.octets(), Ending::Complete)),
                Ok(false) => {}
                Err(_) => return Ok((conversation.octets(), Ending::Reset)),
            }
        }
        Ok((conversation.octets(), Ending::Complete))
    }

    /// Waits for a socket, in turns. Returns whether it is ready.
    fn wait(
        &self,
        socket: &Socket,
        flags: PollFlags,
        patience_ns: u64,
        turn: &mut dyn FnMut(),
    ) -> Result<bool, ConnectError> {
        let deadline_ns = self.clock.monotonic_ns().saturating_add(patience_ns);
        loop {
            turn();
            let now_ns = self.clock.monotonic_ns();
            let until_ns = deadline_ns.min(now_ns.saturating_add(TURN_NS));
            let what = Some((socket.as_fd(), flags));
            if self.signals.wait(self.clock, what, until_ns)? == Waited::Ready {
                return Ok(true);
            }
            if until_ns == deadline_ns {
                return Ok(false);
            }
        }
    }
}

/// How a connection ended that did not come about.
fn unopened(error: &io::Error) -> Ending {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        Ending::Refused
    } else {
        Ending::Unanswered
    }
}
