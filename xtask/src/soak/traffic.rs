//! Connections that open and close at a watched device, and fragments: frames that are made once and stamped anew each
//! time.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use natdiag_common::testkit::{Payload as _, tcp, udp};

use crate::{
    bench::live::{
        flood::Flood,
        wire::{FAR, NEAR, Wire},
    },
    exec::say,
};

/// Connections that differ by their ports and remote host, and that open and close together.
const CONNECTIONS: u16 = 32_768;
const TOGETHER: u16 = 32;
/// Remote hosts at a time, and how many such groups take turns.
const REMOTES: u16 = 4_096;
const GROUPS: u8 = 4;
/// Our side: nobody whom the device's own stack would answer for.
const CLIENT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// First octets of the remote hosts.
const REMOTE: [u8; 2] = [100, 64];
/// Where fields are in a frame with a plain Ethernet and IPv4 header.
const SOURCE: usize = 14 + 12;
const DESTINATION: usize = 14 + 16;
const SEQ: usize = 14 + 20 + 4;
const ACK: usize = 14 + 20 + 8;
/// Fragments of a datagram sent for each batch of connections in a flood.
const FRAGMENTS: u16 = 64;

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Load {
    Nothing,
    /// As many handshakes as nothing may be missed of.
    UpToLimit,
    /// As many as two cores give.
    Full,
    /// As many as two cores give, in a flood of fragments.
    FullWithFragments,
}

/// A generator that runs until it is dropped.
pub(super) struct Traffic {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    load: AtomicU8,
    handshakes: AtomicU64,
    ends: AtomicBool,
}

impl Traffic {
    /// Starts a generator that sends nothing yet.
    pub(super) fn start(wire: &Wire, limit: u32) -> Result<Self> {
        wire.go_near()?;
        let near = Flood::open(NEAR)?;
        wire.go_far()?;
        let far = Flood::open(FAR)?;
        let shared = Arc::<Shared>::default();
        let mut generator = Generator {
            near,
            far,
            limit,
            batches: (0..CONNECTIONS)
                .step_by(TOGETHER.into())
                .map(|first| Batch::new(first..first + TOGETHER))
                .collect(),
            fragments: fragments(),
            shared: Arc::clone(&shared),
        };
        let thread = thread::spawn(move || {
            if let Err(error) = generator.run() {
                say(format_args!("the traffic ends: {error:#}"));
            }
        });
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// What is sent from here on.
    pub(super) fn set(&self, load: Load) {
        self.shared.load.store(load as u8, Ordering::Relaxed);
    }

    /// Connections opened and closed so far.
    pub(super) fn handshakes(&self) -> u64 {
        self.shared.handshakes.load(Ordering::Relaxed)
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            say("the thread of the traffic panicked");
        }
    }
}

struct Generator {
    near: Flood,
    far: Flood,
    /// Handshakes a second, where they are limited.
    limit: u32,
    batches: Vec<Batch>,
    fragments: Vec<Vec<u8>>,
    shared: Arc<Shared>,
}

impl Generator {
    fn run(&mut self) -> Result<()> {
        let mut due = Instant::now();
        for turn in 0_u32.. {
            for batch in &mut self.batches {
                let load = self.shared.load.load(Ordering::Relaxed);
                if self.shared.ends.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if load == Load::Nothing as u8 {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
                batch.stamp(turn)?;
                self.far.send_all(&batch.syns)?;
                self.near.send_all(&batch.syn_acks)?;
                self.far.send_all(&batch.fins)?;
                self.near.send_all(&batch.fins_back)?;
                self.shared
                    .handshakes
                    .fetch_add(TOGETHER.into(), Ordering::Relaxed);
                if load == Load::FullWithFragments as u8 {
                    self.near.send_all(&self.fragments)?;
                }
                if load == Load::UpToLimit as u8 {
                    due += Duration::from_secs(1) * u32::from(TOGETHER) / self.limit.max(1);
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                } else {
                    due = Instant::now();
                }
            }
        }
        Ok(())
    }
}

/// Connections that open and close together.
struct Batch {
    first: u16,
    syns: Vec<Vec<u8>>,
    syn_acks: Vec<Vec<u8>>,
    fins: Vec<Vec<u8>>,
    fins_back: Vec<Vec<u8>>,
}

impl Batch {
    fn new(numbers: std::ops::Range<u16>) -> Self {
        let server = Ipv4Addr::new(REMOTE[0], REMOTE[1], 0, 0);
        let frame = |segment: fn(u16) -> natdiag_common::testkit::Segment, is_ours: bool| {
            let numbers = numbers.clone();
            numbers
                .map(|number| {
                    let port = 20_000 + number;
                    // The server echoes what it was sent.
                    let stamp = u32::from(port);
                    if is_ours {
                        segment(port)
                            .timestamps(stamp, 1)
                            .in_ipv4(CLIENT, server)
                            .frame()
                    } else {
                        segment(port)
                            .timestamps(1, stamp)
                            .in_ipv4(server, CLIENT)
                            .frame()
                    }
                })
                .collect()
        };
        Self {
            first: numbers.start,
            syns: frame(|port| tcp().syn().ports(port, 443).mss(1460), true),
            syn_acks: frame(|port| tcp().syn().ack(1).ports(443, port).mss(1460), false),
            fins: frame(|port| tcp().fin().ack(1).ports(port, 443), true),
            fins_back: frame(|port| tcp().fin().ack(1).ports(443, port), false),
        }
    }

    /// Makes them other connections, with other remote hosts, than those of the turn before.
    fn stamp(&mut self, turn: u32) -> Result<()> {
        let [.., group] = (turn % u32::from(GROUPS)).to_be_bytes();
        let isn = turn.wrapping_mul(1 << 20);
        let frames = self.syns.iter_mut().zip(&mut self.syn_acks);
        let frames = frames.zip(self.fins.iter_mut().zip(&mut self.fins_back));
        for (number, ((syn, syn_ack), (fin, fin_back))) in (self.first..).zip(frames) {
            let [high, low] = (number % REMOTES).to_be_bytes();
            let remote = [REMOTE[0], REMOTE[1] + group, high, low];
            for (frame, place) in [
                (&mut *syn, DESTINATION),
                (&mut *syn_ack, SOURCE),
                (&mut *fin, DESTINATION),
                (&mut *fin_back, SOURCE),
            ] {
                write(frame, place, remote)?;
            }
            write(syn, SEQ, isn.to_be_bytes())?;
            write(syn_ack, SEQ, isn.to_be_bytes())?;
            write(syn_ack, ACK, isn.wrapping_add(1).to_be_bytes())?;
            // A request of 100 octets, a response of 1,000.
            write(fin, SEQ, isn.wrapping_add(101).to_be_bytes())?;
            write(fin, ACK, isn.wrapping_add(1001).to_be_bytes())?;
            write(fin_back, SEQ, isn.wrapping_add(1001).to_be_bytes())?;
            write(fin_back, ACK, isn.wrapping_add(102).to_be_bytes())?;
        }
        Ok(())
    }
}

fn write(frame: &mut [u8], place: usize, octets: [u8; 4]) -> Result<()> {
    let field = frame
        .get_mut(place..)
        .and_then(|rest| rest.first_chunk_mut());
    *field.context("the frame is too short")? = octets;
    Ok(())
}

/// First fragments of datagrams that never become whole, from many hosts.
fn fragments() -> Vec<Vec<u8>> {
    (0..FRAGMENTS)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let remote = Ipv4Addr::new(REMOTE[0], REMOTE[1] + GROUPS, high, low);
            udp()
                .data_len(1472)
                .in_ipv4(remote, CLIENT)
                .identification(number)
                .first_fragment()
                .frame()
        })
        .collect()
}
