//! The programs of natdiag beside empty ones, and what runs both on given frames.
//!
//! One remote host: the program itself runs. Many: a driver writes the next address into the frame and goes on with
//! the program, and the empty program that it is compared with has the same driver.

use anyhow::{Context as _, Result, anyhow, ensure};
use aya::{
    Ebpf, EbpfLoader,
    maps::{MapData, PerCpuArray, PerCpuValues, ProgramArray, RingBuf},
    programs::{Program, ProgramFd, SchedClassifier, TestRun as _, TestRunOptions, Xdp},
};
use natdiag::bpf::load::{LoadOptions, WatchObject, WatchProgram};
use natdiag_common::{
    Direction, LinkType,
    counter::Totals,
    names,
    slot::{BUDGET_BURST, RemoteSlot, SLOTS},
};

use super::clock;

/// The varying addresses lie in 10.0.0.0/8.
const NETWORK: u32 = 0x0a00_0000;

/// Everything loaded.
pub(super) struct Rig {
    watch: WatchObject,
    bench: Ebpf,
    aim: PerCpuArray<MapData, [u32; 4]>,
    target_xdp: ProgramArray<MapData>,
    target_tc: ProgramArray<MapData>,
    totals: PerCpuArray<MapData, Totals>,
    slots: PerCpuArray<MapData, RemoteSlot>,
    spills: RingBuf<MapData>,
    records: RingBuf<MapData>,
}

/// Which program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The empty one of the same type.
    Empty,
    /// The one under test.
    Watch,
}

/// A place where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hook {
    pub(super) program: WatchProgram,
    pub(super) direction: Direction,
}

impl Hook {
    /// Those that are measured. The second XDP program differs in a flag only.
    pub(super) const ALL: [Self; 3] = [
        Self {
            program: WatchProgram::Xdp,
            direction: Direction::Ingress,
        },
        Self {
            program: WatchProgram::TcIngress,
            direction: Direction::Ingress,
        },
        Self {
            program: WatchProgram::TcEgress,
            direction: Direction::Egress,
        },
    ];

    fn is_xdp(self) -> bool {
        self.program == WatchProgram::Xdp
    }
}

impl Rig {
    /// Loads everything.
    pub(super) fn new() -> Result<Self> {
        let mut watch = WatchObject::open(LoadOptions::new(LinkType::Ethernet))?;
        for program in WatchProgram::ALL {
            watch.load(program)?;
        }
        let mut bench = EbpfLoader::new().load(natdiag::BENCH_OBJECT)?;
        for name in ["empty_xdp", "aim_xdp"] {
            let program: &mut Xdp = program_mut(&mut bench, name)?.try_into()?;
            program.load()?;
        }
        for name in ["empty_tc", "aim_tc"] {
            let program: &mut SchedClassifier = program_mut(&mut bench, name)?.try_into()?;
            program.load()?;
        }
        let ebpf = watch.ebpf_mut();
        Ok(Self {
            totals: take(ebpf, names::MAP_TOTALS)?.try_into()?,
            slots: take(ebpf, names::MAP_REMOTE_SLOTS)?.try_into()?,
            spills: take(ebpf, names::MAP_SPILLS)?.try_into()?,
            records: take(ebpf, names::MAP_RECORDS)?.try_into()?,
            aim: take(&mut bench, "AIM")?.try_into()?,
            target_xdp: take(&mut bench, "TARGET_XDP")?.try_into()?,
            target_tc: take(&mut bench, "TARGET_TC")?.try_into()?,
            watch,
            bench,
        })
    }

    /// Instructions that the verifier went through.
    pub(super) fn verified_instructions(&self, program: WatchProgram) -> Option<u32> {
        self.watch.verified_instructions(program)
    }

    /// Has the driver choose among so many remote hosts, from the start.
    pub(super) fn aim(&mut self, remotes: u32, offset: usize, seed: u32) -> Result<()> {
        let aim = [seed, remotes - 1, NETWORK, u32::try_from(offset)?];
        let cpus = aya::util::nr_cpus().map_err(|(_, error)| error)?;
        let values = PerCpuValues::try_from(vec![aim; cpus])?;
        Ok(self.aim.set(0, values, 0)?)
    }

    /// Runs a program on copies of one frame. Returns the nanoseconds of CPU time per packet.
    pub(super) fn run(
        &mut self,
        hook: Hook,
        subject: Subject,
        driven: bool,
        frame: &[u8],
        packets: u32,
    ) -> Result<f64> {
        if driven {
            self.point_driver(hook, subject)?;
        }
        let is_xdp = hook.is_xdp();
        let program = match (driven, subject) {
            (true, _) => self
                .bench
                .program(if is_xdp { "aim_xdp" } else { "aim_tc" }),
            (false, Subject::Empty) => {
                let name = if is_xdp { "empty_xdp" } else { "empty_tc" };
                self.bench.program(name)
            }
            (false, Subject::Watch) => self.watch.ebpf_mut().program(hook.program.name()),
        }
        .context("a program is missing")?;
        let options = TestRunOptions {
            data_in: Some(frame),
            repeat: packets,
            ..TestRunOptions::default()
        };
        let (time, result) = clock::time(|| match program {
            Program::Xdp(program) => Ok(program.test_run(options)?),
            Program::SchedClassifier(program) => Ok(program.test_run(options)?),
            _ => Err(anyhow!("a program has another type")),
        })?;
        let passed = if is_xdp { XDP_PASS } else { TC_ACT_UNSPEC };
        ensure!(
            result.return_value == passed,
            "{}: returned {}",
            hook.program,
            result.return_value
        );
        Ok(time.as_secs_f64() * 1e9 / f64::from(packets))
    }

    fn point_driver(&mut self, hook: Hook, subject: Subject) -> Result<()> {
        let is_xdp = hook.is_xdp();
        let fd = match subject {
            Subject::Watch => fd_of(self.watch.ebpf_mut().program(hook.program.name()))?,
            Subject::Empty if is_xdp => fd_of(self.bench.program("empty_xdp"))?,
            Subject::Empty => fd_of(self.bench.program("empty_tc"))?,
        };
        let target = if is_xdp {
            &mut self.target_xdp
        } else {
            &mut self.target_tc
        };
        Ok(target.set(0, fd, 0)?)
    }

    /// Empties both rings. Returns how many records there were.
    pub(super) fn drain(&mut self) -> u32 {
        while self.spills.next().is_some() {}
        let mut records = 0;
        while self.records.next().is_some() {
            records += 1;
        }
        records
    }

    /// The counters over all packets.
    pub(super) fn totals(&self) -> Result<Totals> {
        let mut sum = Totals::ZERO;
        for totals in self.totals.get(&0, 0)?.iter() {
            sum.add(totals);
        }
        Ok(sum)
    }

    /// Gives every slot all the budget that it can have.
    pub(super) fn fill_budgets(&mut self) -> Result<()> {
        for index in 0..SLOTS {
            let mut slots: Vec<RemoteSlot> = self.slots.get(&index, 0)?.iter().copied().collect();
            for slot in &mut slots {
                slot.budget = BUDGET_BURST;
            }
            self.slots.set(index, PerCpuValues::try_from(slots)?, 0)?;
        }
        Ok(())
    }
}

/// What a TC program returns to let the next one decide (`TC_ACT_UNSPEC`, include/uapi/linux/pkt_cls.h).
const TC_ACT_UNSPEC: u32 = u32::MAX;
/// What an XDP program returns to pass a packet on (`XDP_PASS`, include/uapi/linux/bpf.h).
const XDP_PASS: u32 = 2;

fn program_mut<'a>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut Program> {
    object
        .program_mut(name)
        .with_context(|| format!("there is no program `{name}`"))
}

fn fd_of(program: Option<&Program>) -> Result<&ProgramFd> {
    match program {
        Some(Program::Xdp(program)) => Ok(program.fd()?),
        Some(Program::SchedClassifier(program)) => Ok(program.fd()?),
        _ => Err(anyhow!("a program is missing")),
    }
}

fn take(object: &mut Ebpf, name: &str) -> Result<aya::maps::Map> {
    object
        .take_map(name)
        .with_context(|| format!("there is no map `{name}`"))
}
