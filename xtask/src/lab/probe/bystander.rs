//! Another client behind the same NAT, which connects throughout, and counts what it loses.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Result;

use crate::lab::{namespace::Namespace, network::SERVER};

/// How long it waits for an answer: less than the second after which the kernel sends the SYN again.
const PATIENCE: Duration = Duration::from_millis(900);

/// What it asks for; a server that speaks first has closed by then.
const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// What it is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Some connections a second, each to its end.
    Polite,
    /// One every few seconds, each to its end.
    Rare,
    /// Many, so that a short queue is full.
    Greedy,
}

/// A client.
pub(super) struct Bystander {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    tried: AtomicU64,
    lost: AtomicU64,
}

/// What it has counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    /// Connections that it tried.
    pub(super) tried: u64,
    /// Those of them that had no answer to their first SYN.
    pub(super) lost: u64,
}

impl Bystander {
    /// Begins to connect.
    pub(super) fn start(host: &Namespace, port: u16, kind: Kind) -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let told = Arc::clone(&shared);
        // A thread inherits the namespace of the one that starts it.
        let thread = host.enter(move || Ok(thread::spawn(move || connect(port, kind, &told))))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// What it has counted so far.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            tried: self.shared.tried.load(Ordering::Relaxed),
            lost: self.shared.lost.load(Ordering::Relaxed),
        }
    }

    /// Ends it; what it has counted.
    pub(super) fn finish(mut self) -> Counts {
        self.end();
        self.counts()
    }

    fn end(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It cannot fail but by a panic, which is printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.end();
    }
}

fn connect(port: u16, kind: Kind, shared: &Shared) {
    let to = SocketAddr::from((SERVER, port));
    let mut held = Vec::new();
    while !shared.ended.load(Ordering::Relaxed) {
        let patience = match kind {
            Kind::Polite | Kind::Rare => PATIENCE,
            Kind::Greedy => Duration::from_millis(40),
        };
        let connected = TcpStream::connect_timeout(&to, patience);
        shared.tried.fetch_add(1, Ordering::Relaxed);
        match connected {
            Ok(stream) if kind == Kind::Greedy => held.push(stream),
            Ok(mut stream) => {
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.write_all(REQUEST);
                let mut text = Vec::new();
                let _ = stream.read_to_end(&mut text);
            }
            Err(_) => drop(shared.lost.fetch_add(1, Ordering::Relaxed)),
        }
        if held.len() > 8 {
            held.clear();
        }
        thread::sleep(match kind {
            Kind::Polite => Duration::from_millis(150),
            Kind::Rare => Duration::from_millis(2_500),
            Kind::Greedy => Duration::from_millis(20),
        });
    }
}
