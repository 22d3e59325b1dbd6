//! From events and counters to a diagnosis. Pure: no clock, no file, no socket, no log; it cannot fail.

pub mod close_up;
pub mod crossing;
pub mod diagnosis;
pub mod established;
pub mod evidence;
pub mod fares;
pub mod filter;
pub mod fragments;
pub mod mark;
pub mod ranking;
pub mod scope;
pub mod service;
pub mod suspicion;
pub mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod timeline;
pub mod tracker;
pub mod verdict;

use std::{cmp::Reverse, collections::HashMap, net::IpAddr};

use foldhash::fast::FixedState;
use natdiag_common::{
    Address, Direction,
    counter::{Counter, FragmentPosition, FragmentProtocol, RemoteCounter, RemoteCounts, Totals},
    follow::{self, FlowEnds, FollowCounts, FollowedSegment},
    wire::tcp::SYN,
};
use serde::{Deserialize, Serialize};

use self::{
    close_up::CloseUp,
    crossing::Sighting,
    diagnosis::{Diagnosis, Finding, RemoteCounters, RemoteDiagnosis, Severity},
    established::{Established, EstablishedTable},
    evidence::SynEvidence,
    fares::Fares,
    fragments::{Datagrams, Decision, LeftOut, Reassembly},
    ranking::Ranking,
    suspicion::Suspicion,
    table::{Counts, Remote, Table},
    tracker::{Networks, Tracker},
    verdict::{Case, Neighbours},
};
use crate::event::{Content, Event, Timestamp};

/// Remotes with findings that are shown whatever number is asked for.
pub const MIN_FINDINGS: usize = 1000;

/// Remote hosts of a diagnosis that are looked at closely, at up to a kibioctet each.
const CLOSE_UPS: usize = 1000;

/// Remote hosts whose datagrams are told apart. The rest is counted together.
const MAX_FRAGMENTING: usize = 1 << 18;

/// Everything that is known about the traffic of one source: an interface or a capture.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Analysis {
    table: Table,
    tracker: Tracker,
    reassembly: Reassembly,
    datagrams: HashMap<IpAddr, Datagrams, FixedState>,
    overflow_datagrams: Datagrams,
    totals: Totals,
    totals_at: Timestamp,
    records: u64,
    suspicion: Suspicion,
    suspects: Vec<Address>,
    /// What is to be joined with what other sources see, if anything.
    #[serde(skip)]
    sightings: Option<Vec<Sighting>>,
    established: EstablishedTable,
}

impl Analysis {
    /// An analysis that knows at most so many remote hosts one by one.
    #[must_use]
    pub fn with_capacity(remotes: usize) -> Self {
        Self {
            table: Table::with_capacity(remotes),
            ..Self::default()
        }
    }

    /// Makes what was saved whole again, after a time in which nobody looked if `gap` names one: then what became of SYNs
    /// in it is not known. Nobody is under suspicion at first.
    pub fn restore(&mut self, gap: Option<(Timestamp, Timestamp)>) {
        self.table.restore();
        for remote in std::mem::take(&mut self.suspects) {
            self.established.end(remote);
        }
        if let Some((from, to)) = gap {
            self.tracker.records_missed(from, to);
        }
    }

    /// Adds to the counters of one remote host. `counts` are what came since the last call: sums add up, maxima
    /// (`RemoteCounter::FIRST_MAXIMUM` and up) are raised.
    pub fn count(&mut self, remote: Address, counts: &RemoteCounts, now: Timestamp) {
        let (tracker, datagrams) = (&self.tracker, &self.datagrams);
        let established = &self.established;
        let gone = self.table.count(remote, counts, now, |remote| {
            let address = IpAddr::from(remote.address);
            verdict::severity(&Case {
                counts: &remote.counts,
                syns: tracker.evidence(address),
                established: established.get(remote.address),
                datagrams: datagrams.get(&address).copied().unwrap_or_default(),
                is_ipv6: address.is_ipv6(),
                neighbours: Neighbours::default(),
                missed_share: 0.0,
                now,
            })
            .is_some()
        });
        for address in gone {
            self.tracker.forget(address.into());
            self.datagrams.remove(&address.into());
            self.established.forget(address);
        }
    }

    /// Says whose established connections are to be followed from now on: remote hosts with symptoms.
    pub fn suspects(&mut self, now: Timestamp) -> &[Address] {
        let mut symptomatic: Vec<_> = self
            .table
            .remotes()
            .iter()
            .filter_map(|remote| {
                let syns = self.tracker.evidence(remote.address.into());
                let severity = self.severity(remote, syns, now)?;
                (severity > Severity::Info)
                    .then_some((Reverse((severity, remote.counts.packets())), remote.address))
            })
            .collect();
        symptomatic.sort_unstable();
        symptomatic.truncate(2 * follow::SUSPECTS);
        let worst: Vec<_> = symptomatic.into_iter().map(|(_, remote)| remote).collect();
        let suspects = self.suspicion.update(&worst, now);
        for remote in &self.suspects {
            if !suspects.contains(remote) {
                self.established.end(*remote);
            }
        }
        for remote in &suspects {
            self.established.begin(*remote, now);
        }
        self.suspects = suspects;
        &self.suspects
    }

    /// Notes what the kernel has counted about a suspect since its suspicion began.
    pub fn followed(&mut self, remote: Address, counts: FollowCounts) {
        self.established.set(remote, counts);
    }

    /// Notes what evidence says about established connections: what was counted since they were followed.
    pub fn stated(&mut self, remote: Address, since: Timestamp, counts: FollowCounts) {
        self.established.begin(remote, since);
        self.established.set(remote, counts);
    }

    /// What established connections of a remote host have shown, if they were followed.
    #[must_use]
    pub fn established(&self, remote: Address) -> Option<&Established> {
        self.established.get(remote)
    }

    /// Whether a remote host is under suspicion, so that its segments are wanted.
    #[must_use]
    pub fn follows(&self, remote: Address) -> bool {
        self.suspects.contains(&remote)
    }

    /// Takes a segment of a suspect from a capture.
    pub fn follow(
        &mut self,
        direction: Direction,
        ends: &FlowEnds,
        segment: &FollowedSegment,
        now: Timestamp,
    ) {
        self.established.segment(direction, ends, segment, now);
    }

    /// Sets the counters of the whole source, as of now.
    pub fn set_totals(&mut self, totals: &Totals, now: Timestamp) {
        if totals.value(Counter::MissedRecordsRing) > self.totals.value(Counter::MissedRecordsRing)
        {
            self.tracker.records_missed(self.totals_at, now);
        }
        self.totals = *totals;
        self.totals_at = now;
    }

    /// From here on keeps what is to be joined with other sources; somebody must take it.
    pub fn share_sightings(&mut self) {
        self.sightings.get_or_insert_default();
    }

    /// What is to be joined with other sources, since the last call.
    pub fn take_sightings(&mut self) -> Vec<Sighting> {
        self.sightings
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Takes one event. Events come in the order of their times.
    pub fn observe(&mut self, event: &Event) {
        self.records += 1;
        if let Some(part) = event.fragment
            && event.direction == Direction::Ingress
        {
            let left_out = self.left_out(event.source);
            self.datagrams_of(event.source).note(event, part);
            self.reassembly.fragment(event, part, left_out);
            self.settle_datagrams();
        }
        match &event.content {
            // The beginning of a segment does not tell where the segment ends, and nobody fragments a SYN.
            Content::Segment(segment) if event.fragment.is_none() || !segment.has(SYN) => {
                if let Some(sightings) = &mut self.sightings {
                    sightings.extend(Sighting::of(event, segment));
                }
                self.tracker.segment(event, segment);
            }
            Content::IcmpError(error) => self.tracker.icmp_error(event, error),
            Content::Segment(_) | Content::Other => {}
        }
    }

    /// Takes an event that a capture shows again: it counts once.
    pub fn shown_again(&mut self, event: &Event) {
        if let Content::Segment(segment) = &event.content {
            self.tracker.shown_again(event, segment);
        }
    }

    /// Lets time pass: SYNs that nobody answered become dropped, datagrams incomplete, old state goes.
    pub fn advance(&mut self, now: Timestamp) {
        self.tracker.advance(now);
        self.reassembly.advance(now);
        self.settle_datagrams();
    }

    /// Says what is known at `now`; `top` bounds the remotes without findings. Of those with findings the worst are
    /// shown, as many as `top` and at least [`MIN_FINDINGS`].
    #[must_use]
    pub fn diagnose(&self, now: Timestamp, top: usize) -> Diagnosis {
        let mut with_findings = Ranking::of(top.max(MIN_FINDINGS));
        let mut busiest = Ranking::of(top);
        for remote in self.table.remotes() {
            let syns = self.tracker.evidence(remote.address.into());
            let symptoms = syns.map_or(0, |syns| syns.all().dropped);
            let packets = remote.counts.packets();
            match self.severity(remote, syns, now) {
                Some(severity) => {
                    with_findings.push((Reverse((severity, symptoms, packets)), remote.address));
                }
                None => busiest.push((Reverse(packets), remote.address)),
            }
        }
        let networks = self.tracker.networks();
        let with_findings = with_findings.in_order().into_iter();
        let mut remotes: Vec<_> = with_findings
            .filter_map(|(_, address)| self.remote(address, &networks, now))
            .collect();
        remotes.sort_by_key(|remote| (Reverse(worst(remote)), remote.address));
        let busiest = busiest.in_order().into_iter();
        remotes.reserve_exact(busiest.len());
        remotes.extend(busiest.filter_map(|(_, address)| self.remote(address, &networks, now)));
        for remote in remotes.iter_mut().take(CLOSE_UPS) {
            remote.close_up = self.close_up(remote.address);
        }
        let (overflow, overflow_remotes) = self.table.overflow();
        let charged = self.totals.value(Counter::Charged);
        Diagnosis {
            totals: self.totals,
            remotes_known: self.table.remotes().len(),
            remotes,
            overflow: counters(overflow, None, self.overflow_datagrams),
            overflow_remotes,
            syns_not_followed: self.tracker.left_out(),
            findings: self.about_source(charged, now),
        }
    }

    /// Says that ordinary segments of the connections that we open are observed as well: what is not among them was not there.
    pub const fn shows_ordinary(&mut self) {
        self.tracker.shows_ordinary();
    }

    /// How the connections to a remote host have fared.
    #[must_use]
    pub fn fares(&self, remote: IpAddr) -> Fares {
        let known = self.table.get(remote.into());
        let fragmented = known.map_or(0, |known| {
            known
                .counts
                .fragments(FragmentProtocol::Tcp, FragmentPosition::First)
        });
        Fares::of(self.tracker.evidence(remote), fragmented)
    }

    /// What belongs to no single remote host.
    fn about_source(&self, charged: u64, now: Timestamp) -> Vec<Finding> {
        let mut findings = verdict::about_source(charged, self.records, self.missed_share());
        findings.extend(verdict::one_sided(&self.tracker.sides(), now));
        let junk = self
            .datagrams
            .values()
            .filter(|datagrams| verdict::is_junk(datagrams))
            .count();
        findings.extend(verdict::scattered_flood(junk as u64));
        findings
    }

    fn remote(
        &self,
        address: Address,
        networks: &Networks,
        now: Timestamp,
    ) -> Option<RemoteDiagnosis> {
        let counts = &self.table.get(address)?.counts;
        let syns = self.tracker.evidence(address.into());
        let neighbours = syns.map(|syns| networks.neighbours(address.into(), syns));
        let case = Case {
            neighbours: neighbours.unwrap_or_default(),
            ..self.case(address, counts, syns, now)
        };
        Some(RemoteDiagnosis {
            address: address.into(),
            counters: if self.tracker.sides().lacks_answers(now) {
                counters(counts, syns, case.datagrams).with_fates_unknown()
            } else {
                counters(counts, syns, case.datagrams)
            },
            findings: verdict::findings(&case),
            close_up: None,
        })
    }

    /// The worst that may be said about a remote host.
    fn severity(
        &self,
        remote: &Remote,
        syns: Option<&SynEvidence>,
        now: Timestamp,
    ) -> Option<Severity> {
        let counts = &remote.counts;
        // Datagrams make it a warning at most. Of a large table they are far away.
        let case = self.case_without_datagrams(remote.address, counts, syns, now);
        let without = verdict::severity(&case);
        let has_fragments = FragmentPosition::ALL
            .iter()
            .any(|position| counts.fragments_at(*position) > 0);
        if without >= Some(Severity::Warning) || !has_fragments {
            return without;
        }
        verdict::severity(&self.case(remote.address, counts, syns, now))
    }

    /// A closer look, where there is anything to see.
    fn close_up(&self, address: IpAddr) -> Option<Box<CloseUp>> {
        let syns = self.tracker.evidence(address);
        let datagrams = self.datagrams.get(&address);
        let close_up = CloseUp {
            syns: syns.map(|syns| syns.recent.to_vec()).unwrap_or_default(),
            fragment_sizes: datagrams
                .map(|datagrams| datagrams.sizes)
                .unwrap_or_default(),
        };
        (close_up != CloseUp::default()).then(|| Box::new(close_up))
    }

    fn case<'a>(
        &'a self,
        address: Address,
        counts: &'a Counts,
        syns: Option<&'a SynEvidence>,
        now: Timestamp,
    ) -> Case<'a> {
        let datagrams = self.datagrams.get(&address.into());
        Case {
            datagrams: datagrams.copied().unwrap_or_default(),
            ..self.case_without_datagrams(address, counts, syns, now)
        }
    }

    fn case_without_datagrams<'a>(
        &'a self,
        address: Address,
        counts: &'a Counts,
        syns: Option<&'a SynEvidence>,
        now: Timestamp,
    ) -> Case<'a> {
        // Of a far side that cannot be seen nothing is known: what it has not answered, and what was sent again.
        let is_seen = !self.tracker.sides().lacks_answers(now);
        Case {
            counts,
            syns: syns.filter(|_| is_seen),
            established: self.established.get(address).filter(|_| is_seen),
            datagrams: Datagrams::default(),
            is_ipv6: IpAddr::from(address).is_ipv6(),
            neighbours: Neighbours::default(),
            missed_share: self.missed_share(),
            now,
        }
    }

    /// Share of all records that did not fit the ring.
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    fn missed_share(&self) -> f64 {
        let missed = self.totals.value(Counter::MissedRecordsRing);
        if missed == 0 {
            0.0
        } else {
            missed as f64 / (missed + self.records) as f64
        }
    }

    /// What was left out of the records of a host's fragments so far.
    fn left_out(&self, source: IpAddr) -> LeftOut {
        let remote = self.table.get(source.into());
        LeftOut {
            datagrams: remote.map_or(0, |remote| {
                remote.counts.value(RemoteCounter::DatagramUnobserved)
            }),
            records: self.totals.value(Counter::MissedRecordsRing),
        }
    }

    /// Where the datagrams of a host are counted.
    fn datagrams_of(&mut self, source: IpAddr) -> &mut Datagrams {
        let has_room = self.datagrams.len() < MAX_FRAGMENTING;
        if has_room || self.datagrams.contains_key(&source) {
            self.datagrams.entry(source).or_default()
        } else {
            &mut self.overflow_datagrams
        }
    }

    fn settle_datagrams(&mut self) {
        for (source, decision) in self.reassembly.take_decided() {
            let left_out = self.left_out(source);
            let datagrams = self.datagrams_of(source);
            let cell = match decision {
                Decision::Complete(protocol) => datagrams.complete.get_mut(protocol as usize),
                Decision::Incomplete { protocol, before } if before == left_out => {
                    datagrams.incomplete.get_mut(protocol as usize)
                }
                // The kernel has counted it, when it left out the first of its fragments.
                Decision::Incomplete { before, .. } if before.datagrams != left_out.datagrams => {
                    None
                }
                Decision::Overlapping => Some(&mut datagrams.overlapping),
                Decision::Incomplete { .. } | Decision::Unobserved => {
                    Some(&mut datagrams.unobserved)
                }
            };
            if let Some(cell) = cell {
                *cell += 1;
            }
        }
    }
}

fn worst(remote: &RemoteDiagnosis) -> Option<Severity> {
    remote.findings.iter().map(|finding| finding.severity).max()
}

/// Brings the counters of all parts together under the names of the report.
fn counters(counts: &Counts, syns: Option<&SynEvidence>, datagrams: Datagrams) -> RemoteCounters {
    let value = |counter| counts.value(counter);
    let mut counters = RemoteCounters {
        fragments_tcp: counts.fragments_of(FragmentProtocol::Tcp),
        fragments_udp: counts.fragments_of(FragmentProtocol::Udp),
        fragments_icmp: counts.fragments_of(FragmentProtocol::Icmp),
        fragments_other: counts.fragments_of(FragmentProtocol::Other),
        fragments_first: counts.fragments_at(FragmentPosition::First),
        fragments_middle: counts.fragments_at(FragmentPosition::Middle),
        fragments_last: counts.fragments_at(FragmentPosition::Last),
        fragments_atomic: value(RemoteCounter::FragmentAtomic)
            + value(RemoteCounter::AtomicSegmentReceived),
        fragments_dont_fragment: value(RemoteCounter::FragmentDontFragment),
        fragments_sent: value(RemoteCounter::FragmentSent)
            + value(RemoteCounter::AtomicSegmentSent),
        datagrams_complete: datagrams.complete.iter().sum(),
        datagrams_incomplete: datagrams.incomplete.iter().sum(),
        datagrams_unobserved: datagrams.unobserved + value(RemoteCounter::DatagramUnobserved),
        largest_first_fragment_octets: value(RemoteCounter::LargestFirstTcpOctets)
            .max(value(RemoteCounter::LargestFirstOtherOctets)),
        syn_sent: value(RemoteCounter::SynSent),
        syn_received: value(RemoteCounter::SynReceived),
        syn_ack_received: value(RemoteCounter::SynAckReceived),
        syn_ack_sent: value(RemoteCounter::SynAckSent),
        rst_answering_syn: value(RemoteCounter::RstAnsweringSyn),
        rst_established: value(RemoteCounter::RstEstablished),
        rst_sent: value(RemoteCounter::RstSent),
        packet_too_big: value(RemoteCounter::PacketTooBig),
        icmp_errors: value(RemoteCounter::IcmpError),
        ..RemoteCounters::default()
    };
    if let Some(syns) = syns {
        let without = syns.without_timestamps.plus(syns.armed_without_timestamps);
        counters.syn_retransmitted = syns.retransmitted;
        counters.ack_answering_syn = syns.acks;
        counters.syn_predicted_drop_dropped = syns.predicted_drop.dropped;
        counters.syn_predicted_drop_answered = syns.predicted_drop.answered;
        counters.syn_predicted_pass_dropped = syns.predicted_pass.dropped;
        counters.syn_predicted_pass_answered = syns.predicted_pass.answered;
        counters.syn_without_timestamps_dropped = without.dropped;
        counters.syn_without_timestamps_answered = without.answered;
        counters.syn_without_timestamps_armed_dropped = syns.armed_without_timestamps.dropped;
        counters.syn_without_timestamps_armed_answered = syns.armed_without_timestamps.answered;
        counters.syn_ambiguous = syns.ambiguous;
        // As if the input ended now.
        counters.syn_undecided = syns.undecided + syns.pending;
    }
    counters
}
