//! Answers that do not come from where the SYN went: a reply that was not translated back has the ports and numbers of
//! our SYN and another address; and a SYN of ours that comes back was sent to ourselves.

use std::{collections::HashMap, net::IpAddr};

use natdiag_common::wire::seq::SeqNumber;
use serde::{Deserialize, Serialize};

use super::{FourTuple, Tracker};
use crate::{
    analysis::fates::{Fate, SynSums},
    event::Event,
    seed::Seed,
};

/// SYN-ACKs remembered: in traffic that is well there are none but at the beginning. Others are forgotten all at once.
const MAX_STRAYS: usize = 4096;

/// Time within which a SYN that passes no router comes in by another interface of the host that has sent it.
const NEAR_NS: u64 = 1_000_000;

/// What of a SYN-ACK names the SYN that it answers, but for the address that the SYN went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Answered {
    local: IpAddr,
    local_port: u16,
    remote_port: u16,
    isn: SeqNumber,
}

/// SYN-ACKs that answer no SYN to their sender, and who that was.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Strays(HashMap<Answered, IpAddr, Seed>);

impl Strays {
    /// Remembers a SYN-ACK that acknowledges a SYN with this number.
    pub(super) fn note(&mut self, tuple: FourTuple, isn: SeqNumber) {
        if self.0.len() >= MAX_STRAYS {
            self.0.clear();
        }
        self.0.insert(Answered::of(tuple, isn), tuple.remote);
    }

    /// Who else has answered this SYN.
    pub(super) fn answer(&self, tuple: FourTuple, isn: SeqNumber) -> Option<IpAddr> {
        if self.0.is_empty() {
            return None;
        }
        let other = self.0.get(&Answered::of(tuple, isn)).copied();
        other.filter(|other| *other != tuple.remote)
    }
}

impl Answered {
    const fn of(tuple: FourTuple, isn: SeqNumber) -> Self {
        Self {
            local: tuple.local,
            local_port: tuple.local_port,
            remote_port: tuple.remote_port,
            isn,
        }
    }
}

impl SynSums {
    /// Notes who else has answered a SYN, if anybody has. What the SYN's own host would have done is then not known.
    pub(super) fn note_stray(&mut self, other: Option<IpAddr>) -> Option<Fate> {
        let other = other?;
        self.answered_elsewhere += 1;
        self.answering = Some(other);
        Some(Fate::Undecided)
    }
}

impl Tracker {
    /// Whether a SYN that arrives is one that we have sent. It is noted, unless it has not been anywhere: what a host
    /// sends to itself, or through a bridge of its own, is seen on its way out and on its way in.
    pub(super) fn is_returned(&mut self, tuple: FourTuple, event: &Event, isn: SeqNumber) -> bool {
        let sent = FourTuple {
            local: tuple.remote,
            local_port: tuple.remote_port,
            remote: tuple.local,
            remote_port: tuple.local_port,
        };
        let flow = self.flows.get(&sent).filter(|flow| flow.isn == Some(isn));
        let Some((flow, last)) = flow.and_then(|flow| Some((flow, flow.transmissions.last()?)))
        else {
            return false;
        };
        let is_near = event.ttl == flow.syn_ttl && event.time.since(last.sent) < NEAR_NS;
        let is_own = tuple.local == tuple.remote || tuple.remote.is_loopback();
        if !is_near && !is_own {
            self.remote(sent.remote).sums.returned += 1;
        }
        true
    }
}
