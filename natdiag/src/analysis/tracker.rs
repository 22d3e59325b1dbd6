//! Follows handshakes and closings: which SYN was answered, who closed first, and so which mark a server with
//! tcp_tw_recycle would hold. One tracker serves live traffic and captures.

mod again;
mod answer;
mod before;
mod closing;
mod deadlines;
mod fate;
mod flow;
mod network;
mod ordinary;
mod race;
mod refusal;
mod reset;
mod stray;
mod syn;
mod talk;
#[cfg(test)]
mod tests;
mod unreachable;
mod unseen;

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    net::IpAddr,
};

use natdiag_common::{
    Direction,
    wire::{
        seq::SeqNumber,
        tcp::{ACK, FIN, RST, SYN},
    },
};
use serde::{Deserialize, Serialize};

use self::{before::ResetsBefore, deadlines::Deadlines, fate::settle, flow::Flow, stray::Strays};
pub use self::{
    network::{Networks, network},
    ordinary::Sides,
};
use crate::{
    analysis::{
        fates::{Fate, SynSums},
        mark::{LIFETIME_NS, MarkHistory},
        scope::is_behind_nat,
    },
    event::{Event, Segment, Timestamp},
    seed::Seed,
};

/// Marks kept at once, of as many pairs of addresses.
const MAX_MARKS: usize = 1 << 20;
/// Marks below which none is let go.
const MIN_MARKS: usize = 1024;
/// Remote hosts with sums at once.
const MAX_REMOTES: usize = 1 << 20;
/// Connections followed at once. The oldest are let go first, which are long established.
pub(super) const MAX_FLOWS: usize = 1 << 19;
/// How many are let go at once.
const LET_GO: usize = MAX_FLOWS / 4;

/// The two ends of a connection, ours first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct FourTuple {
    local: IpAddr,
    local_port: u16,
    remote: IpAddr,
    remote_port: u16,
}

impl Hash for FourTuple {
    /// In whole numbers, as each packet asks several times: octet by octet takes several times as long.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for address in [self.local, self.remote] {
            match address {
                IpAddr::V4(v4) => state.write_u32(v4.to_bits()),
                IpAddr::V6(v6) => state.write_u128(v6.to_bits()),
            }
        }
        state.write_u32(u32::from(self.local_port) << 16 | u32::from(self.remote_port));
    }
}

/// Who shares a mark: the address that the server sees, and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct MarkKey {
    /// `None` stands for the address of the NAT that we are behind.
    local: Option<IpAddr>,
    remote: IpAddr,
}

/// What is known of one remote host across its connections.
#[derive(Debug, Default, Serialize, Deserialize)]
struct RemoteState {
    sums: SynSums,
    handshake_ns: Option<u64>,
    /// Open connections.
    open: usize,
}

/// All remote hosts with sums.
type Remotes = HashMap<IpAddr, RemoteState, Seed>;

/// Follows all connections of one source.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tracker {
    flows: HashMap<FourTuple, Flow, Seed>,
    remotes: Remotes,
    marks: HashMap<MarkKey, MarkHistory, Seed>,
    deadlines: Deadlines,
    next_id: u64,
    marks_after_pruning: usize,
    /// SYNs that were not followed because there were too many remote hosts.
    left_out: u64,
    /// The last period in which records were missed.
    missed: Option<(Timestamp, Timestamp)>,
    /// RSTs of connections that were opened before we looked.
    before: ResetsBefore,
    /// When the last mark expires that may have been made while nobody looked.
    marks_known_from: Option<Timestamp>,
    /// Which sides were seen at all.
    sides: Sides,
    /// SYN-ACKs that answer no SYN to their sender.
    strays: Strays,
}

impl Tracker {
    /// What is known about SYNs to a remote host.
    #[must_use]
    pub fn sums(&self, remote: IpAddr) -> Option<&SynSums> {
        self.remotes.get(&remote).map(|state| &state.sums)
    }

    /// What is known about SYNs to each remote host, in no order.
    #[expect(
        clippy::disallowed_methods,
        reason = "who shows something of them puts it in order"
    )]
    pub fn hosts(&self) -> impl Iterator<Item = (IpAddr, &SynSums)> + Clone {
        let remotes = self.remotes.iter();
        remotes.map(|(address, state)| (*address, &state.sums))
    }

    /// Forgets a remote host.
    pub fn forget(&mut self, remote: IpAddr) {
        self.remotes.remove(&remote);
    }

    /// SYNs that were not followed because there were too many remote hosts.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Notes that records were missed from one time to another.
    pub fn records_missed(&mut self, from: Timestamp, to: Timestamp) {
        let from = self
            .missed
            .filter(|(_, last)| *last >= from)
            .map_or(from, |(first, _)| first);
        self.missed = Some((from, to));
        self.marks_known_from = Some(to.plus(LIFETIME_NS));
    }

    /// Up to when records were missed at last, if any were.
    pub(super) fn missed_until(&self) -> Option<Timestamp> {
        self.missed.map(|(_, until)| until)
    }

    /// Counts SYNs whose fate stays undecided, because too little is known of them.
    pub fn not_followed(&mut self, remote: IpAddr, syns: u64) {
        if syns == 0 {
            return;
        }
        if self.remotes.len() >= MAX_REMOTES && !self.remotes.contains_key(&remote) {
            self.left_out += syns;
            return;
        }
        self.remote(remote).sums.undecided += syns;
    }

    /// Takes a TCP segment with SYN, FIN or RST; or an ordinary one, where these are seen.
    pub fn segment(&mut self, event: &Event, segment: &Segment) {
        self.advance(event.time);
        self.marks_known_from
            .get_or_insert(event.time.plus(LIFETIME_NS));
        let (local_port, remote_port) = match event.direction {
            Direction::Ingress => (segment.destination_port, segment.source_port),
            Direction::Egress => (segment.source_port, segment.destination_port),
        };
        let tuple = FourTuple {
            local: event.local(),
            local_port,
            remote: event.remote(),
            remote_port,
        };
        self.sides.note(event, segment);
        match (event.direction, segment) {
            (Direction::Egress, s) if s.has(RST) => self.reset_sent(tuple, event, s),
            (Direction::Ingress, s) if s.has(RST) => self.reset_received(tuple, event, s),
            (Direction::Egress, s) if s.has(SYN | ACK) => {}
            (Direction::Ingress, s) if s.has(SYN | ACK) => self.syn_ack_received(tuple, event, s),
            (Direction::Egress, s) if s.has(SYN) => self.syn_sent(tuple, event, s),
            (Direction::Ingress, s) if s.has(SYN) => self.syn_received(tuple, event, s),
            (Direction::Egress, s) if s.has(FIN) => self.fin_sent(tuple, event, s),
            (Direction::Ingress, s) if s.has(FIN) => self.fin_received(tuple, event, s),
            (Direction::Egress, s) => self.ordinary_sent(tuple, event, s),
            (Direction::Ingress, s) => self.ordinary_received(tuple, event, s),
        }
    }

    /// Takes a segment that was shown before. It says nothing new, but a SYN was counted and needs a fate.
    pub fn shown_again(&mut self, event: &Event, segment: &Segment) {
        let is_syn = segment.has(SYN) && !segment.has(ACK) && !segment.has(RST);
        if event.direction == Direction::Egress && is_syn {
            self.remote(event.remote()).sums.undecided += 1;
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some(deadline) = self.deadlines.pop_due(now) {
            self.give_up_on(&deadline);
        }
    }

    fn remote(&mut self, remote: IpAddr) -> &mut RemoteState {
        self.remotes.entry(remote).or_default()
    }

    fn mark_key(tuple: FourTuple) -> MarkKey {
        let behind_nat = is_behind_nat(tuple.local, tuple.remote);
        MarkKey {
            local: (!behind_nat).then_some(tuple.local),
            remote: tuple.remote,
        }
    }

    fn marks(&mut self, tuple: FourTuple) -> &mut MarkHistory {
        self.marks.entry(Self::mark_key(tuple)).or_default()
    }

    /// Begins to follow a connection.
    fn open(&mut self, tuple: FourTuple, isn: Option<SeqNumber>) {
        if self.flows.len() >= MAX_FLOWS {
            self.let_go_of_oldest();
        }
        self.next_id += 1;
        let id = self.next_id;
        if let Some(mut old) = self.flows.insert(tuple, Flow::new(id, isn)) {
            end(&mut self.remotes, tuple, &mut old);
        }
    }

    /// Lets go of many connections at once: to have them in their order all the time would take each of them more
    /// look-ups. Those that we have not opened go first, as anybody can forge them.
    fn let_go_of_oldest(&mut self) {
        let ids = |is_wanted: fn(&Flow) -> bool| {
            let flows = self.flows.values().filter(|flow| is_wanted(flow));
            flows.map(|flow| flow.id).collect::<Vec<_>>()
        };
        let is_foreign: fn(&Flow) -> bool = |flow| flow.isn.is_none();
        let foreign = ids(is_foreign);
        let (is_meant, mut ids) = if foreign.len() > LET_GO {
            (is_foreign, foreign)
        } else {
            let is_any: fn(&Flow) -> bool = |_| true;
            (is_any, ids(is_any))
        };
        let (_, first_kept, _) = ids.select_nth_unstable(LET_GO);
        let first_kept = *first_kept;
        let oldest = self
            .flows
            .extract_if(|_, flow| flow.id < first_kept && is_meant(flow));
        for (tuple, mut flow) in oldest {
            end(&mut self.remotes, tuple, &mut flow);
        }
    }

    /// The remote host opens a connection to us: what it writes is no mark of ours, but its closing is.
    fn syn_received(&mut self, tuple: FourTuple, event: &Event, segment: &Segment) {
        if !self.is_returned(tuple, event, segment.seq) {
            self.open(tuple, None);
        }
    }
}

/// What is still open of a connection that is no longer followed stays unknown.
fn end(remotes: &mut Remotes, tuple: FourTuple, flow: &mut Flow) {
    if !flow.is_open && !flow.is_pending() {
        return;
    }
    let Some(state) = remotes.get_mut(&tuple.remote) else {
        return;
    };
    flow.leave(state, None);
    for transmission in flow
        .transmissions
        .iter_mut()
        .filter(|t| t.fate == Fate::Pending)
    {
        settle(
            &mut state.sums,
            &mut flow.fates,
            transmission,
            Fate::Undecided,
            Timestamp(0),
        );
    }
}
