//! SYNs by what they are and whose: for troubles that drop one kind of SYN, whichever that is.

use natdiag_common::wire::tcp::{CWR, ECE};
use serde::{Deserialize, Serialize};

use super::{Fate, Outcomes};
use crate::event::Segment;

/// Most kinds of SYNs told apart per remote host; what is beyond is in no kind.
const MAX_KINDS: usize = 512;

/// What some device may drop a SYN for, each a bit of [`SynKind::options`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SynOption {
    /// ECE and CWR: the client asks for ECN (RFC 3168).
    Ecn,
    /// Multipath TCP (RFC 8684).
    Multipath,
    /// Fast Open (RFC 7413).
    FastOpen,
    /// Window scale (RFC 7323).
    WindowScale,
    /// SACK permitted (RFC 2018).
    Sack,
    /// Timestamps (RFC 7323).
    Timestamps,
}

impl SynOption {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Ecn,
        Self::Multipath,
        Self::FastOpen,
        Self::WindowScale,
        Self::Sack,
        Self::Timestamps,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Those that a SYN carries, as bits.
    #[must_use]
    pub fn of(syn: &Segment) -> u8 {
        let options = &syn.options;
        let carried = Self::ALL.into_iter().filter(|option| match option {
            Self::Ecn => syn.has(ECE | CWR),
            Self::Multipath => options.multipath,
            Self::FastOpen => options.fast_open,
            Self::WindowScale => options.window_scale.is_some(),
            Self::Sack => options.sack_permitted,
            Self::Timestamps => options.timestamps.is_some(),
        });
        carried.fold(0, |bits, option| bits | option.bit())
    }
}

/// What is alike of some SYNs to one remote host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynKind {
    /// Which of [`SynOption`] they carry.
    pub options: u8,
    /// Whether they repeat one that was dropped.
    pub repeated: bool,
    /// Whether their source port is odd.
    pub is_odd: bool,
    /// Place in [`super::SynSums::services`]: who sent them, and to which port.
    pub service: u8,
}

impl SynKind {
    /// Whether they carry an option.
    #[must_use]
    pub const fn has(self, option: SynOption) -> bool {
        self.options & option.bit() != 0
    }
}

/// The fates of SYNs of each kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SynKinds {
    kinds: Vec<(SynKind, Outcomes)>,
}

impl SynKinds {
    /// Adds to the SYNs of a kind with one fate.
    pub(super) fn add(&mut self, kind: SynKind, fate: Fate, amount: i64) {
        let known = self.kinds.iter().position(|(known, _)| *known == kind);
        if known.is_none() && self.kinds.len() < MAX_KINDS {
            if self.kinds.is_empty() {
                // A million hosts have SYNs of one kind.
                self.kinds.reserve_exact(1);
            }
            self.kinds.push((kind, Outcomes::default()));
        }
        let place = known.unwrap_or(self.kinds.len() - 1);
        if let Some((found, outcomes)) = self.kinds.get_mut(place)
            && *found == kind
        {
            outcomes.add(fate, amount);
        }
    }

    /// Each kind with its fates.
    pub fn iter(&self) -> impl Iterator<Item = (SynKind, Outcomes)> {
        self.kinds.iter().copied()
    }

    /// The fates of those kinds that have something in common.
    pub fn of(&self, has: impl Fn(SynKind) -> bool) -> Outcomes {
        let wanted = self.iter().filter(|(kind, _)| has(*kind));
        wanted.fold(Outcomes::default(), |sum, (_, it)| sum.plus(it))
    }
}
