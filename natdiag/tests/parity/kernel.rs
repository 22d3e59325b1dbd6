//! One program in the kernel, with maps of its own, that runs on given frames.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use aya::{
    maps::{MapData, PerCpuArray, RingBuf},
    programs::{ProgramError, SchedClassifier, TcAttachType, TestRun as _, TestRunOptions, Xdp},
};
use natdiag::bpf::{
    load::WatchObject,
    program::{LoadOptions, WatchProgram},
};
use natdiag_common::{
    Direction, LinkType,
    counter::{Counter, Totals},
    names,
    record::Record,
    slot::{RemoteSlot, Spill},
};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::{Pid, geteuid},
};

/// How long a packet may take through the loopback.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a program did with frames.
pub(crate) struct Seen {
    /// Counters since the program was loaded.
    pub(crate) totals: Totals,
    /// Records of these frames.
    pub(crate) records: Vec<Record>,
    /// Spills caused by these frames.
    pub(crate) spills: Vec<Spill>,
}

/// A loaded program.
pub(crate) struct Kernel {
    object: WatchObject,
    program: WatchProgram,
    cpu: usize,
    totals: PerCpuArray<MapData, Totals>,
    slots: PerCpuArray<MapData, RemoteSlot>,
    records: RingBuf<MapData>,
    spills: RingBuf<MapData>,
}

/// Says so where a test cannot run.
pub(crate) fn needs_root(test: &str) -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        println!("SKIP {test}: needs root");
    }
    !is_root
}

impl Kernel {
    /// Loads a program, and keeps the calling thread on one CPU.
    pub(crate) fn open(program: WatchProgram, link_type: LinkType) -> Self {
        let cpu = pin();
        let mut object = WatchObject::open(LoadOptions::new(link_type)).unwrap();
        object
            .load(program)
            .unwrap_or_else(|error| panic!("{error}"));
        let mut take = |name| object.ebpf_mut().take_map(name).unwrap();
        Self {
            cpu,
            totals: take(names::MAP_TOTALS).try_into().unwrap(),
            slots: take(names::MAP_REMOTE_SLOTS).try_into().unwrap(),
            records: take(names::MAP_RECORDS).try_into().unwrap(),
            spills: take(names::MAP_SPILLS).try_into().unwrap(),
            program,
            object,
        }
    }

    /// The CPU that the programs run on.
    pub(crate) fn cpu(&self) -> usize {
        self.cpu
    }

    /// Which way the program takes its packets to go.
    pub(crate) fn direction(&self) -> Direction {
        match self.program {
            WatchProgram::Xdp | WatchProgram::XdpFrags | WatchProgram::TcIngress => {
                Direction::Ingress
            }
            WatchProgram::TcEgress => Direction::Egress,
        }
    }

    /// Whether the call itself takes no such frame: less than an Ethernet header, or for TC less than the fixed IP
    /// header that the Ethernet header announces.
    pub(crate) fn refuses(&self, frame: &[u8]) -> bool {
        let Some(payload) = frame.get(14..) else {
            return true;
        };
        let is_tc = matches!(
            self.program,
            WatchProgram::TcIngress | WatchProgram::TcEgress
        );
        is_tc
            && match frame[12..14] {
                [0x08, 0x00] => payload.len() < 20,
                [0x86, 0xdd] => payload.len() < 40,
                _ => false,
            }
    }

    /// Has the call refuse a frame.
    pub(crate) fn assert_refused(&mut self, frame: &[u8]) {
        let before = self.drain().totals;
        let error = self
            .test_run(frame, 1)
            .expect_err("the call refuses the frame");
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{error}");
        assert_eq!(self.drain().totals, before);
    }

    /// Runs the program on a frame.
    pub(crate) fn run(&mut self, frame: &[u8]) -> Seen {
        self.run_often(frame, 1)
    }

    /// Runs the program on a frame several times.
    pub(crate) fn run_often(&mut self, frame: &[u8], times: u32) -> Seen {
        if let Err(error) = self.test_run(frame, times) {
            panic!("{} octets: {error}", frame.len());
        }
        self.drain()
    }

    /// Attaches a TC program, until `self` is dropped.
    pub(crate) fn attach(&mut self, interface: &str) {
        let direction = match self.direction() {
            Direction::Ingress => TcAttachType::Ingress,
            Direction::Egress => TcAttachType::Egress,
        };
        let program = self.object.ebpf_mut().program_mut(self.program.name());
        let program: &mut SchedClassifier = program.unwrap().try_into().unwrap();
        program.attach(interface, direction).unwrap();
    }

    /// Waits until the attached program has seen so many packets since it was loaded.
    #[expect(clippy::disallowed_methods, reason = "the kernel takes its time")]
    pub(crate) fn wait_for(&mut self, packets: u64) -> Seen {
        let start = Instant::now();
        while self.packets() < packets {
            assert!(start.elapsed() < PATIENCE, "{packets} packets do not come");
            thread::yield_now();
        }
        self.drain()
    }

    fn packets(&self) -> u64 {
        let totals = self.totals();
        totals.value(Counter::PacketsIngress) + totals.value(Counter::PacketsEgress)
    }

    /// One slot on the CPU of the runs.
    pub(crate) fn slot(&mut self, index: u32) -> RemoteSlot {
        let slots = self.slots.get(&index, 0).unwrap();
        slots[self.cpu]
    }

    fn test_run(&mut self, frame: &[u8], times: u32) -> io::Result<()> {
        let mut out = vec![0; frame.len() + 64];
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut out),
            repeat: times,
            ..TestRunOptions::new()
        };
        let program = self.object.ebpf_mut().program(self.program.name()).unwrap();
        let (result, pass) = match self.program {
            WatchProgram::Xdp | WatchProgram::XdpFrags => {
                let program: &Xdp = program.try_into().unwrap();
                (program.test_run(options), 2)
            }
            WatchProgram::TcIngress | WatchProgram::TcEgress => {
                let program: &SchedClassifier = program.try_into().unwrap();
                (program.test_run(options), u32::MAX)
            }
        };
        let result = match result {
            Ok(result) => result,
            Err(ProgramError::SyscallError(error)) => return Err(error.io_error),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(result.return_value, pass, "packets are only ever passed on");
        assert_eq!(
            &out[..result.data_size_out as usize],
            frame,
            "and left as they are"
        );
        Ok(())
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::ZERO;
        for of_cpu in self.totals.get(&0, 0).unwrap().iter() {
            totals.add(of_cpu);
        }
        totals
    }

    fn drain(&mut self) -> Seen {
        // SAFETY: both are made of integers, without padding: any octets are one.
        let (records, spills) =
            unsafe { (drain_ring(&mut self.records), drain_ring(&mut self.spills)) };
        Seen {
            totals: self.totals(),
            records,
            spills,
        }
    }
}

/// Everything in a ring.
///
/// # Safety
/// Any octets must be a `T`.
unsafe fn drain_ring<T: Copy>(ring: &mut RingBuf<MapData>) -> Vec<T> {
    let mut entries = Vec::new();
    while let Some(entry) = ring.next() {
        assert_eq!(entry.len(), size_of::<T>());
        // SAFETY: it has the size of a `T`, and the caller vouches for the rest.
        entries.push(unsafe { entry.as_ptr().cast::<T>().read_unaligned() });
    }
    entries
}

/// Keeps this thread on the first CPU that it may use.
fn pin() -> usize {
    let thread = Pid::from_raw(0);
    let allowed = sched_getaffinity(thread).unwrap();
    let cpu = (0..CpuSet::count())
        .find(|cpu| allowed.is_set(*cpu).unwrap())
        .unwrap();
    let mut only = CpuSet::new();
    only.set(cpu).unwrap();
    sched_setaffinity(thread, &only).unwrap();
    cpu
}
