//! Connections on which the remote host had closed when something of ours reached it, and which it therefore reset.
//! Counters only; `verdict` weighs them.

use serde::{Deserialize, Serialize};

/// Connections to one remote host that it closed after they had been idle, and then reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaceSums {
    /// What it reset was sent before its FIN had arrived: the two crossed.
    pub crossed: u64,
    /// What it reset was sent right after its FIN had arrived, and our side had not closed.
    pub late: u64,
    /// Our side had closed as well, or said goodbye.
    pub over: u64,
    /// How old the youngest and the oldest of the first two were at the FIN, in nanoseconds.
    pub ages_ns: Option<(u64, u64)>,
}

impl RaceSums {
    /// Requests that were reset.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.crossed + self.late
    }

    /// Notes how old a connection was whose request was reset.
    pub(crate) fn note_age(&mut self, age_ns: u64) {
        let (least, most) = self.ages_ns.unwrap_or((age_ns, age_ns));
        self.ages_ns = Some((least.min(age_ns), most.max(age_ns)));
    }
}
