//! The connections of a test as sockets of the kernel. Their timestamps are changed by [`crate::bpf::probe`]; nothing
//! else about them is special.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use natdiag_common::probe::{KEEP, ProbeConnection, SET, STRIP};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    connection::{Attempt, Closed, Closing, Completion, Connection, Fate, SynTimestamps},
    connector::{ConnectError, Connector},
    conversation::Conversation,
    tls::Tls,
};
use crate::{bpf::probe::ProbeProgram, clock::Clock};

/// How long a server may take to close by itself, and when it was asked for something.
const WAIT_FOR_CLOSE_NS: u64 = 1_500_000_000;
const WAIT_FOR_RESPONSE_NS: u64 = 2_500_000_000;
/// Most octets of a response that are read while its end is waited for.
const MOST_OCTETS: u64 = 1 << 20;

const NS_PER_MS: u64 = 1_000_000;

/// What ends a test from outside, as something to wait for.
pub struct Signals {
    descriptor: SignalFd,
}

impl Signals {
    /// Takes Ctrl-C and its like from now on.
    ///
    /// # Errors
    /// The kernel has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let mask: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
            .into_iter()
            .collect();
        mask.thread_block()?;
        let descriptor =
            SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { descriptor })
    }

    /// Waits until a time.
    ///
    /// # Errors
    /// The end was asked for.
    pub fn sleep_until(&self, clock: Clock, time_ns: u64) -> Result<(), ConnectError> {
        self.wait(clock, None, time_ns).map(drop)
    }

    /// Waits for a descriptor, or only for a time.
    ///
    /// # Errors
    /// The end was asked for.
    pub(super) fn wait(
        &self,
        clock: Clock,
        what: Option<(BorrowedFd, PollFlags)>,
        deadline_ns: u64,
    ) -> Result<Waited, ConnectError> {
        loop {
            let left_ns = deadline_ns.saturating_sub(clock.monotonic_ns());
            // Rounded up, so that the last turn does not spin.
            let timeout =
                PollTimeout::try_from(left_ns.div_ceil(NS_PER_MS)).unwrap_or(PollTimeout::MAX);
            let signals = PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN);
            let mut descriptors = vec![signals];
            descriptors.extend(what.map(|(descriptor, flags)| PollFd::new(descriptor, flags)));
            match poll(&mut descriptors, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(ConnectError::Socket(error.into())),
            }
            let mut ready = descriptors.iter().map(|one| one.any().unwrap_or(false));
            if ready.next() == Some(true) {
                return Err(ConnectError::Interrupted);
            }
            if ready.next() == Some(true) {
                return Ok(Waited::Ready);
            }
            if left_ns == 0 {
                return Ok(Waited::TooLong);
            }
        }
    }
}

/// Makes connections to one address.
pub struct Sockets<'a> {
    /// Who is tested.
    pub remote: SocketAddr,
    /// The name that HTTP requests carry.
    pub host: &'a str,
    /// What the user wants to be sent.
    pub payload: Option<&'a [u8]>,
    /// How TLS is spoken, where the service is one of HTTPS.
    pub tls: Option<&'a Tls>,
    /// The programs on the way there.
    pub program: &'a mut ProbeProgram,
    /// The interface of the programs.
    pub interface: &'a str,
    /// The clock.
    pub clock: Clock,
    /// What ends the test.
    pub signals: &'a Signals,
}

/// What waiting has ended with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// The descriptor is ready.
    Ready,
    /// The time is over.
    TooLong,
}

/// What became of the socket of a connection.
struct Connected {
    errno: Option<i32>,
    is_open: bool,
    closed_by: Option<Closing>,
}

impl Connector for Sockets<'_> {
    fn now_ns(&self) -> u64 {
        self.clock.monotonic_ns()
    }

    fn wait_until(&mut self, time_ns: u64) -> Result<(), ConnectError> {
        self.wait(None, time_ns).map(drop)
    }

    fn attempt(&mut self, attempt: &Attempt) -> Result<Connection, ConnectError> {
        let socket = self
            .open(attempt.source_port)
            .map_err(ConnectError::Skipped)?;
        let cookie = socket.cookie().map_err(ConnectError::Socket)?;
        self.program.add(cookie, &wanted(attempt))?;
        let began_ns = self.now_ns();
        let connected = self.connect(&socket, attempt);
        let source_port = socket
            .local_addr()
            .ok()
            .and_then(|address| address.as_socket());
        // Before the program forgets the connection, which may have a RST to send yet.
        let seen = self.program.get(cookie);
        drop(socket);
        self.program.remove(cookie)?;
        let (connected, seen) = (connected?, seen?);
        if seen.syns_sent == 0 || (connected.is_open && seen.syn_acks == 0) {
            return self.unseen(&connected, &seen);
        }
        Ok(Connection {
            arm: attempt.arm,
            sent_ns: seen.syn_sent_ns.max(began_ns),
            tsval: has_timestamps(attempt, &seen).then_some(seen.first_tsval),
            fate: fate(&seen, connected.errno),
            handshake_ns: seen.answered_ns.checked_sub(seen.syn_sent_ns),
            source_port: source_port.map_or(0, |address| address.port()),
            syn_acks: seen.syn_acks,
            answered_with_timestamps: seen.syn_acks_with_timestamps > 0,
            ttl: u8::try_from(seen.ttl).ok().filter(|ttl| *ttl != 0),
            closed: connected.closed_by.map(|closing| Closed {
                mark: seen.last_tsval,
                at_ns: self.now_ns(),
                closing,
            }),
        })
    }
}

impl Sockets<'_> {
    fn open(&self, source_port: Option<u16>) -> io::Result<Socket> {
        let socket = Socket::new(
            Domain::for_address(self.remote),
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        if let Some(port) = source_port {
            socket.set_reuse_address(true)?;
            let local: SocketAddr = if self.remote.is_ipv4() {
                (Ipv4Addr::UNSPECIFIED, port).into()
            } else {
                (Ipv6Addr::UNSPECIFIED, port).into()
            };
            socket.bind(&local.into())?;
        }
        Ok(socket)
    }

    /// Waits for the answer to the SYN, and then for what the attempt wants.
    fn connect(&self, socket: &Socket, attempt: &Attempt) -> Result<Connected, ConnectError> {
        let failed = |errno| Connected {
            errno: Some(errno),
            is_open: false,
            closed_by: None,
        };
        match socket.connect(&self.remote.into()) {
            Ok(()) => {}
            Err(error) => match error.raw_os_error() {
                Some(libc::EINPROGRESS) => {}
                Some(errno @ (libc::ECONNREFUSED | libc::EHOSTUNREACH | libc::ENETUNREACH)) => {
                    return Ok(failed(errno));
                }
                _ => return Err(ConnectError::Skipped(error)),
            },
        }
        let deadline_ns = self.now_ns().saturating_add(attempt.patience_ns);
        let waited = self.wait(Some((socket.as_fd(), PollFlags::POLLOUT)), deadline_ns)?;
        if waited == Waited::TooLong {
            return Ok(failed(libc::ETIMEDOUT));
        }
        if let Some(error) = socket.take_error().map_err(ConnectError::Socket)? {
            return Ok(failed(error.raw_os_error().unwrap_or(libc::EIO)));
        }
        let closed_by = match attempt.completion {
            Completion::Refuse => None,
            Completion::Complete(closing) => self.provoke(socket, closing)?.then_some(closing),
        };
        if closed_by.is_none() {
            // Ended by a RST, the server remembers nothing of it.
            socket
                .set_linger(Some(Duration::ZERO))
                .map_err(ConnectError::Socket)?;
        } else {
            // Our FIN carries the last timestamp that the server remembers.
            let _ = socket.shutdown(std::net::Shutdown::Write);
        }
        Ok(Connected {
            errno: None,
            is_open: true,
            closed_by,
        })
    }

    /// Gives the server a reason to close first, and waits for that. Returns whether it did.
    fn provoke(&self, socket: &Socket, closing: Closing) -> Result<bool, ConnectError> {
        let patience_ns = match closing {
            Closing::Wait => WAIT_FOR_CLOSE_NS,
            Closing::Payload
            | Closing::HttpKeepAlive
            | Closing::HttpClose
            | Closing::HttpsKeepAlive
            | Closing::HttpsClose => WAIT_FOR_RESPONSE_NS,
        };
        let deadline_ns = self.now_ns().saturating_add(patience_ns);
        let tls = self.tls.filter(|_| closing.is_encrypted());
        let Ok(mut conversation) = Conversation::ask(socket, tls, &self.request(closing)) else {
            return Ok(false);
        };
        while conversation.octets() < MOST_OCTETS {
            let what = Some((socket.as_fd(), conversation.interest()));
            if self.wait(what, deadline_ns)? == Waited::TooLong {
                return Ok(false);
            }
            match conversation.advance() {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                // A RST: it has closed, and remembers nothing.
                Err(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    fn request(&self, closing: Closing) -> Vec<u8> {
        let connection = match closing {
            Closing::Payload => return self.payload.unwrap_or_default().to_vec(),
            Closing::Wait => return Vec::new(),
            Closing::HttpKeepAlive | Closing::HttpsKeepAlive => "",
            Closing::HttpClose | Closing::HttpsClose => "Connection: close\r\n",
        };
        format!(
            "HEAD / HTTP/1.1\r\nHost: {}\r\nUser-Agent: natdiag/{}\r\nAccept: */*\r\n{connection}\r\n",
            self.host,
            env!("CARGO_PKG_VERSION")
        )
        .into_bytes()
    }

    fn wait(
        &self,
        what: Option<(BorrowedFd, PollFlags)>,
        deadline_ns: u64,
    ) -> Result<Waited, ConnectError> {
        self.signals.wait(self.clock, what, deadline_ns)
    }

    /// The programs saw less than the socket.
    fn unseen(
        &self,
        connected: &Connected,
        seen: &ProbeConnection,
    ) -> Result<Connection, ConnectError> {
        if !connected.is_open && seen.syns_sent == 0 {
            let errno = connected.errno.unwrap_or(libc::EIO);
            return Err(ConnectError::Skipped(io::Error::from_raw_os_error(errno)));
        }
        Err(ConnectError::Hidden {
            interface: self.interface.to_owned(),
        })
    }
}

fn wanted(attempt: &Attempt) -> ProbeConnection {
    let (mode, wanted_tsval) = match attempt.timestamps {
        SynTimestamps::Own => (KEEP, 0),
        SynTimestamps::Set(tsval) => (SET, tsval),
        SynTimestamps::Without => (STRIP, 0),
    };
    ProbeConnection {
        mode,
        wanted_tsval,
        refuse: u32::from(attempt.completion == Completion::Refuse),
        ..ProbeConnection::default()
    }
}

/// Whether the SYN had timestamps: not where the host has turned them off, which leaves the place empty.
fn has_timestamps(attempt: &Attempt, seen: &ProbeConnection) -> bool {
    attempt.timestamps != SynTimestamps::Without && (seen.first_tsval, seen.last_tsval) != (0, 0)
}

fn fate(seen: &ProbeConnection, errno: Option<i32>) -> Fate {
    if seen.syn_acks > 0 {
        Fate::Answered
    } else if seen.resets > 0 {
        Fate::Refused
    } else if seen.stray_segments > 0 {
        Fate::Strayed
    } else if matches!(errno, Some(errno) if errno != libc::ETIMEDOUT) {
        Fate::Unreachable
    } else {
        Fate::Dropped
    }
}
