//! Answers that did not pass here. A connection that is used or closed was open: then its SYN was answered, and who
//! looked at the traffic has missed that.

use natdiag_common::wire::seq::SeqNumber;

use super::{FourTuple, Tracker, fate::settle};
use crate::{analysis::fates::Fate, event::Timestamp};

impl Tracker {
    /// Takes note of a segment of the connection whose SYN this sequence number comes after: our own number of one that
    /// we send, or what one of the remote host acknowledges. No host sends data, a FIN, or a RST with ACK before the
    /// handshake is over (RFC 9293, section 3.10). Returns whether the connection is known.
    pub(super) fn lived(&mut self, tuple: FourTuple, reached: SeqNumber, now: Timestamp) -> bool {
        let Some(flow) = self.flows.get_mut(&tuple) else {
            return false;
        };
        let is_later = flow.isn.is_some_and(|isn| reached.at_or_after(isn.plus(1)));
        if !is_later || flow.remote_isn.is_some() || flow.answer_unseen {
            return true;
        }
        let Some(state) = self.remotes.get_mut(&tuple.remote) else {
            return true;
        };
        flow.answer_unseen = true;
        self.sides.answers_unseen += 1;
        state.sums.answers_unseen += 1;
        let open = flow
            .transmissions
            .iter_mut()
            .filter(|transmission| matches!(transmission.fate, Fate::Pending | Fate::Dropped));
        for transmission in open {
            // Which of them was answered cannot be said.
            settle(
                &mut state.sums,
                &mut flow.fates,
                transmission,
                Fate::Undecided,
                now,
            );
        }
        true
    }
}
