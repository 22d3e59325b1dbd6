//! What the fates of SYNs towards one remote host add up to. Counters only; `verdict` weighs them.

mod class;
pub mod clocks;
mod connections;
pub mod hops;
pub mod kinds;
pub mod neighbours;
mod outcomes;
pub mod races;
pub mod recent;
pub mod refusals;
pub mod resets;
pub mod restarts;
pub mod spells;
pub mod writes;

use std::net::IpAddr;

use natdiag_common::wire::seq::TsVal;
use serde::{Deserialize, Serialize};

pub use self::{
    class::SynClass,
    connections::{ConnectionFates, Connections},
    outcomes::{Fate, Outcomes},
};
use self::{
    clocks::Clocks, hops::Distances, kinds::SynKinds, races::RaceSums, recent::RecentSyns,
    refusals::RefusalSums, resets::ResetSums, restarts::RestartSums, spells::Spells,
    writes::RecentWrites,
};
use crate::{analysis::mark::Prediction, event::Timestamp};

/// Most (local address, port) pairs told apart per remote host; what is beyond is counted as the last one.
const MAX_SERVICES: usize = 64;

/// Most open connections told apart; more count as so many.
const MAX_OPEN: usize = 32;
/// Ports of a remote host that are remembered for holes in its responses.
const MAX_HOLE_PORTS: usize = 8;

/// SYNs from one local address to one port of the remote host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Who sent them.
    pub local: IpAddr,
    /// The port at the remote host.
    pub port: u16,
    /// Their fates.
    pub outcomes: Outcomes,
}

/// All that is known about SYNs sent to one remote host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SynSums {
    /// With a timestamp below a live mark.
    pub predicted_drop: Outcomes,
    /// With a timestamp otherwise.
    pub predicted_pass: Outcomes,
    /// Without timestamps while there was a live mark.
    pub armed_without_timestamps: Outcomes,
    /// Without timestamps and without a live mark.
    pub without_timestamps: Outcomes,
    /// Of all these, those that followed a dropped transmission of the same SYN.
    pub repeated: Outcomes,
    /// Repeats that the rule predicts to be dropped.
    pub repeated_below: Outcomes,
    /// Of those that the rule lets pass, those that may have met a mark from before we looked.
    pub early: Outcomes,
    /// Those of `early` that followed a dropped transmission of the same SYN.
    pub repeated_early: Outcomes,
    /// Of all these, those on a four-tuple that may have been used shortly before we looked.
    pub unseen_use: Outcomes,
    /// Of all these, those from a local address that the remote host had not answered before.
    pub first_contact: Outcomes,
    /// On a four-tuple that the remote host may hold in TIME-WAIT. The dropped ones are in none of the above.
    pub reused: Outcomes,
    /// Of all these, by what they carry and who sent them.
    pub kinds: SynKinds,
    /// Of all these, by who sent them and to which port.
    pub services: Vec<Service>,
    /// Of all these, by the second in which they were sent.
    pub spells: Spells,
    /// Of all these, by how many connections were open.
    pub by_open: Vec<Outcomes>,
    /// Connections with at least one of these.
    pub connections: Connections,
    /// Decided just after the mark had changed.
    pub ambiguous: u64,
    /// Fate unknown.
    pub undecided: u64,
    /// Fate not known yet.
    pub pending: u64,
    /// Transmissions after the first.
    pub retransmitted: u64,
    /// Dropped SYNs of which the echo of a later one's timestamp tells that the server never took them.
    pub known_lost: u64,
    /// Handshakes whose SYN-ACK was seen, with timestamps on both sides.
    pub handshakes_with_echo: u64,
    /// Handshakes whose SYN-ACK answers an earlier transmission than the last: the first SYN-ACK was lost.
    pub syn_acks_lost: u64,
    /// Handshakes whose SYN-ACK was seen.
    pub handshakes: u64,
    /// Connections that lived though their SYN-ACK was not seen. The fates of their SYNs are not known.
    pub answers_unseen: u64,
    /// Of the handshakes whose SYN-ACK was seen, those whose SYN-ACK came again though it had arrived, where we are not
    /// known to have sent nothing: the server did not take our ACK, or waits for data.
    pub syn_acks_repeated: u64,
    /// Handshakes whose SYN-ACK came again after data of ours was seen: the server did not take that either.
    pub syn_acks_after_data: u64,
    /// Connections whose data the remote host was seen to take.
    pub taken: u64,
    /// SYN-ACKs that acknowledge another number than that of the SYN they answer.
    pub misnumbered: u64,
    /// SYNs that a host with another address answered. What became of them at their own is not known.
    pub answered_elsewhere: u64,
    /// The host that has answered the last of these.
    pub answering: Option<IpAddr>,
    /// SYNs of ours that came back to us.
    pub returned: u64,
    /// Handshakes whose SYN carried timestamps and whose SYN-ACK did not.
    pub echo_missing: u64,
    /// Handshakes whose SYN-ACK echoes a timestamp that no SYN carried.
    pub echo_foreign: u64,
    /// SYNs that a bare ACK answered.
    pub acks: u64,
    /// SYNs that a RST answered, and no SYN-ACK after it.
    pub refused: u64,
    /// SYNs that a RST answered which came from another distance than the host's own packets.
    pub refused_by_other: u64,
    /// SYNs that an `ICMP` error answered.
    pub unreachable: u64,
    /// SYNs that an `ICMP` error answered which says that a rule forbids them.
    pub prohibited: u64,
    /// Largest MSS that the remote host offered in a SYN-ACK.
    pub largest_mss: Option<u16>,
    /// Connections whose request got no octet of a response.
    pub unanswered_requests: u64,
    /// Connections that received something, or ended otherwise.
    pub answered_requests: u64,
    /// Connections whose response was longer than a full-size segment and of which only the FIN behind it arrived, by
    /// the remote host's port.
    pub holes: Vec<(u16, u64)>,
    /// Connections on which a FIN carries an older timestamp than the packet that opened them, of either side: PAWS
    /// discards it (RFC 7323, section 5.3).
    pub older_timestamps: u64,
    /// FINs that are longer than what may cross the link in one piece, without Don't Fragment.
    pub reassembled: u64,
    /// Time to live of the newest SYN-ACK.
    pub ttl: Option<u8>,
    /// Clocks that its SYN-ACKs show.
    pub clocks: Clocks,
    /// Connections that the remote host closed first: those that had waited for it (as dropped), and those that had
    /// not.
    pub served: Outcomes,
    /// Connections that both sides closed with FIN.
    pub orderly: u64,
    /// How old the oldest of them was at its end, in nanoseconds.
    pub oldest_orderly_ns: u64,
    /// Distances that the packets show which end its connections.
    pub distances: Distances,
    /// Its RSTs, once there was one.
    pub resets: Option<Box<ResetSums>>,
    /// Refused SYNs in detail, once there was one.
    pub refusals: Option<Box<RefusalSums>>,
    /// Connections that it had closed when a request of ours reached it.
    pub races: Option<Box<RaceSums>>,
    /// When it was away.
    pub restarts: RestartSums,
    /// Whether hosts that cannot be seen from here share our address towards the remote host.
    pub shared_address: bool,
    /// When a SYN was last dropped that the rule predicts to be.
    pub last_predicted_drop: Option<Timestamp>,
    /// SYNs answered since then.
    pub answered_since: u64,
    /// The newest mark.
    pub mark: Option<(TsVal, Timestamp)>,
    /// The newest SYNs one by one.
    pub recent: RecentSyns,
    /// The newest connections that the remote host closed first, where hosts that cannot be seen share our address:
    /// what it then holds is not known, but follows from these and from the fates of the SYNs.
    pub writes: RecentWrites,
}

impl SynSums {
    /// Place of a (local address, port) among the services.
    pub fn service(&mut self, local: IpAddr, port: u16) -> usize {
        let known = self
            .services
            .iter()
            .position(|service| service.local == local && service.port == port);
        known.unwrap_or_else(|| {
            if self.services.len() < MAX_SERVICES {
                self.services.push(Service {
                    local,
                    port,
                    outcomes: Outcomes::default(),
                });
            }
            self.services.len() - 1
        })
    }

    /// Whether the remote host has answered this local address.
    #[must_use]
    pub fn knows(&self, local: IpAddr) -> bool {
        self.services
            .iter()
            .any(|service| service.local == local && service.outcomes.answered > 0)
    }

    /// Counts a response of which only the end came.
    pub(super) fn note_hole(&mut self, port: u16) {
        if let Some((_, holes)) = self.holes.iter_mut().find(|(known, _)| *known == port) {
            *holes += 1;
        } else if self.holes.len() < MAX_HOLE_PORTS {
            self.holes.push((port, 1));
        }
    }

    /// What is known about resets.
    pub(super) fn resets_mut(&mut self) -> &mut ResetSums {
        self.resets.get_or_insert_default()
    }

    /// What is known about refused SYNs.
    pub(super) fn refusals_mut(&mut self) -> &mut RefusalSums {
        self.refusals.get_or_insert_default()
    }

    /// SYNs to a port that were answered, by whomever; `None` where there are more ports than are told apart.
    #[must_use]
    pub fn answered_at(&self, port: u16) -> Option<u64> {
        let of_port = self.services.iter().filter(|service| service.port == port);
        (self.services.len() < MAX_SERVICES)
            .then(|| of_port.map(|service| service.outcomes.answered).sum())
    }

    /// Moves one SYN from one fate to another.
    pub fn settle(&mut self, class: SynClass, from: Fate, to: Fate, now: Timestamp) {
        self.add(class, from, -1);
        self.add(class, to, 1);
        if class.ambiguous {
            return;
        }
        match (class.prediction, class.counted(to)) {
            (Prediction::Drop | Prediction::ArmedWithoutTimestamp, Fate::Dropped) => {
                self.last_predicted_drop = Some(now);
                self.answered_since = 0;
            }
            (_, Fate::Answered) => self.answered_since += 1,
            (_, Fate::Pending | Fate::Dropped | Fate::Undecided) => {}
        }
    }

    fn add(&mut self, class: SynClass, fate: Fate, amount: i64) {
        if class.reuses_time_wait {
            self.reused.add(fate, amount);
        }
        let whole = match class.counted(fate) {
            Fate::Pending => Some(&mut self.pending),
            Fate::Undecided => Some(&mut self.undecided),
            Fate::Dropped | Fate::Answered => class.ambiguous.then_some(&mut self.ambiguous),
        };
        if let Some(whole) = whole {
            *whole = whole.saturating_add_signed(amount);
            return;
        }
        let cell = match class.prediction {
            Prediction::Drop => &mut self.predicted_drop,
            Prediction::Pass => &mut self.predicted_pass,
            Prediction::ArmedWithoutTimestamp => &mut self.armed_without_timestamps,
            Prediction::WithoutTimestamp => &mut self.without_timestamps,
        };
        cell.add(fate, amount);
        let is_below = matches!(
            class.prediction,
            Prediction::Drop | Prediction::ArmedWithoutTimestamp
        );
        for (applies, cell) in [
            (class.repeated, &mut self.repeated),
            (class.repeated && is_below, &mut self.repeated_below),
            (class.unseen_mark, &mut self.early),
            (class.unseen_use, &mut self.unseen_use),
            (
                class.repeated && class.unseen_mark,
                &mut self.repeated_early,
            ),
        ] {
            if applies {
                cell.add(fate, amount);
            }
        }
        if class.first_contact {
            self.first_contact.add(fate, amount);
        }
        self.kinds.add(class.kind(), fate, amount);
        self.spells.add(class.second, fate, amount);
        let open = class.open.min(MAX_OPEN);
        if self.by_open.len() <= open {
            self.by_open.resize(open + 1, Outcomes::default());
        }
        if let Some(outcomes) = self.by_open.get_mut(open) {
            outcomes.add(fate, amount);
        }
        if let Some(service) = self.services.get_mut(class.service) {
            service.outcomes.add(fate, amount);
        }
    }

    /// A request that seemed to get no response was none.
    pub fn take_back_unanswered(&mut self) {
        self.unanswered_requests = self.unanswered_requests.saturating_sub(1);
    }

    /// Handshakes that the server has not taken our ACK of: data of ours was not taken either, or SYNs were dropped as
    /// well. A queue that has no room drops both alike; where it drops no SYN, a server may wait for data.
    #[must_use]
    pub fn untaken(&self) -> u64 {
        let without_data = self
            .syn_acks_repeated
            .saturating_sub(self.syn_acks_after_data);
        self.syn_acks_after_data + without_data.min(self.all().dropped)
    }

    /// All SYNs whose fate counts.
    #[must_use]
    pub fn all(&self) -> Outcomes {
        self.predicted_drop
            .plus(self.predicted_pass)
            .plus(self.armed_without_timestamps)
            .plus(self.without_timestamps)
    }
}
