//! The server: sends as much as it is asked for, over TCP and UDP.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::{AsRawFd as _, RawFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::sys::socket::{self, Backlog, sockopt};

use crate::lab::{
    namespace::Namespace,
    network::{Network, SERVER_V6},
    parameters::Parameters,
};

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(15);
/// How long the UDP server may sleep after it was told to end.
const TURN: Duration = Duration::from_millis(100);
/// Most octets of a UDP datagram.
const DATAGRAM_MAX: u32 = 65_000;

/// How the server takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// At once.
    Prompt,
    /// At once, and without path MTU discovery: packets are cut to what the device carries.
    WithoutPathMtu,
    /// At once, and without path MTU discovery on the guarded port.
    GuardedWithoutPathMtu,
    /// Slowly, with room for few that wait.
    Slow,
    /// At once, with room for few that have not been opened yet.
    ShortQueue,
}

/// What a client asks for: four octets, how many it sends behind them, and one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Octets of the response.
    pub(super) octets: u32,
    /// Octets that follow the request.
    pub(super) uploads: u32,
    /// What the server does when it has sent them.
    pub(super) then: Then,
}

/// What the server does after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Waits for another request, or for the client to close.
    Waits = 0,
    /// Closes.
    Closes = 1,
    /// Closes with a RST.
    Resets = 2,
}

impl Request {
    /// The request and what follows it.
    pub(super) fn to_octets(self) -> Vec<u8> {
        let mut octets = Vec::from(self.octets.to_be_bytes());
        octets.extend(self.uploads.to_be_bytes());
        octets.push(self.then as u8);
        octets.resize(octets.len() + self.uploads as usize, b'n');
        octets
    }

    /// Reads a request and takes what follows it.
    fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut number = || {
            let mut octets = [0; 4];
            stream.read_exact(&mut octets)?;
            io::Result::Ok(u32::from_be_bytes(octets))
        };
        let (octets, uploads) = (number()?, number()?);
        let mut then = [0];
        stream.read_exact(&mut then)?;
        stream.read_exact(&mut vec![0; uploads as usize])?;
        Ok(Self {
            octets,
            uploads,
            then: match then {
                [0] => Then::Waits,
                [1] => Then::Closes,
                _ => Then::Resets,
            },
        })
    }
}

/// Sockets that listen; they close when this goes.
#[derive(Debug)]
pub(crate) struct Servers {
    listeners: Vec<RawFd>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Servers {
    /// Listens on the open and on the guarded port of every host that takes connections.
    pub(crate) fn start(
        network: &Network,
        parameters: &Parameters,
        service: Service,
    ) -> Result<Self> {
        let mut servers = Self {
            listeners: Vec::new(),
            ended: Arc::default(),
            threads: Vec::new(),
        };
        for host in network.servers() {
            let has_ipv6 = host.name() == network.server.name();
            servers.listen(host, has_ipv6, parameters, service)?;
        }
        Ok(servers)
    }

    fn listen(
        &mut self,
        host: &Namespace,
        has_ipv6: bool,
        parameters: &Parameters,
        service: Service,
    ) -> Result<()> {
        let pause = Duration::from_millis(match service {
            Service::Slow => parameters.accept_pause_ms,
            Service::Prompt
            | Service::WithoutPathMtu
            | Service::GuardedWithoutPathMtu
            | Service::ShortQueue => 0,
        });
        let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
        let ports = [parameters.open_port, parameters.guarded_port];
        for address in [any, SERVER_V6.into()] {
            if address.is_ipv6() && !has_ipv6 {
                continue;
            }
            for port in ports {
                let at = SocketAddr::from((address, port));
                let listener = host.enter(|| {
                    TcpListener::bind(at).with_context(|| format!("cannot listen on {at}"))
                })?;
                let may_fragment = match service {
                    Service::WithoutPathMtu => true,
                    Service::GuardedWithoutPathMtu => port == parameters.guarded_port,
                    Service::Prompt | Service::Slow | Service::ShortQueue => false,
                };
                if may_fragment && at.is_ipv4() {
                    omit_path_mtu(&listener)?;
                }
                if matches!(service, Service::Slow | Service::ShortQueue) {
                    // Asked again, the kernel takes the new length.
                    socket::listen(&listener, Backlog::new(parameters.backlog)?)?;
                }
                self.listeners.push(listener.as_raw_fd());
                self.threads
                    .push(thread::spawn(move || accept(&listener, pause)));
            }
            let at = SocketAddr::from((address, parameters.open_port));
            let socket =
                host.enter(|| UdpSocket::bind(at).with_context(|| format!("cannot bind to {at}")))?;
            socket.set_read_timeout(Some(TURN))?;
            let ended = Arc::clone(&self.ended);
            self.threads
                .push(thread::spawn(move || answer(&socket, &ended)));
        }
        Ok(())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for listener in &self.listeners {
            // The threads below own the descriptors and have not ended. This wakes them.
            let _ = socket::shutdown(*listener, socket::Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, pause: Duration) {
    while let Ok((stream, _)) = listener.accept() {
        thread::sleep(pause);
        // A client that breaks off is no matter of the server.
        thread::spawn(move || serve(stream).ok());
    }
}

/// Answers requests until one side closes.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    loop {
        let request = Request::read(&mut stream)?;
        stream.write_all(&vec![b'n'; request.octets as usize])?;
        match request.then {
            Then::Waits => {}
            Then::Closes => break,
            Then::Resets => return reset(&stream),
        }
    }
    stream.shutdown(Shutdown::Write)?;
    let mut rest = [0; 16];
    while stream.read(&mut rest)? != 0 {}
    Ok(())
}

/// Has the kernel close it with a RST.
fn reset(stream: &TcpStream) -> io::Result<()> {
    let at_once = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    Ok(socket::setsockopt(stream, sockopt::Linger, &at_once)?)
}

/// Answers datagrams: each asks for so many octets, or for nothing.
fn answer(socket: &UdpSocket, ended: &AtomicBool) {
    let mut request = [0; 4];
    while !ended.load(Ordering::Relaxed) {
        let Ok((_, from)) = socket.recv_from(&mut request) else {
            continue;
        };
        let octets = u32::from_be_bytes(request).min(DATAGRAM_MAX);
        if octets > 0 {
            // A client that has gone is no matter of the server.
            let _ = socket.send_to(&vec![b'n'; octets as usize], from);
        }
    }
}

/// Lets the kernel fragment what does not fit the device (`IP_PMTUDISC_OMIT`).
pub(crate) fn omit_path_mtu(listener: &TcpListener) -> Result<()> {
    let value: libc::c_int = libc::IP_PMTUDISC_OMIT;
    let len = libc::socklen_t::try_from(size_of_val(&value))?;
    // SAFETY: the descriptor is open, and the value is as long as is said.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            (&raw const value).cast(),
            len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error()).context("cannot turn path MTU discovery off");
    }
    Ok(())
}
