//! What a person wants to see of one remote host beyond its sums: the newest SYNs one by one, from whose order verdicts
//! conclude as well, and how large its fragments are. Bounded.

use crate::analysis::{fates::recent::RecentSyn, fragments::sizes::FragmentSizes};

/// A closer look at one remote host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseUp {
    /// Its newest SYNs, the newest last.
    pub syns: Vec<RecentSyn>,
    /// How large its fragments are, as far as they were looked at one by one.
    pub fragment_sizes: FragmentSizes,
}
