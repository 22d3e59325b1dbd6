//! The programs of an active test on one interface. They know the test's connections by the cookies of their sockets
//! and change no other packet. On TCX they go with the process, even when it is killed; on clsact the next natdiag
//! removes what is left.

use aya::{
    Ebpf,
    maps::{HashMap, MapData},
};
use natdiag_common::{LinkType, names, probe::ProbeConnection};

use super::{
    attach::classifier::Place,
    filter,
    load::{self, LoadError},
    map::MapsError,
    pair::{self, Pair, PairError, Position},
};
use crate::{PROBE_OBJECT, host::link::Link, value::hook::TcHook};

/// The programs on an interface. They are detached when this is dropped.
pub struct ProbeProgram {
    pair: Pair,
    connections: HashMap<MapData, u64, ProbeConnection>,
    notes: Vec<String>,
}

impl ProbeProgram {
    /// Attaches the programs. No connection is known yet.
    pub fn attach(link: &Link, link_type: LinkType, hook: TcHook) -> Result<Self, PairError> {
        let notes = filter::tidy_up(link.index).into_iter().collect();
        let mut ebpf = pair::open(PROBE_OBJECT, link_type)?;
        let position = Position {
            link,
            // Where a watching natdiag sees what is on the wire.
            place: Place::NearestHost,
            hook,
        };
        let pair = Pair::attach(
            &mut ebpf,
            position,
            names::PROGRAM_PROBE_INGRESS,
            names::PROGRAM_PROBE_EGRESS,
        )?;
        Ok(Self {
            pair,
            connections: load::take_map(&mut ebpf, names::MAP_PROBE_CONNECTIONS)?,
            notes,
        })
    }

    /// The hooks in use, such as `tcx ingress`.
    #[must_use]
    pub fn hooks(&self) -> &[String] {
        self.pair.hooks()
    }

    /// What was found left behind.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes the connection of a socket into the test.
    pub fn add(&mut self, cookie: u64, connection: &ProbeConnection) -> Result<(), MapsError> {
        self.connections
            .insert(cookie, connection, 0)
            .map_err(MapsError::refused(names::MAP_PROBE_CONNECTIONS))
    }

    /// What has become of the connection of a socket.
    pub fn get(&self, cookie: u64) -> Result<ProbeConnection, MapsError> {
        self.connections
            .get(&cookie, 0)
            .map_err(MapsError::refused(names::MAP_PROBE_CONNECTIONS))
    }

    /// Forgets the connection of a socket.
    pub fn remove(&mut self, cookie: u64) -> Result<(), MapsError> {
        self.connections
            .remove(&cookie)
            .map_err(MapsError::refused(names::MAP_PROBE_CONNECTIONS))
    }
}

/// Brings maps and programs into the kernel, for running them on given frames (`BPF_PROG_TEST_RUN`).
pub fn open_object(link_type: LinkType) -> Result<Ebpf, LoadError> {
    let mut ebpf = pair::open(PROBE_OBJECT, link_type)?;
    for name in [
        names::PROGRAM_PROBE_INGRESS,
        names::PROGRAM_PROBE_EGRESS,
        names::PROGRAM_TRIAL_EGRESS,
    ] {
        load::classifier(&mut ebpf, name)?;
    }
    Ok(ebpf)
}
