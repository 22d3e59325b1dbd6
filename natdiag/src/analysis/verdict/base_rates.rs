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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_one() {
        let syns: f64 = SYN_TROUBLES.iter().map(|(_, share)| share).sum();
        assert!((syns - 1.0).abs() < 0.001, "{syns}");
    }
}
