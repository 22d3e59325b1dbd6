//! Brings the programs into the kernel: one object per interface, so that each has maps of its own, and of its
//! programs only those that are needed. What the verifier says is told in one line; its whole log is often thousands.

mod refusal;

use std::path::Path;

use aya::{
    Ebpf, EbpfLoader,
    maps::{Map, MapError},
    programs::{Program, ProgramError, SchedClassifier, Xdp},
};
use natdiag_common::names;

pub use self::refusal::LoadError;
pub(super) use self::refusal::refusal;
use super::{
    features,
    log::KernelLog,
    map::MapsError,
    program::{LoadOptions, WatchProgram},
};
use crate::{WATCH_OBJECT, cost::Runs};

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
        runs(self.ebpf.programs())
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

/// The programs of an interface.
#[derive(Debug)]
pub enum Programs {
    /// Those of an object of this process.
    Loaded(Box<WatchObject>),
    /// Those that another natdiag has pinned, with their names.
    Pinned(Vec<(&'static str, Program)>),
}

impl Programs {
    /// What they have taken so far, where the kernel measures it.
    #[must_use]
    pub fn runs(&self) -> Vec<Runs> {
        match self {
            Self::Loaded(object) => object.runs(),
            Self::Pinned(programs) => runs(programs.iter().map(|(name, program)| (*name, program))),
        }
    }
}

/// What the programs that are loaded have taken so far.
pub(super) fn runs<'a>(programs: impl Iterator<Item = (&'a str, &'a Program)>) -> Vec<Runs> {
    let loaded = programs.filter_map(|(name, program)| {
        let info = match program.info() {
            Ok(info) => info,
            Err(ProgramError::NotLoaded) => return None,
            Err(error) => {
                tracing::debug!(%error, name, "the kernel does not tell about a program");
                return None;
            }
        };
        Some(Runs {
            program: name.to_owned(),
            count: info.run_count(),
            time_ns: u64::try_from(info.run_time().as_nanos()).unwrap_or(u64::MAX),
        })
    });
    loaded.collect()
}
