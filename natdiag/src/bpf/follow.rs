//! The second pair of programs, which follow established connections of remote hosts under suspicion. They are in the
//! kernel and on the interface only while this exists.

use std::collections::BTreeMap;

use aya::{
    Ebpf,
    maps::{Array, MapData, PerCpuArray},
};
use natdiag_common::{
    Address, LinkType,
    follow::{FollowCounts, SUSPECTS, SUSPECTS_PER_SET, suspect_set},
    names,
};

use super::{
    attach::classifier::Place,
    load,
    map::MapsError,
    pair::{self, Pair, PairError, Position},
};
use crate::{
    FOLLOW_OBJECT,
    cost::{Fill, Runs},
    host::link::Link,
    value::hook::TcHook,
};

/// How many suspects are followed while nobody is.
pub const NOBODY_FOLLOWED: Fill = Fill {
    name: "suspects",
    used: 0,
    capacity: SUSPECTS as u64,
};

/// Places of one set, as userspace writes them: the octets of the addresses.
type Set = [u8; 16 * SUSPECTS_PER_SET as usize];

/// The programs on an interface, and the suspects that they follow.
pub struct Follower {
    _pair: Pair,
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
    pub fn attach(link: &Link, link_type: LinkType) -> Result<Self, PairError> {
        let mut ebpf = pair::open(FOLLOW_OBJECT, link_type)?;
        let position = Position {
            link,
            place: Place::First,
            hook: TcHook::Auto,
        };
        let pair = Pair::attach(
            &mut ebpf,
            position,
            names::PROGRAM_FOLLOW_INGRESS,
            names::PROGRAM_FOLLOW_EGRESS,
        )?;
        Ok(Self {
            _pair: pair,
            suspects: load::take_map(&mut ebpf, names::MAP_SUSPECTS)?,
            counts: load::take_map(&mut ebpf, names::MAP_FOLLOW_COUNTS)?,
            followed: BTreeMap::new(),
            object: ebpf,
        })
    }

    /// What the programs have taken so far, where the kernel measures it.
    #[must_use]
    pub fn runs(&self) -> Vec<Runs> {
        load::runs(self.object.programs())
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
    pub fn set(&mut self, suspects: &[Address]) -> Result<(), MapsError> {
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
    pub fn read(&self) -> Result<Vec<(Address, FollowCounts)>, MapsError> {
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

    fn sum(&self, place: u32) -> Result<FollowCounts, MapsError> {
        let per_cpu = self
            .counts
            .get(&place, 0)
            .map_err(MapsError::refused(names::MAP_FOLLOW_COUNTS))?;
        let mut sum = FollowCounts::ZERO;
        for counts in per_cpu.iter() {
            sum.add(counts);
        }
        Ok(sum)
    }

    fn write(&mut self, place: u32, remote: Address) -> Result<(), MapsError> {
        let (set, way) = (place / SUSPECTS_PER_SET, place % SUSPECTS_PER_SET);
        let mut octets = self
            .suspects
            .get(&set, 0)
            .map_err(MapsError::refused(names::MAP_SUSPECTS))?;
        if let Some(octets) = octets.get_mut(way as usize * 16..) {
            octets
                .iter_mut()
                .zip(remote.octets())
                .for_each(|(old, new)| *old = new);
        }
        self.suspects
            .set(set, octets, 0)
            .map_err(MapsError::refused(names::MAP_SUSPECTS))
    }
}
