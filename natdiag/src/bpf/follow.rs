//! The second pair of programs, which follow established connections of remote hosts under suspicion. They are in the
//! kernel and on the interface only while this exists.

use std::collections::BTreeMap;

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, Map, MapData, MapError, PerCpuArray},
    programs::{ProgramError, SchedClassifier},
};
use natdiag_common::{
    Address, Direction, LinkType,
    follow::{FollowCounts, SUSPECTS, SUSPECTS_PER_SET, suspect_set},
    names,
};
use thiserror::Error;

use super::{
    attach::classifier::{self, Failure, Guard},
    cost,
    filter::AddedQdisc,
};
use crate::{
    FOLLOW_OBJECT,
    cost::{Fill, Runs},
    host::link::Link,
};

/// How many suspects are followed while nobody is.
pub const NOBODY_FOLLOWED: Fill = Fill {
    name: "suspects",
    used: 0,
    capacity: SUSPECTS as u64,
};

/// Places of one set, as userspace writes them: the octets of the addresses.
type Set = [u8; 16 * SUSPECTS_PER_SET as usize];

/// Why nobody can be followed. Watching goes on.
#[derive(Debug, Error)]
pub enum FollowError {
    /// The object cannot be loaded.
    #[error("cannot load the programs that follow connections")]
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
    /// A map is missing or cannot be used.
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

/// The programs on an interface, and the suspects that they follow.
pub struct Follower {
    // Dropped in this order: filters before their qdisc.
    _guards: Vec<Guard>,
    _qdisc: Option<AddedQdisc>,
    suspects: Array<MapData, Set>,
    counts: PerCpuArray<MapData, FollowCounts>,
    followed: BTreeMap<Address, Followed>,
    /// The programs, which tell how long they ran.
    object: Ebpf,
}

/// Where a suspect's counters are, and what they were when its suspicion began.
struct Followed {
    place: u32,
    before: FollowCounts,
}

impl Follower {
    /// Attaches the programs. Nobody is followed yet.
    pub fn attach(link: &Link, link_type: LinkType) -> Result<Self, FollowError> {
        let link_type = link_type as u8;
        let mut ebpf = EbpfLoader::new()
            .override_global(names::GLOBAL_LINK_TYPE, &link_type, true)
            .load(FOLLOW_OBJECT)
            .map_err(|error| FollowError::Object(Box::new(error)))?;
        let mut qdisc = None;
        let guards = [
            (names::PROGRAM_FOLLOW_INGRESS, Direction::Ingress),
            (names::PROGRAM_FOLLOW_EGRESS, Direction::Egress),
        ]
        .into_iter()
        .map(|(name, direction)| {
            attach(program(&mut ebpf, name)?, name, link, direction, &mut qdisc)
        })
        .collect::<Result<_, _>>()?;
        Ok(Self {
            _guards: guards,
            _qdisc: qdisc,
            suspects: take(&mut ebpf, names::MAP_SUSPECTS)?,
            counts: take(&mut ebpf, names::MAP_FOLLOW_COUNTS)?,
            followed: BTreeMap::new(),
            object: ebpf,
        })
    }

    /// What the programs have taken so far, where the kernel measures it.
    #[must_use]
    pub fn runs(&self) -> Vec<Runs> {
        cost::runs(&self.object)
    }

    /// How many of the places for suspects are taken.
    #[must_use]
    pub fn occupied(&self) -> Fill {
        Fill {
            used: self.followed.len() as u64,
            ..NOBODY_FOLLOWED
        }
    }

    /// Follows these remote hosts and nobody else. Of three in one set, one
    /// finds no place and is not followed.
    pub fn set(&mut self, suspects: &[Address]) -> Result<(), FollowError> {
        let gone: Vec<_> = self
            .followed
            .keys()
            .filter(|known| !suspects.contains(known))
            .copied()
            .collect();
        for remote in gone {
            if let Some(followed) = self.followed.remove(&remote) {
                self.write(followed.place, Address::default())?;
            }
        }
        for remote in suspects {
            if !self.followed.contains_key(remote)
                && let Some(place) = self.free_place(*remote)
            {
                // Whoever had the place before has left its counts there.
                let before = self.sum(place)?;
                self.write(place, *remote)?;
                self.followed.insert(*remote, Followed { place, before });
            }
        }
        Ok(())
    }

    /// What has been counted of each suspect since its suspicion began.
    pub fn read(&self) -> Result<Vec<(Address, FollowCounts)>, FollowError> {
        self.followed
            .iter()
            .map(|(remote, followed)| {
                let mut counts = self.sum(followed.place)?;
                counts.subtract(&followed.before);
                Ok((*remote, counts))
            })
            .collect()
    }

    fn free_place(&self, remote: Address) -> Option<u32> {
        let first = suspect_set(remote) * SUSPECTS_PER_SET;
        (first..first + SUSPECTS_PER_SET).find(|place| {
            self.followed
                .values()
                .all(|followed| followed.place != *place)
        })
    }

    fn sum(&self, place: u32) -> Result<FollowCounts, FollowError> {
        let per_cpu = self
            .counts
            .get(&place, 0)
            .map_err(in_map(names::MAP_FOLLOW_COUNTS))?;
        let mut sum = FollowCounts::ZERO;
        for counts in per_cpu.iter() {
            sum.add(counts);
        }
        Ok(sum)
    }

    fn write(&mut self, place: u32, remote: Address) -> Result<(), FollowError> {
        let (set, way) = (place / SUSPECTS_PER_SET, place % SUSPECTS_PER_SET);
        let mut octets = self
            .suspects
            .get(&set, 0)
            .map_err(in_map(names::MAP_SUSPECTS))?;
        if let Some(octets) = octets.get_mut(way as usize * 16..) {
            octets
                .iter_mut()
                .zip(remote.octets())
                .for_each(|(old, new)| *old = new);
        }
        self.suspects
            .set(set, octets, 0)
            .map_err(in_map(names::MAP_SUSPECTS))
    }
}

fn program<'a>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<&'a mut SchedClassifier, FollowError> {
    let refused = |source| FollowError::Program {
        program: name,
        source: Box::new(source),
    };
    let program: &mut SchedClassifier = ebpf
        .program_mut(name)
        .ok_or(FollowError::Missing(name))?
        .try_into()
        .map_err(refused)?;
    program.load().map_err(refused)?;
    Ok(program)
}

/// Puts a program on TCX, or else on clsact.
fn attach(
    program: &mut SchedClassifier,
    name: &'static str,
    link: &Link,
    direction: Direction,
    qdisc: &mut Option<AddedQdisc>,
) -> Result<Guard, FollowError> {
    let tcx = match classifier::tcx(program, link, direction) {
        Ok(guard) => return Ok(guard),
        Err(failure) => failure.to_string(),
    };
    let on_clsact = (|| {
        if qdisc.is_none() {
            *qdisc = classifier::add_qdisc(link)?;
        }
        classifier::clsact(program, link, direction, qdisc.as_ref())
    })();
    on_clsact.map_err(|failure: Failure| FollowError::Attach {
        program: name,
        interface: link.name.clone(),
        tcx,
        clsact: failure.to_string(),
    })
}

fn take<M>(ebpf: &mut Ebpf, name: &'static str) -> Result<M, FollowError>
where
    M: TryFrom<Map, Error = MapError>,
{
    let map = ebpf.take_map(name).ok_or(FollowError::Missing(name))?;
    M::try_from(map).map_err(in_map(name))
}

fn in_map(map: &'static str) -> impl FnOnce(MapError) -> FollowError {
    move |source| FollowError::Map { map, source }
}
