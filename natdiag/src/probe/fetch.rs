//! Fetches one response over a socket whose MSS is bounded, and says whether it came whole.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    os::fd::AsFd as _,
    time::Duration,
};

use nix::poll::PollFlags;
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    connector::ConnectError,
    fragments::{Ending, Response},
    socket::{Signals, Waited},
};
use crate::clock::Clock;

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
    /// The clock.
    pub clock: Clock,
    /// What ends the test.
    pub signals: &'a Signals,
}

impl Source<'_> {
    /// Fetches the response with segments of at most `mss` octets. `turn` is called many times a second.
    ///
    /// # Errors
    /// A socket cannot be used, or the end was asked for.
    pub fn fetch(
        &self,
        mss: Option<u16>,
        turn: &mut dyn FnMut(),
    ) -> Result<Response, ConnectError> {
        let socket = self.open(mss).map_err(ConnectError::Socket)?;
        let fetched = self.transfer(&socket, turn);
        // Ended by a RST: what is on its way is of no use any more.
        let _ = socket.set_linger(Some(Duration::ZERO));
        let (octets, ending) = fetched?;
        Ok(Response {
            mss,
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
        mut socket: &Socket,
        turn: &mut dyn FnMut(),
    ) -> Result<(u64, Ending), ConnectError> {
        match socket.connect(&self.remote.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
                return Ok((0, Ending::Unanswered));
            }
            _ => {}
        }
        if !self.wait(socket, PollFlags::POLLOUT, HANDSHAKE_NS, turn)? {
            return Ok((0, Ending::Unanswered));
        }
        if socket.take_error().map_err(ConnectError::Socket)?.is_some() {
            return Ok((0, Ending::Unanswered));
        }
        // A request of some octets fits any send buffer.
        if socket.write_all(self.request).is_err() {
            return Ok((0, Ending::Reset));
        }
        let mut octets = 0;
        let mut buffer = [0; 1 << 14];
        while octets < MOST_OCTETS {
            if !self.wait(socket, PollFlags::POLLIN, STALL_NS, turn)? {
                return Ok((octets, Ending::Stalled));
            }
            match socket.read(&mut buffer) {
                Ok(0) => return Ok((octets, Ending::Complete)),
                Ok(len) => octets += len as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Ok((octets, Ending::Reset)),
            }
        }
        Ok((octets, Ending::Complete))
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
