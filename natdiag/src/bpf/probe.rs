//! The programs of an active test on one interface. They know the test's connections by the cookies of their sockets
//! and change no other packet. On TCX they go with the process, even when it is killed; on clsact the next natdiag
//! removes what is left.

use aya::{
    Ebpf, EbpfLoader,
    maps::{HashMap, Map, MapData, MapError},
    programs::{ProgramError, SchedClassifier},
};
use natdiag_common::{Direction, LinkType, names, probe::ProbeConnection};
use thiserror::Error;

use super::{
    attach::classifier::{self, Failure, Guard},
    filter::{self, AddedQdisc},
};
use crate::{PROBE_OBJECT, config::ProbeHook, host::link::Link};

/// Why a hook was not tried.
const NOT_ASKED_FOR: &str = "not asked for";

/// Why the test cannot change its timestamps.
#[derive(Debug, Error)]
pub enum ProbeProgramError {
    /// The object cannot be loaded.
    #[error("cannot load the programs of the test")]
    Object(#[source] Box<aya::EbpfError>),
    /// The kernel refuses a program.
    #[error("cannot load the BPF program `{program}`")]
    Program {
        /// Which.
        program: &'static str,
        /// Why.
        #[source]
        source: Box<ProgramError>,
    },
    /// Neither TCX nor clsact takes it.
    #[error(
        "cannot attach the BPF program `{program}` to `{interface}`: tcx: {tcx}; clsact: {clsact}"
    )]
    Attach {
        /// Which.
        program: &'static str,
        /// Where.
        interface: String,
        /// Why not to TCX.
        tcx: String,
        /// Why not to clsact.
        clsact: String,
    },
    /// A map cannot be used.
    #[error("cannot use the BPF map `{map}`")]
    Map {
        /// Which.
        map: &'static str,
        /// Why.
        #[source]
        source: MapError,
    },
    /// The object lacks a program or a map.
    #[error("the BPF object has no `{0}`")]
    Missing(&'static str),
}

/// The programs on an interface. They are detached when this is dropped.
pub struct ProbeProgram {
    // Dropped in this order: filters before their qdisc.
    _guards: Vec<Guard>,
    _qdisc: Option<AddedQdisc>,
    connections: HashMap<MapData, u64, ProbeConnection>,
    hooks: Vec<String>,
    notes: Vec<String>,
}

impl ProbeProgram {
    /// Attaches the programs. No connection is known yet.
    pub fn attach(
        link: &Link,
        link_type: LinkType,
        hook: ProbeHook,
    ) -> Result<Self, ProbeProgramError> {
        let mut notes = Vec::new();
        match filter::delete_stale(link.index) {
            Ok(0) => {}
            Ok(deleted) => notes.push(format!(
                "removed {deleted} clsact filters that a natdiag had left behind when it was killed"
            )),
            Err(error) => tracing::warn!(%error, "cannot look for filters left behind"),
        }
        let mut ebpf = open(link_type)?;
        let mut attaching = Attaching {
            link,
            hook,
            qdisc: None,
            hooks: Vec::new(),
        };
        let guards = [
            (names::PROGRAM_PROBE_INGRESS, Direction::Ingress),
            (names::PROGRAM_PROBE_EGRESS, Direction::Egress),
        ]
        .into_iter()
        .map(|(name, direction)| attaching.attach(program(&mut ebpf, name)?, name, direction))
        .collect::<Result<_, _>>()?;
        let map = names::MAP_PROBE_CONNECTIONS;
        Ok(Self {
            _guards: guards,
            _qdisc: attaching.qdisc,
            connections: take(&mut ebpf, map)?,
            hooks: attaching.hooks,
            notes,
        })
    }

    /// The hooks in use, such as `tcx ingress`.
    #[must_use]
    pub fn hooks(&self) -> &[String] {
        &self.hooks
    }

    /// What was found left behind.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes the connection of a socket into the test.
    pub fn add(
        &mut self,
        cookie: u64,
        connection: &ProbeConnection,
    ) -> Result<(), ProbeProgramError> {
        self.connections
            .insert(cookie, connection, 0)
            .map_err(in_map)
    }

    /// What has become of the connection of a socket.
    pub fn get(&self, cookie: u64) -> Result<ProbeConnection, ProbeProgramError> {
        self.connections.get(&cookie, 0).map_err(in_map)
    }

    /// Forgets the connection of a socket.
    pub fn remove(&mut self, cookie: u64) -> Result<(), ProbeProgramError> {
        self.connections.remove(&cookie).map_err(in_map)
    }
}

/// Brings maps and programs into the kernel, for running them on given frames (`BPF_PROG_TEST_RUN`).
pub fn open_object(link_type: LinkType) -> Result<Ebpf, ProbeProgramError> {
    let mut ebpf = open(link_type)?;
    for name in [
        names::PROGRAM_PROBE_INGRESS,
        names::PROGRAM_PROBE_EGRESS,
        names::PROGRAM_TRIAL_EGRESS,
    ] {
        program(&mut ebpf, name)?;
    }
    Ok(ebpf)
}

/// Brings the maps into the kernel.
pub(super) fn open(link_type: LinkType) -> Result<Ebpf, ProbeProgramError> {
    let link_type = link_type as u8;
    EbpfLoader::new()
        .override_global(names::GLOBAL_LINK_TYPE, &link_type, true)
        .load(PROBE_OBJECT)
        .map_err(|error| ProbeProgramError::Object(Box::new(error)))
}

struct Attaching<'a> {
    link: &'a Link,
    hook: ProbeHook,
    qdisc: Option<AddedQdisc>,
    hooks: Vec<String>,
}

impl Attaching<'_> {
    /// Puts a program on TCX, or else on clsact: where a watching natdiag sees what is on the wire.
    fn attach(
        &mut self,
        program: &mut SchedClassifier,
        name: &'static str,
        direction: Direction,
    ) -> Result<Guard, ProbeProgramError> {
        let side = match direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        };
        let tcx = if self.hook == ProbeHook::Clsact {
            NOT_ASKED_FOR.to_owned()
        } else {
            match classifier::tcx_nearest_host(program, self.link, direction) {
                Ok(guard) => {
                    self.hooks.push(format!("tcx {side}"));
                    return Ok(guard);
                }
                Err(failure) => failure.to_string(),
            }
        };
        let on_clsact = (|| {
            if self.hook == ProbeHook::Tcx {
                return Err(Failure::Reason(NOT_ASKED_FOR.to_owned()));
            }
            if self.qdisc.is_none() {
                self.qdisc = classifier::add_qdisc(self.link)?;
            }
            classifier::clsact_nearest_host(program, self.link, direction, self.qdisc.as_ref())
        })();
        self.hooks.push(format!("clsact {side}"));
        on_clsact.map_err(|failure: Failure| ProbeProgramError::Attach {
            program: name,
            interface: self.link.name.clone(),
            tcx,
            clsact: failure.to_string(),
        })
    }
}

/// Brings a program into the kernel.
pub(super) fn program<'a>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<&'a mut SchedClassifier, ProbeProgramError> {
    let refused = |source| ProbeProgramError::Program {
        program: name,
        source: Box::new(source),
    };
    let program: &mut SchedClassifier = ebpf
        .program_mut(name)
        .ok_or(ProbeProgramError::Missing(name))?
        .try_into()
        .map_err(refused)?;
    program.load().map_err(refused)?;
    Ok(program)
}

/// Takes a map out of the object.
pub(super) fn take<M>(ebpf: &mut Ebpf, name: &'static str) -> Result<M, ProbeProgramError>
where
    M: TryFrom<Map, Error = MapError>,
{
    let map = ebpf
        .take_map(name)
        .ok_or(ProbeProgramError::Missing(name))?;
    M::try_from(map).map_err(|source| ProbeProgramError::Map { map: name, source })
}

fn in_map(source: MapError) -> ProbeProgramError {
    ProbeProgramError::Map {
        map: names::MAP_PROBE_CONNECTIONS,
        source,
    }
}
