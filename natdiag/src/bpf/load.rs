//! Brings the programs into the kernel: one object per interface, so that each has maps of its own, and of its
//! programs only those that are needed. What the verifier says is told in one line; its whole log is often thousands.

use std::{fmt, io, path::Path};

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::{Map, MapError},
    programs::{Program, ProgramError, SchedClassifier, Xdp},
};
use natdiag_common::{LinkType, names};
use thiserror::Error;

use super::{cost, features, log::KernelLog, maps::MapsError};
use crate::{WATCH_OBJECT, cost::Runs};

/// How the lines begin that the verifier ends its log with (`print_verification_stats`, kernel/bpf/verifier.c).
const STATISTICS: [&str; 3] = ["verification time", "stack depth", "processed "];

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
        program: &'static str,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// The verifier refused the program.
    #[error(
        "the kernel's verifier refuses the BPF program `{program}`: {reason} (`-vv` shows all that it said)"
    )]
    Verifier {
        /// Which.
        program: &'static str,
        /// Why.
        reason: String,
    },
    /// Something else went wrong around it.
    #[error("cannot load the BPF program `{program}`")]
    Program {
        /// Which.
        program: &'static str,
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
        let mut ebpf = create_maps(
            EbpfLoader::new()
                .override_global(names::GLOBAL_LINK_TYPE, &link_type, true)
                .map_max_entries(names::MAP_RECORDS, options.records_octets)
                .map_max_entries(names::MAP_SPILLS, options.spills_octets),
            WATCH_OBJECT,
        )?;
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
            Err(error) => Err(refusal(program.name(), error)),
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
            .map_err(|error| refusal(program.name(), error))
    }

    pub(super) fn tc(&mut self, program: WatchProgram) -> Result<&mut SchedClassifier, LoadError> {
        self.program(program)?
            .try_into()
            .map_err(|error| refusal(program.name(), error))
    }

    pub(super) fn program(&mut self, program: WatchProgram) -> Result<&mut Program, LoadError> {
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

    /// What the programs have taken so far, where the kernel measures it.
    #[must_use]
    pub fn runs(&self) -> Vec<Runs> {
        cost::runs(self.ebpf.programs())
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

/// Brings the maps of an object into the kernel.
pub(super) fn create_maps(loader: &mut EbpfLoader, object: &[u8]) -> Result<Ebpf, LoadError> {
    loader.load(object).map_err(|error| LoadError::Maps {
        missing: features::missing(),
        source: Box::new(error),
    })
}

/// Has the kernel verify a TC program and take it.
pub(super) fn classifier<'a>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<&'a mut SchedClassifier, LoadError> {
    let program: &mut SchedClassifier = ebpf
        .program_mut(name)
        .ok_or(LoadError::Missing(name))?
        .try_into()
        .map_err(|error| refusal(name, error))?;
    program.load().map_err(|error| refusal(name, error))?;
    Ok(program)
}

/// Takes a map out of an object, as one of aya's types.
pub(super) fn take_map<M>(ebpf: &mut Ebpf, name: &'static str) -> Result<M, MapsError>
where
    M: TryFrom<Map, Error = MapError>,
{
    let map = ebpf.take_map(name).ok_or(MapsError::Missing(name))?;
    M::try_from(map).map_err(|source| MapsError::Refused { map: name, source })
}

fn refusal(program: &'static str, error: ProgramError) -> LoadError {
    let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
    else {
        let source = Box::new(error);
        return LoadError::Program { program, source };
    };
    let log = verifier_log.to_string();
    match reason(&log) {
        None => LoadError::Refused {
            program,
            source: io_error,
        },
        Some(reason) => {
            tracing::debug!(program, "the verifier's whole log:\n{log}");
            LoadError::Verifier {
                program,
                reason: reason.to_owned(),
            }
        }
    }
}

/// Why the verifier refuses a program: the last that it says before its statistics.
fn reason(log: &str) -> Option<&str> {
    let lines = log.lines().map(str::trim);
    let mut said = lines
        .filter(|line| !line.is_empty() && !STATISTICS.iter().any(|begin| line.starts_with(begin)));
    said.next_back()
}

fn lacking(missing: &[&str]) -> String {
    if missing.is_empty() {
        String::new()
    } else {
        format!("; this kernel has no {}", missing.join(" and no "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_the_verifier_stands_before_its_statistics() {
        for (log, want) in [
            ("", None),
            ("\n \n", None),
            ("processed 9 insns (limit 1000000)\n", None),
            (
                "0: (bf) r6 = r1\n1: (85) call unknown#160\ninvalid func unknown#160\nverification time 41 usec\n\
                 stack depth 0\nprocessed 2 insns (limit 1000000) max_states_per_insn 0\n\n",
                Some("invalid func unknown#160"),
            ),
            ("the log was cut", Some("the log was cut")),
        ] {
            assert_eq!(reason(log), want, "{log}");
        }
    }
}
