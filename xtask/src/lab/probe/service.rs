//! The server of a test: who closes first, and whether it keeps up.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::tls;
use crate::lab::{namespace::Namespace, traffic::omit_path_mtu};

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(8);
/// How long the server may sleep after it was told to end.
const TURN: Duration = Duration::from_millis(20);
/// Octets of a large response: many full segments.
const LARGE_OCTETS: usize = 20_000;
/// A spell in which the overloaded server takes nobody, and the time between the beginnings of two.
const SPELL: Duration = Duration::from_secs(4);
const PERIOD: Duration = Duration::from_secs(9);

/// What the server is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It says something and closes.
    Closes,
    /// It speaks HTTP, and closes when asked to.
    Http,
    /// It waits for the client to close.
    Waits,
    /// It says something and closes; it has a queue of one, and spells in which it takes nobody.
    Overloaded,
    /// It speaks HTTP over TLS, and closes when asked to.
    Https,
    /// It answers each request over TLS, and closes.
    HttpsCloses,
    /// It answers with much, and closes.
    Large,
    /// It answers with much over TLS, and closes.
    LargeHttps,
    /// It answers with much and closes, and has its kernel fragment what does not fit the device.
    LargeCut,
    /// Nobody listens.
    Absent,
}

impl Kind {
    /// Whether it speaks TLS.
    pub(super) const fn is_encrypted(self) -> bool {
        matches!(self, Self::Https | Self::HttpsCloses | Self::LargeHttps)
    }
}

/// A server; it ends when this does.
pub(crate) struct Service {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Listens on both families.
    pub(crate) fn start(host: &Namespace, port: u16, kind: Kind) -> Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        if kind == Kind::Absent {
            return Ok(Self {
                ended,
                thread: None,
            });
        }
        tls::prepare()?;
        let at = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let listener =
            host.enter(|| TcpListener::bind(at).with_context(|| format!("cannot listen on {at}")))?;
        listener.set_nonblocking(true)?;
        if kind == Kind::Overloaded {
            shorten_queue(&listener)?;
        }
        if kind == Kind::LargeCut {
            omit_path_mtu(&listener)?;
        }
        let told = Arc::clone(&ended);
        let thread = thread::spawn(move || accept(&listener, kind, &told));
        Ok(Self {
            ended,
            thread: Some(thread),
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, kind: Kind, ended: &AtomicBool) {
    let start = Instant::now();
    while !ended.load(Ordering::Relaxed) {
        let in_period = start.elapsed().as_nanos() % PERIOD.as_nanos();
        if kind == Kind::Overloaded && in_period < SPELL.as_nanos() {
            thread::sleep(TURN);
            continue;
        }
        match listener.accept() {
            // A client that breaks off is no matter of the server.
            Ok((stream, _)) => drop(thread::spawn(move || serve(stream, kind).ok())),
            Err(_) => thread::sleep(TURN),
        }
    }
}

fn serve(mut stream: TcpStream, kind: Kind) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(IDLE))?;
    match kind {
        Kind::Closes | Kind::Overloaded => stream.write_all(b"220 goodbye\r\n")?,
        Kind::Http => answer(&mut stream, false)?,
        Kind::Large | Kind::LargeCut => say_much(&mut stream)?,
        Kind::Https | Kind::HttpsCloses | Kind::LargeHttps => {
            let mut session = tls::accept(&stream)?;
            if kind == Kind::LargeHttps {
                say_much(&mut session)?;
            } else {
                answer(&mut session, kind == Kind::HttpsCloses)?;
            }
            session.conn.send_close_notify();
            session.flush()?;
        }
        Kind::Waits | Kind::Absent => return wait(&mut stream),
    }
    stream.shutdown(Shutdown::Write)?;
    wait(&mut stream)
}

/// Waits until the client closes.
fn wait(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 256];
    while stream.read(&mut rest)? != 0 {}
    Ok(())
}

fn say_much(stream: &mut (impl io::Read + io::Write)) -> io::Result<()> {
    let mut request = [0; 512];
    let _ = stream.read(&mut request)?;
    stream.write_all(&vec![b'n'; LARGE_OCTETS])
}

/// Answers requests of HTTP until one wants the connection closed, or only the first one.
fn answer(stream: &mut (impl io::Read + io::Write), only_one: bool) -> io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 512];
    loop {
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            return Ok(());
        }
        request.extend_from_slice(buffer.get(..len).unwrap_or_default());
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
        let text = String::from_utf8_lossy(&request);
        if only_one || text.contains("Connection: close") {
            return Ok(());
        }
        request.clear();
    }
}

/// A queue for one connection that is not accepted yet.
fn shorten_queue(listener: &TcpListener) -> Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open; listen(2) may be called again to change the queue.
    let result = unsafe { libc::listen(listener.as_raw_fd(), 1) };
    if result != 0 {
        return Err(io::Error::last_os_error()).context("cannot shorten the queue");
    }
    Ok(())
}
