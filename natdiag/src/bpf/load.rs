//! Brings the programs into the kernel: one object per interface, so that each has maps of its own, and of its
//! programs only those that are needed.

use std::{fmt, io, path::Path};

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::Map,
    programs::{Program, ProgramError, SchedClassifier, Xdp},
};
use natdiag_common::{LinkType, names};
use thiserror::Error;

use super::{features, log::KernelLog, maps::MapsError};
use crate::WATCH_OBJECT;

/// Lines of the verifier's log that an error shows; the reason stands at the end.
const VERIFIER_LOG_LINES: usize = 20;

/// One of the programs in the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WatchProgram {
    /// XDP, for devices whose frames fit one buffer.
    Xdp,
    /// XDP, for devices that spread jumbo frames over several buffers.
    XdpFrags,
    /// TC, for received packets.
    TcIngress,
    /// TC, for sent packets.
    TcEgress,
}

impl WatchProgram {
    /// All programs.
    pub const ALL: [Self; 4] = [Self::Xdp, Self::XdpFrags, Self::TcIngress, Self::TcEgress];

    /// The program's name in the object and in the kernel.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xdp => names::PROGRAM_XDP,
            Self::XdpFrags => names::PROGRAM_XDP_FRAGS,
            Self::TcIngress => names::PROGRAM_TC_INGRESS,
            Self::TcEgress => names::PROGRAM_TC_EGRESS,
        }
    }
}

impl fmt::Display for WatchProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the object is made for.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// How the frames of the device begin.
    pub link_type: LinkType,
    /// Size of the ring of records: a power of two, and whole pages.
    pub records_octets: u32,
    /// Size of the ring of spills: likewise.
    pub spills_octets: u32,
}

impl LoadOptions {
    /// The usual sizes: 16 MiB hold 116,000 records, a second of a storm at its full budget from 450 hosts.
    #[must_use]
    pub const fn new(link_type: LinkType) -> Self {
        Self {
            link_type,
            records_octets: 1 << 24,
            spills_octets: 1 << 24,
        }
    }
}

/// Why a program is not in the kernel.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The maps could not be made.
    #[error("cannot create the BPF maps{}", lacking(.missing))]
    Maps {
        /// What this kernel lacks.
        missing: Vec<&'static str>,
        /// What aya says.
        #[source]
        source: Box<EbpfError>,
    },
    /// The kernel refused the system call.
    #[error("cannot load the BPF program `{program}`")]
    Refused {
        /// Which.
        program: WatchProgram,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// The verifier refused the program.
    #[error("the kernel's verifier refuses the BPF program `{program}` ({source}):\n{}", tail(.log))]
    Verifier {
        /// Which.
        program: WatchProgram,
        /// The whole log.
        log: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Something else went wrong around it.
    #[error("cannot load the BPF program `{program}`")]
    Program {
        /// Which.
        program: WatchProgram,
        /// What.
        #[source]
        source: Box<ProgramError>,
    },
    /// The object lacks a program or a map.
    #[error("the BPF object has no `{0}`")]
    Missing(&'static str),
}

/// The programs and maps of one interface.
#[derive(Debug)]
pub struct WatchObject {
    ebpf: Ebpf,
    options: LoadOptions,
    log: Option<KernelLog>,
}

impl WatchObject {
    /// Creates the maps. No program is in the kernel yet.
    pub fn open(options: LoadOptions) -> Result<Self, LoadError> {
        let link_type = options.link_type as u8;
        let mut ebpf = EbpfLoader::new()
            .override_global(names::GLOBAL_LINK_TYPE, &link_type, true)
            .map_max_entries(names::MAP_RECORDS, options.records_octets)
            .map_max_entries(names::MAP_SPILLS, options.spills_octets)
            .load(WATCH_OBJECT)
            .map_err(|error| LoadError::Maps {
                missing: features::missing(),
                source: Box::new(error),
            })?;
        let log = Some(KernelLog::take(&mut ebpf));
        Ok(Self { ebpf, options, log })
    }

    /// What the object was made for.
    #[must_use]
    pub const fn options(&self) -> LoadOptions {
        self.options
    }

    /// Has the kernel verify one program and take it, unless it has it.
    pub fn load(&mut self, program: WatchProgram) -> Result<(), LoadError> {
        let loaded = match program {
            WatchProgram::Xdp | WatchProgram::XdpFrags => self.xdp(program)?.load(),
            WatchProgram::TcIngress | WatchProgram::TcEgress => self.tc(program)?.load(),
        };
        match loaded {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => Ok(()),
            Err(error) => Err(refusal(program, error)),
        }
    }

    /// Instructions that the verifier went through, where the kernel says (Linux 5.16).
    #[must_use]
    pub fn verified_instructions(&self, program: WatchProgram) -> Option<u32> {
        let info = self.ebpf.program(program.name())?.info().ok()?;
        info.verified_instruction_count()
    }

    pub(super) fn xdp(&mut self, program: WatchProgram) -> Result<&mut Xdp, LoadError> {
        self.program(program)?
            .try_into()
            .map_err(|error| refusal(program, error))
    }

    pub(super) fn tc(&mut self, program: WatchProgram) -> Result<&mut SchedClassifier, LoadError> {
        self.program(program)?
            .try_into()
            .map_err(|error| refusal(program, error))
    }

    fn program(&mut self, program: WatchProgram) -> Result<&mut Program, LoadError> {
        let name = program.name();
        self.ebpf.program_mut(name).ok_or(LoadError::Missing(name))
    }

    /// Pins a map that is still in the object.
    pub(super) fn pin_map(&self, name: &'static str, place: &Path) -> Result<(), String> {
        let map = self
            .ebpf
            .map(name)
            .ok_or("the BPF object has no such map")?;
        map.pin(place).map_err(|error| error.to_string())
    }

    /// Takes what the programs log, where it has not been taken before.
    pub(super) const fn take_log(&mut self) -> Option<KernelLog> {
        self.log.take()
    }

    /// Takes a map out of the object.
    pub(super) fn take_map(&mut self, name: &'static str) -> Result<Map, MapsError> {
        self.ebpf.take_map(name).ok_or(MapsError::Missing(name))
    }

    /// The object itself, for programs that run on given frames (`BPF_PROG_TEST_RUN`).
    pub fn ebpf_mut(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }
}

fn refusal(program: WatchProgram, error: ProgramError) -> LoadError {
    let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
    else {
        let source = Box::new(error);
        return LoadError::Program { program, source };
    };
    let log = verifier_log.to_string();
    if log.trim().is_empty() {
        return LoadError::Refused {
            program,
            source: io_error,
        };
    }
    tracing::info!(%program, "the verifier's whole log:\n{log}");
    LoadError::Verifier {
        program,
        log,
        source: io_error,
    }
}

fn lacking(missing: &[&str]) -> String {
    if missing.is_empty() {
        String::new()
    } else {
        format!("; this kernel has no {}", missing.join(" and no "))
    }
}

/// The end of a verifier's log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let start = lines.len().saturating_sub(VERIFIER_LOG_LINES);
    lines.get(start..).unwrap_or_default().join("\n")
}
