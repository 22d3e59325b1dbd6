//! How one SYN transmission counts.

use serde::{Deserialize, Serialize};

use super::{kinds::SynKind, outcomes::Fate};
use crate::analysis::mark::Prediction;

/// How one SYN transmission counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct SynClass {
    /// What the rule of tcp_tw_recycle says.
    pub prediction: Prediction,
    /// Whether the server may hold the four-tuple in TIME-WAIT, where another rule may drop the SYN: then its being
    /// dropped says nothing.
    pub reuses_time_wait: bool,
    /// Whether the mark had just changed.
    pub ambiguous: bool,
    /// Whether no mark was known, and one from before we looked may have been in force.
    pub unseen_mark: bool,
    /// Whether its four-tuple may have been used shortly before we looked.
    pub unseen_use: bool,
    /// Whether an earlier transmission of the same SYN had been dropped.
    pub repeated: bool,
    /// Whether the remote host had never answered this local address before.
    pub first_contact: bool,
    /// Place in [`super::SynSums::services`].
    pub service: usize,
    /// When it was sent, in whole seconds since 1970.
    pub second: u64,
    /// Connections to the remote host that were open then.
    pub open: usize,
    /// Which of [`super::kinds::SynOption`] it carries.
    pub options: u8,
    /// Whether its source port is odd.
    pub is_odd: bool,
}

impl SynClass {
    /// What it has in common with others.
    #[must_use]
    pub fn kind(self) -> SynKind {
        SynKind {
            options: self.options,
            repeated: self.repeated,
            is_odd: self.is_odd,
            service: u8::try_from(self.service).unwrap_or(u8::MAX),
        }
    }

    /// As what a fate counts.
    #[must_use]
    pub fn counted(self, fate: Fate) -> Fate {
        if self.reuses_time_wait && fate == Fate::Dropped {
            Fate::Undecided
        } else {
            fate
        }
    }
}
