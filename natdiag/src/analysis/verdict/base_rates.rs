//! How often each trouble is what is wrong with a remote host that has a symptom. The verdict takes these as priors, and
//! `cargo xtask evaluate` draws the remote hosts of its simulation by them, so that a confidence can be held against how
//! often it is right.
//!
//! They are judgement, not measurement: what counts is that a verdict needs evidence that outweighs them.

/// What may keep SYNs from being answered. Several may go by the name of one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SynTrouble {
    /// SYNs are lost at random, and perhaps answers too.
    Loss,
    /// SYN-ACKs are lost at random.
    ReturnLoss,
    /// Everything is lost for some seconds.
    Outage,
    /// A filter by port, or of the whole host.
    Filter,
    /// A filter that knows clients apart which share one address outside.
    FilterOfClients,
    /// A full accept queue or SYN queue: drops in spells, and ACKs that the server does not take.
    Backlog,
    /// A short queue that is kept for hosts known before.
    NewHosts,
    /// So many connections a second and no more.
    RateLimit,
    /// Drops that follow the four-tuple: one of several paths or backends is dead.
    OneOfSeveral,
    /// Ports used again too early: the server holds the four-tuple in TIME-WAIT.
    PortReuse,
    /// `tcp_tw_recycle`.
    Recycle,
    /// `tcp_tw_recycle` on some of the servers behind one address.
    RecycleOfSome,
    /// SYNs with timestamps are dropped.
    TimestampsFiltered,
    /// SYNs without timestamps are dropped.
    TimestampsDemanded,
    /// No way leads there, or back.
    Unreachable,
}

/// Shares of [`SynTrouble`] among remote hosts with unanswered SYNs.
pub const SYN_TROUBLES: [(SynTrouble, f64); 15] = [
    (SynTrouble::Loss, 0.36),
    (SynTrouble::Filter, 0.25),
    (SynTrouble::ReturnLoss, 0.08),
    (SynTrouble::Backlog, 0.08),
    (SynTrouble::Outage, 0.06),
    (SynTrouble::OneOfSeveral, 0.05),
    // Servers older than Linux 4.12 (2017) whose administrators turned it on.
    (SynTrouble::Recycle, 0.04),
    (SynTrouble::RateLimit, 0.03),
    (SynTrouble::PortReuse, 0.03),
    (SynTrouble::RecycleOfSome, 0.005),
    (SynTrouble::NewHosts, 0.004),
    (SynTrouble::TimestampsFiltered, 0.005),
    (SynTrouble::Unreachable, 0.005),
    // It must stand before the NAT and yet care about one destination.
    (SynTrouble::FilterOfClients, 0.001),
    // Nobody is known to do so.
    (SynTrouble::TimestampsDemanded, 0.000_01),
];

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

/// What may refuse SYNs to a port that takes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalTrouble {
    /// Nothing listens there any more.
    Stopped,
    /// The host or its service was restarted, and refused until it was back.
    Restart,
    /// A rule takes so many connections a second, or so many open ones, and resets the others.
    RateLimit,
    /// Some of several servers behind the address refuse.
    OneOfSeveral,
    /// Something on the path forges RSTs.
    Injected,
}

/// Shares of [`RefusalTrouble`] among ports that refuse some SYNs and take others.
pub const REFUSAL_TROUBLES: [(RefusalTrouble, f64); 5] = [
    (RefusalTrouble::Restart, 0.4),
    (RefusalTrouble::Stopped, 0.2),
    (RefusalTrouble::OneOfSeveral, 0.2),
    (RefusalTrouble::RateLimit, 0.15),
    (RefusalTrouble::Injected, 0.05),
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
        let syns: f64 = SYN_TROUBLES.iter().map(|(_, share)| share).sum();
        let resets: f64 = RESET_TROUBLES.iter().map(|(_, share)| share).sum();
        assert!((syns - 1.0).abs() < 0.001, "{syns}");
        let refusals: f64 = REFUSAL_TROUBLES.iter().map(|(_, share)| share).sum();
        assert!((refusals - 1.0).abs() < 0.001, "{refusals}");
        let stalls: f64 = STALL_TROUBLES.iter().map(|(_, share)| share).sum();
        assert!((resets - 1.0).abs() < 0.001, "{resets}");
        assert!((stalls - 1.0).abs() < 0.001, "{stalls}");
    }
}
