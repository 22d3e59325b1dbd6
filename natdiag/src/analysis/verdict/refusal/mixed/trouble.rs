//! What is true of a trouble that makes a port refuse some SYNs: each has a row of this form in a file of its own.

use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding},
    fates::{Outcomes, SynSums, refusals::PortRefusals},
    verdict::{likelihood::ln_known, syn::newest::Decided},
};

/// RSTs of one sender resemble each other: more than these say nothing new about where it is.
const INDEPENDENT: f64 = 4.0;

/// What was seen of a port that refuses some SYNs and takes others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) syns: &'a SynSums,
    pub(super) port: PortRefusals,
    /// SYNs that it took.
    pub(super) taken: u64,
    /// The newest SYNs in their order; refused ones stand as dropped.
    pub(super) series: &'a [Decided],
}

/// What may refuse SYNs to a port that takes others.
#[derive(Debug)]
pub(super) struct Trouble {
    /// What it is called in the table of the tests.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a report names causes, not troubles")
    )]
    pub(super) name: &'static str,
    /// Share of it among ports that refuse some SYNs and take others. Judgement, not measurement.
    pub(super) prior: f64,
    /// How likely it makes the order of what was refused and what was taken, as a logarithm.
    pub(super) ln_order: fn(&[Decided]) -> f64,
    /// Share of its RSTs that come from another distance than the host's own packets.
    pub(super) by_other: f64,
    /// The cause that it goes by; a trouble that names none is nobody's alternative either.
    pub(super) named: Option<Named>,
}

/// A cause, and what is said of it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) cause: Cause,
    /// What is said of it, without confidence and alternatives.
    pub(super) finding: fn(&Seen, Vec<(&'static str, Evidence)>) -> Finding,
    /// The observation that rules it out.
    pub(super) why_excluded: fn(&Seen) -> String,
    /// What it has for itself, by its share.
    pub(super) why_left: fn(f64) -> String,
}

impl Trouble {
    /// How likely the trouble makes what was seen, as a logarithm.
    pub(super) fn ln_likelihood(&self, seen: &Seen) -> f64 {
        (self.ln_order)(seen.series) + self.ln_distance(&seen.port)
    }

    /// The channel of how far away who refuses is.
    pub(super) fn ln_distance(&self, port: &PortRefusals) -> f64 {
        let whole = Outcomes {
            dropped: port.by_other,
            answered: port.by_reset.saturating_sub(port.by_other),
        };
        #[expect(clippy::cast_precision_loss, reason = "a count of SYNs")]
        let weight = (INDEPENDENT / port.by_reset.max(1) as f64).min(1.0);
        weight * ln_known(self.by_other, whole)
    }
}
