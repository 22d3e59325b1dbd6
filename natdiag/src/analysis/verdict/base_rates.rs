//! How often each trouble is what is wrong with a remote host whose open connections have a symptom. The verdict takes
//! these as priors. They are judgement, not measurement: what counts is that a verdict needs evidence that outweighs them.

/// What may reset connections that were open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResetTrouble {
    /// The application closed with data unread, or with `SO_LINGER` 0.
    Application,
    /// A NAT or load balancer forgot the connection while it was idle.
    Idle,
    /// The host has lost the connection: a restart, a failover.
    Restart,
    /// Something on the path forges RSTs.
    Injected,
}

/// Shares of [`ResetTrouble`] among remote hosts with reset connections.
pub const RESET_TROUBLES: [(ResetTrouble, f64); 4] = [
    (ResetTrouble::Application, 0.6),
    (ResetTrouble::Idle, 0.2),
    (ResetTrouble::Restart, 0.15),
    (ResetTrouble::Injected, 0.05),
];

/// What may keep data of open connections from getting through, where no fragment was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StallTrouble {
    /// The application is slow, or hangs.
    Application,
    /// Loss so heavy that what is sent again is lost too.
    Loss,
    /// Large packets find no way through, and nobody says so.
    BlackHole,
    /// A device on the path keeps what it does not like.
    Contents,
    /// The receiver takes segments for old ones.
    Paws,
}

/// Shares of [`StallTrouble`] among remote hosts with stalled connections.
pub const STALL_TROUBLES: [(StallTrouble, f64); 5] = [
    (StallTrouble::Application, 0.5),
    (StallTrouble::Loss, 0.2),
    (StallTrouble::BlackHole, 0.2),
    (StallTrouble::Contents, 0.07),
    // It takes a device that answers with a clock of its own.
    (StallTrouble::Paws, 0.03),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_one() {
        let resets: f64 = RESET_TROUBLES.iter().map(|(_, share)| share).sum();
        let stalls: f64 = STALL_TROUBLES.iter().map(|(_, share)| share).sum();
        assert!((resets - 1.0).abs() < 0.001, "{resets}");
        assert!((stalls - 1.0).abs() < 0.001, "{stalls}");
    }
}
