//! SYNs that a RST refuses, and those of them that are opened all the same: then somebody else has refused them.

use natdiag_common::wire::{seq::SeqNumber, tcp::ACK};

use super::{
    FourTuple, Tracker,
    flow::{Flow, Refused},
};
use crate::{
    analysis::fates::{SynSums, hops::hops, refusals::Refusal},
    event::{Event, Segment},
};

impl Tracker {
    /// Takes a RST that may refuse a SYN. Returns whether it does, or pretends to.
    pub(super) fn note_refusal(
        &mut self,
        tuple: FourTuple,
        event: &Event,
        segment: &Segment,
    ) -> bool {
        let isn = SeqNumber(segment.ack.0.wrapping_sub(1));
        let Some(flow) = self.flows.get_mut(&tuple).filter(|_| segment.has(ACK)) else {
            return false;
        };
        if flow.isn != Some(isn) || flow.is_aborted {
            return false;
        }
        let transmissions = flow.transmissions.len();
        if flow
            .refused
            .is_some_and(|refused| refused.transmissions == transmissions)
        {
            // Whoever forges RSTs sends several.
            return true;
        }
        let state = self.remotes.entry(tuple.remote).or_default();
        if let Some(remote_isn) = flow.remote_isn {
            // It refuses a SYN that the host has answered: whoever sends it has not seen that.
            let is_late = segment.seq.0 == 0 && remote_isn.plus(1).0 != 0 && flow.reset.is_none();
            let sums = &mut state.sums;
            if is_late && let Some(refused) = flow.refused_as(sums, tuple.remote_port, event) {
                flow.refused = Some(refused);
                let refusals = sums.refusals_mut();
                refusals.opened += 1;
                refusals.opened_by_other += u64::from(refused.refusal.is_by_other);
            }
            return is_late;
        }
        let sums = &mut state.sums;
        let Some(refused) = flow.refused_as(sums, tuple.remote_port, event) else {
            return false;
        };
        flow.refused = Some(refused);
        let refusal = refused.refusal;
        let known = sums.refusals.as_deref();
        let refused_before = known
            .and_then(|known| known.ports().iter().find(|it| it.port == refusal.port))
            .map_or(0, |port| port.by_reset + port.by_error);
        let was_open = sums
            .answered_at(refusal.port)
            .is_some_and(|answered| answered > refused_before);
        let dropped = sums.all().dropped;
        sums.restarts.heard(event.time, dropped);
        sums.restarts.refused(refusal.port, was_open, event.time);
        sums.refused += 1;
        sums.refused_by_other += u64::from(refusal.is_by_other);
        sums.refusals_mut().note(refusal);
        self.answer_last(tuple, isn, event.time)
    }
}

impl Flow {
    /// The refusal that a RST is of the newest SYN.
    fn refused_as(&self, sums: &SynSums, port: u16, event: &Event) -> Option<Refused> {
        let own = self.answer.map_or(sums.ttl, |answer| Some(answer.ttl()));
        let is_by_other =
            own.is_some_and(|ttl| hops(ttl) != hops(event.ttl)) && !sums.distances.knows(event.ttl);
        Some(Refused {
            refusal: Refusal {
                number: self.transmissions.last()?.number,
                port,
                is_by_other,
            },
            transmissions: self.transmissions.len(),
            ttl: event.ttl,
        })
    }

    /// Takes note that a SYN-ACK answers the SYN. Where a RST has refused that very transmission, somebody else has
    /// sent it.
    pub(super) fn note_opened(&self, sums: &mut SynSums, port: u16, event: &Event) {
        sums.restarts.opened(port);
        let Some(refused) = self.refused else {
            return;
        };
        if refused.transmissions != self.transmissions.len() {
            // It was sent again, and the port may have been opened meanwhile.
            return;
        }
        let Refused { refusal, ttl, .. } = refused;
        sums.refused = sums.refused.saturating_sub(1);
        sums.refused_by_other = sums
            .refused_by_other
            .saturating_sub(u64::from(refusal.is_by_other));
        let refusals = sums.refusals_mut();
        refusals.take_back(refusal);
        refusals.opened += 1;
        refusals.opened_by_other += u64::from(hops(ttl) != hops(event.ttl));
    }
}
