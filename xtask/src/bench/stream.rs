//! One TCP stream over veth, with natdiag and without it by turns: what is left of the throughput.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use natdiag::bpf::load::WatchObject;
use natdiag_common::{counter::Totals, names, testkit::Random};
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::{
    clock,
    live::{
        self,
        wire::{FAR_ADDRESS, Wire},
    },
    statistics::Median,
};

/// Pairs of windows in one round.
const PAIRS_PER_ROUND: usize = 2;
/// How long one window is looked at.
const WINDOW: Duration = Duration::from_millis(200);
/// How long to wait after something was attached or detached.
const SETTLE: Duration = Duration::from_millis(20);
/// Octets of one write, and at most of one read.
const CHUNK: usize = 1 << 18;
/// The port that receives.
const PORT: u16 = 5001;

/// What was measured. All ratios are with natdiag over without it, one per pair of windows.
#[derive(Serialize)]
pub(super) struct Figures {
    pub(super) pairs: usize,
    pub(super) throughput: Median,
    /// Octets per CPU second of this process, which is both ends; what else runs on the machine is not in it.
    pub(super) octets_per_cpu: Median,
    pub(super) gbit_per_second_without: Median,
}

/// Measures pairs of windows of one stream.
pub(super) fn measure(rounds: usize) -> Result<Figures> {
    thread::scope(|scope| {
        scope
            .spawn(|| measure_here(rounds * PAIRS_PER_ROUND))
            .join()
            .map_err(|_| anyhow!("the measuring thread panicked"))?
    })
}

/// Octets per second, and per CPU second.
#[derive(Clone, Copy, Default)]
struct Speed {
    per_second: f64,
    per_cpu_second: f64,
}

#[derive(Default)]
struct Stream {
    received: AtomicU64,
    ended: AtomicBool,
}

fn measure_here(pairs: usize) -> Result<Figures> {
    clock::use_all_cpus()?;
    let wire = Wire::new()?;
    wire.go_far()?;
    let listener = TcpListener::bind((FAR_ADDRESS, PORT))?;
    wire.go_near()?;
    let sender = TcpStream::connect((FAR_ADDRESS, PORT))?;
    let (receiver, _) = listener.accept()?;
    wire.go_far()?;
    let stream = Stream::default();
    thread::scope(|scope| {
        let receiving = scope.spawn(|| stream.receive(receiver));
        let sending = scope.spawn(|| stream.send(sender));
        let figures = stream.compare(pairs);
        stream.ended.store(true, Ordering::Relaxed);
        for end in [receiving, sending] {
            end.join().map_err(|_| anyhow!("an end panicked"))??;
        }
        figures
    })
}

impl Stream {
    fn send(&self, mut stream: TcpStream) -> Result<()> {
        let chunk = vec![0; CHUNK];
        while !self.ended.load(Ordering::Relaxed) {
            stream.write_all(&chunk)?;
        }
        Ok(())
    }

    fn receive(&self, mut stream: TcpStream) -> Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let octets = stream.read(&mut chunk)?;
            if octets == 0 {
                return Ok(());
            }
            self.received.fetch_add(octets as u64, Ordering::Relaxed);
        }
    }

    fn compare(&self, pairs: usize) -> Result<Figures> {
        let mut object = live::watch_object()?;
        let mut random = Random::new(3);
        let (mut throughput, mut per_cpu, mut without_gbit) = (Vec::new(), Vec::new(), Vec::new());
        self.window()?;
        for _ in 0..pairs {
            let (mut with, mut without) = (Speed::default(), Speed::default());
            let first = random.once_in(2);
            for watched in [first, !first] {
                if watched {
                    let attached = live::watch(&mut object)?;
                    with = self.window()?;
                    drop(attached);
                } else {
                    without = self.window()?;
                }
            }
            throughput.push(with.per_second / without.per_second);
            per_cpu.push(with.per_cpu_second / without.per_cpu_second);
            without_gbit.push(without.per_second * 8.0 / 1e9);
        }
        ensure!(
            packets(&mut object)? > 0,
            "natdiag has seen nothing of the stream"
        );
        Ok(Figures {
            pairs,
            throughput: Median::of(throughput),
            octets_per_cpu: Median::of(per_cpu),
            gbit_per_second_without: Median::of(without_gbit),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn window(&self) -> Result<Speed> {
        thread::sleep(SETTLE);
        let state = || -> Result<(Duration, Duration, u64)> {
            let clock = |id| -> Result<Duration> { Ok(clock_gettime(id)?.into()) };
            Ok((
                clock(ClockId::CLOCK_MONOTONIC)?,
                clock(ClockId::CLOCK_PROCESS_CPUTIME_ID)?,
                self.received.load(Ordering::Relaxed),
            ))
        };
        let (start, cpu_start, octets_start) = state()?;
        thread::sleep(WINDOW);
        let (end, cpu_end, octets_end) = state()?;
        let octets = (octets_end - octets_start) as f64;
        ensure!(octets > 0.0, "the stream stands still");
        Ok(Speed {
            per_second: octets / end.saturating_sub(start).as_secs_f64(),
            per_cpu_second: octets / cpu_end.saturating_sub(cpu_start).as_secs_f64(),
        })
    }
}

/// Packets that natdiag has seen.
fn packets(object: &mut WatchObject) -> Result<u64> {
    let map = object.ebpf_mut().map(names::MAP_TOTALS);
    let map = map.context("the counters are missing")?;
    let totals: aya::maps::PerCpuArray<_, Totals> = map.try_into()?;
    let per_cpu = totals.get(&0, 0)?;
    Ok(per_cpu.iter().flat_map(|totals| totals.counters).sum())
}
