//! Another client behind the same NAT, which connects throughout, and counts what it loses.

use std::{
    io::Read as _,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Result;

use crate::lab::{namespace::Namespace, network::SERVER};

/// How long it waits for an answer: less than the second after which the kernel sends the SYN again.
const PATIENCE: Duration = Duration::from_millis(900);

/// What it is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A connection now and then, each to its end.
    Polite,
    /// Many, so that a short queue is full.
    Greedy,
}

/// A client.
pub(super) struct Bystander {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<(u64, u64)>,
}

impl Bystander {
    /// Begins to connect.
    pub(super) fn start(host: &Namespace, port: u16, kind: Kind) -> Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        // A thread inherits the namespace of the one that starts it.
        let thread = host.enter(move || Ok(thread::spawn(move || connect(port, kind, &told))))?;
        Ok(Self { ended, thread })
    }

    /// Ends it; how many connections it tried, and how many had no answer.
    pub(super) fn finish(self) -> (u64, u64) {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn connect(port: u16, kind: Kind, ended: &AtomicBool) -> (u64, u64) {
    let to = SocketAddr::from((SERVER, port));
    let (mut tried, mut lost) = (0, 0);
    let mut held = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        tried += 1;
        let patience = match kind {
            Kind::Polite => PATIENCE,
            Kind::Greedy => Duration::from_millis(40),
        };
        match TcpStream::connect_timeout(&to, patience) {
            Ok(mut stream) if kind == Kind::Polite => {
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let mut text = Vec::new();
                let _ = stream.read_to_end(&mut text);
            }
            Ok(stream) => held.push(stream),
            Err(_) => lost += 1,
        }
        if held.len() > 8 {
            held.clear();
        }
        thread::sleep(match kind {
            Kind::Polite => Duration::from_millis(150),
            Kind::Greedy => Duration::from_millis(20),
        });
    }
    (tried, lost)
}
