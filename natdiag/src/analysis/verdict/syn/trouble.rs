//! What is asked of every trouble that may keep SYNs from being answered. Each has a file of its own beside this one
//! that answers all of it; the list of them is in `syn.rs`.

use super::{
    limit::{ln_limit, ln_open_limit},
    ports::ln_ports,
    spell::{ln_nearly_full, ln_outage},
};
use crate::analysis::{
    diagnosis::{Cause, Finding},
    fates::{Outcomes, SynSums},
    verdict::{case::Case, contest::Contest},
};

/// Connections with a symptom from which on a cause is named: one alone may have any.
pub(super) const CONNECTIONS: u64 = 2;

/// The logarithm of how likely a trouble makes what one kind of observation has shown.
pub(super) type Channel = fn(&Seen) -> f64;

/// All that is true of one trouble. There are no defaults, so that the compiler asks for what is missing.
pub(super) struct Trouble {
    /// How often it is what is wrong with a remote host that leaves SYNs unanswered.
    pub(super) prior: f64,
    /// The cause it goes by. Several troubles may go by one.
    pub(super) cause: Cause,
    /// Another cause that is true of it as well, and may be named by what it adds.
    pub(super) also: Option<Cause>,
    /// Other causes that are often right beside it.
    pub(super) beside: &'static [Cause],
    /// Whether it loses packets at random, whatever they are and whenever they come.
    pub(super) is_random: bool,
    /// Whether it drops SYNs by a rule that depends on when they come, and on nothing that they carry.
    pub(super) is_alike: bool,

    /// How likely it makes the fates of SYNs, as the logarithm of a probability. So do all that follow.
    pub(super) ln_fates: fn(&Seen) -> f64,
    /// SYN-ACKs that were lost on the way back, of those that the echo of a timestamp tells about.
    pub(super) ln_lost_answers: fn(&Seen) -> f64,
    /// SYN-ACKs that came again though they had arrived: the server did not take our ACK, or never got it.
    pub(super) ln_repeats: fn(&Seen) -> f64,
    /// Handshakes that a RST cut off as soon as they were complete.
    pub(super) ln_aborts: fn(&Seen) -> f64,
    /// SYNs on a four-tuple that the server may hold in TIME-WAIT, and bare ACKs in answer to a SYN.
    pub(super) ln_reuse: fn(&Seen) -> f64,
    /// Clocks behind one address: several are several servers.
    pub(super) ln_clocks: fn(&Seen) -> f64,
    /// Other hosts of the network that answer, or do not.
    pub(super) ln_neighbours: fn(&Seen) -> f64,
    /// Data of established connections.
    pub(super) ln_data: fn(&Seen) -> f64,

    /// Whether what was seen can tell it from all that look like it, where it is the likeliest.
    pub(super) can_be_named: fn(&Seen, &Contest<&'static Trouble>) -> bool,
    /// The finding, but for its confidence and the alternatives.
    pub(super) finding: fn(&Seen) -> Finding,
    /// SYNs that it has nothing to do with: loss is looked for among them.
    pub(super) others: fn(&SynSums) -> Option<Outcomes>,
    /// Whether it explains bare ACKs that answer SYNs.
    pub(super) explains_acks: bool,
    /// The observation that rules it out.
    pub(super) why_excluded: Excluded,
    /// What speaks against other troubles where this one is the likeliest, if it is more than what speaks against most.
    pub(super) against_others: Option<fn(&SynSums) -> String>,
    /// What leaves it possible.
    pub(super) why_left: fn(&SynSums) -> &'static str,
}

/// The observation that rules a trouble out.
pub(super) enum Excluded {
    /// One that decides by itself, whatever the likeliest trouble is.
    ByItself(fn(&SynSums) -> String),
    /// One that is told where the likeliest trouble has nothing better to say against others.
    AtLeast(fn(&SynSums) -> String),
}

impl Trouble {
    /// Whether a cause is true of the trouble: loss on the way back is loss.
    pub(super) fn goes_by(&self, cause: Cause) -> bool {
        self.cause == cause || self.also == Some(cause)
    }

    /// How likely the trouble makes all that was seen: a product over channels that do not overlap.
    pub(super) fn ln_likelihood(&self, seen: &Seen) -> f64 {
        self.channels().iter().map(|(_, ln)| ln(seen)).sum()
    }

    /// The channels by name.
    pub(super) fn channels(&self) -> [(&'static str, Channel); 8] {
        [
            ("fates", self.ln_fates),
            ("lost answers", self.ln_lost_answers),
            ("repeats", self.ln_repeats),
            ("aborts", self.ln_aborts),
            ("reuse", self.ln_reuse),
            ("clocks", self.ln_clocks),
            ("neighbours", self.ln_neighbours),
            ("data", self.ln_data),
        ]
    }

    /// The observation that rules the trouble out where `best` is the likeliest, or what leaves it possible.
    pub(super) fn why(&self, best: &Self, syns: &SynSums, is_excluded: bool) -> String {
        if !is_excluded {
            return (self.why_left)(syns).to_owned();
        }
        match self.why_excluded {
            Excluded::ByItself(why) => why(syns),
            Excluded::AtLeast(why) => best.against_others.unwrap_or(why)(syns),
        }
    }
}

/// What was seen of a remote host that leaves SYNs unanswered.
pub(super) struct Seen<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) syns: &'a SynSums,
    pub(super) in_order: InOrder,
}

impl<'a> Seen<'a> {
    pub(super) fn new(case: &'a Case<'a>, syns: &'a SynSums) -> Self {
        Self {
            case,
            syns,
            in_order: InOrder::of(syns),
        }
    }

    /// Connections that failed or were late.
    pub(super) const fn connections_hit(&self) -> u64 {
        self.syns.connections.failed + self.syns.connections.late
    }
}

/// What several troubles are likely by: rules of which each makes the fate of a SYN depend on those before.
pub(super) struct InOrder {
    pub(super) outage: f64,
    pub(super) nearly_full: f64,
    pub(super) limit: f64,
    pub(super) open_limit: f64,
    pub(super) ports: [f64; 3],
}

impl InOrder {
    fn of(syns: &SynSums) -> Self {
        Self {
            outage: ln_outage(syns),
            nearly_full: ln_nearly_full(syns),
            limit: ln_limit(syns),
            open_limit: ln_open_limit(syns),
            ports: ln_ports(syns),
        }
    }
}

/// Whether enough connections have a symptom.
pub(super) fn are_several_hit(seen: &Seen, _: &Contest<&'static Trouble>) -> bool {
    seen.connections_hit() >= CONNECTIONS
}

/// Nothing can be said of SYNs that the trouble does not touch.
pub(super) const fn no_others(_: &SynSums) -> Option<Outcomes> {
    None
}
