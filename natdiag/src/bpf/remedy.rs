//! The program that tries a remedy on one interface. TCX only, where it goes with the process even when it is killed;
//! and it ends at its deadline even when the process is stopped.

use aya::{
    Ebpf,
    maps::{Array, MapData, PerCpuArray},
};
use natdiag_common::{Address, Direction, LinkType, names, probe::RemedyTrial};
use thiserror::Error;

use super::{
    attach::classifier::{self, Guard, Place},
    load::{self, LoadError},
    map::MapsError,
    pair,
};
use crate::{
    PROBE_OBJECT,
    host::link::Link,
    remedy::plan::{Remedy, TrialPlan},
};

/// Why a remedy cannot be tried.
#[derive(Debug, Error)]
pub enum RemedyError {
    /// The kernel does not take the program.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There is no TCX.
    #[error(
        "it takes TCX (Linux 6.6), whose programs go with natdiag even when it is killed, and TCX on `{interface}` says: {why}"
    )]
    Tcx {
        /// The interface.
        interface: String,
        /// What the kernel said.
        why: String,
    },
    /// A map cannot be used.
    #[error(transparent)]
    Maps(#[from] MapsError),
}

/// A remedy on an interface. It is taken off when this is dropped.
pub struct RemedyProgram {
    _guard: Guard,
    changed: PerCpuArray<MapData, u64>,
}

impl RemedyProgram {
    /// Puts a remedy on, until a time on the monotonic clock.
    pub fn attach(
        link: &Link,
        link_type: LinkType,
        plan: TrialPlan,
        deadline_ns: u64,
    ) -> Result<Self, RemedyError> {
        let mut ebpf = pair::open(PROBE_OBJECT, link_type)?;
        let mut trials: Array<MapData, RemedyTrial> = load::take_map(&mut ebpf, names::MAP_TRIALS)?;
        trials
            .set(0, trial(plan, deadline_ns), 0)
            .map_err(MapsError::refused(names::MAP_TRIALS))?;
        Ok(Self {
            _guard: attach(&mut ebpf, link)?,
            changed: load::take_map(&mut ebpf, names::MAP_TRIED_SYNS)?,
        })
    }

    /// How many SYNs were changed.
    pub fn changed_syns(&self) -> Result<u64, RemedyError> {
        let counts = self.changed.get(&0, 0);
        let counts = counts.map_err(MapsError::refused(names::MAP_TRIED_SYNS))?;
        Ok(counts.iter().sum())
    }
}

fn attach(ebpf: &mut Ebpf, link: &Link) -> Result<Guard, RemedyError> {
    let program = load::classifier(ebpf, names::PROGRAM_TRIAL_EGRESS)?;
    // Before a watching program, which then sees what is on the wire.
    let attached = classifier::tcx(program, link, Direction::Egress, Place::NearestHost);
    attached.map_err(|failure| RemedyError::Tcx {
        interface: link.name.clone(),
        why: failure.to_string(),
    })
}

fn trial(plan: TrialPlan, deadline_ns: u64) -> RemedyTrial {
    let (mss, strip) = match plan.remedy {
        Remedy::Mss(mss) => (mss.into(), 0),
        Remedy::WithoutTimestamps => (0, 1),
    };
    RemedyTrial {
        deadline_ns,
        remote: Address::from(plan.remote),
        mss,
        strip,
    }
}
