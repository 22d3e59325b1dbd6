//! Runs programs on given frames, and measures the CPU time. The empty programs are here, too.
//!
//! One remote host: the program itself runs. Many: a driver in the kernel writes the next address into the frame and
//! goes on with the program, and the empty program that it is compared with has the same driver.

use anyhow::{Context as _, Result, anyhow, ensure};
use aya::{
    Ebpf, EbpfLoader,
    maps::{Map, MapData, PerCpuArray, PerCpuValues, ProgramArray},
    programs::{Program, ProgramFd, SchedClassifier, TestRun as _, TestRunOptions, Xdp},
};
use natdiag::bpf::{load::WatchObject, program::WatchProgram};
use natdiag_common::Direction;

use super::clock;

/// The varying addresses lie in 10.0.0.0/8.
const NETWORK: u32 = 0x0a00_0000;
/// What a TC program returns to let the next one decide (`TC_ACT_UNSPEC`, `include/uapi/linux/pkt_cls.h`).
const TC_ACT_UNSPEC: u32 = u32::MAX;
/// What an XDP program returns to pass a packet on (`XDP_PASS`, include/uapi/linux/bpf.h).
const XDP_PASS: u32 = 2;

/// Fewer packets are drowned by what the kernel does around them. Then its own measure of the loop counts, which is in
/// whole nanoseconds per packet and knows nothing of what runs meanwhile.
const SHORT_BURST: u32 = 1000;

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
    /// Received packets, at TC.
    pub(super) const TC_IN: Self = Self {
        program: WatchProgram::TcIngress,
        direction: Direction::Ingress,
    };
    /// Those that are measured. The second XDP program differs in a flag only.
    pub(super) const ALL: [Self; 3] = [
        Self {
            program: WatchProgram::Xdp,
            direction: Direction::Ingress,
        },
        Self::TC_IN,
        Self {
            program: WatchProgram::TcEgress,
            direction: Direction::Egress,
        },
    ];

    /// Whether the program is one of XDP.
    pub(super) fn is_xdp(self) -> bool {
        self.program == WatchProgram::Xdp
    }
}

/// The empty programs and the driver.
pub(super) struct Driver {
    bench: Ebpf,
    aim: PerCpuArray<MapData, [u32; 4]>,
    target_xdp: ProgramArray<MapData>,
    target_tc: ProgramArray<MapData>,
}

impl Driver {
    /// Loads them.
    pub(super) fn load() -> Result<Self> {
        let mut bench = EbpfLoader::new().load(natdiag::BENCH_OBJECT)?;
        for name in ["empty_xdp", "aim_xdp"] {
            let program: &mut Xdp = program_mut(&mut bench, name)?.try_into()?;
            program.load()?;
        }
        for name in ["empty_tc", "aim_tc"] {
            let program: &mut SchedClassifier = program_mut(&mut bench, name)?.try_into()?;
            program.load()?;
        }
        Ok(Self {
            aim: take(&mut bench, "AIM")?.try_into()?,
            target_xdp: take(&mut bench, "TARGET_XDP")?.try_into()?,
            target_tc: take(&mut bench, "TARGET_TC")?.try_into()?,
            bench,
        })
    }

    /// Sets how many remote hosts there are, a power of two; where in the frame their address stands; and with which
    /// of them to begin.
    pub(super) fn aim(&mut self, remotes: u32, offset: usize, seed: u32) -> Result<()> {
        let aim = [seed, remotes - 1, NETWORK, u32::try_from(offset)?];
        let cpus = aya::util::nr_cpus().map_err(|(_, error)| error)?;
        let values = PerCpuValues::try_from(vec![aim; cpus])?;
        Ok(self.aim.set(0, values, 0)?)
    }

    /// Runs a program on copies of one frame; where `many`, from many remote hosts. Returns the nanoseconds of CPU
    /// time per packet.
    pub(super) fn run(
        &mut self,
        watch: &mut WatchObject,
        hook: Hook,
        subject: Subject,
        many: bool,
        frame: &[u8],
        packets: u32,
    ) -> Result<f64> {
        let (empty, aim, passed) = if hook.is_xdp() {
            ("empty_xdp", "aim_xdp", XDP_PASS)
        } else {
            ("empty_tc", "aim_tc", TC_ACT_UNSPEC)
        };
        let subject = match subject {
            Subject::Empty => self.bench.program(empty),
            Subject::Watch => watch.ebpf_mut().program(hook.program.name()),
        };
        let mut program = subject.context("a program is missing")?;
        if many {
            let target = if hook.is_xdp() {
                &mut self.target_xdp
            } else {
                &mut self.target_tc
            };
            target.set(0, fd_of(program)?, 0)?;
            program = self.bench.program(aim).context("the driver is missing")?;
        }
        let options = TestRunOptions {
            data_in: Some(frame),
            repeat: packets,
            ..TestRunOptions::default()
        };
        let (time, result) = clock::time(|| {
            if let Program::Xdp(program) = program {
                Ok(program.test_run(options)?)
            } else if let Program::SchedClassifier(program) = program {
                Ok(program.test_run(options)?)
            } else {
                Err(anyhow!("a program has another type"))
            }
        })?;
        let returned = result.return_value;
        ensure!(returned == passed, "{}: returned {returned}", hook.program);
        if packets < SHORT_BURST {
            return Ok(result.duration.as_secs_f64() * 1e9);
        }
        Ok(time.as_secs_f64() * 1e9 / f64::from(packets))
    }
}

fn program_mut<'a>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut Program> {
    object
        .program_mut(name)
        .with_context(|| format!("there is no program `{name}`"))
}

fn fd_of(program: &Program) -> Result<&ProgramFd> {
    if let Program::Xdp(program) = program {
        Ok(program.fd()?)
    } else if let Program::SchedClassifier(program) = program {
        Ok(program.fd()?)
    } else {
        Err(anyhow!("a program has another type"))
    }
}

/// Takes a map out of an object.
pub(super) fn take(object: &mut Ebpf, name: &str) -> Result<Map> {
    object
        .take_map(name)
        .with_context(|| format!("there is no map `{name}`"))
}
