//! The programs that watch, while responses are fetched.

use std::net::SocketAddr;

use natdiag_common::{Direction, wire::tcp::FIN};

use crate::{
    analysis::{Analysis, diagnosis::Diagnosis},
    bpf::{
        attach::{Attachment, attach},
        counters::Counters,
        load::WatchObject,
        order::HOLD_BACK_NS,
        program::LoadOptions,
        records::Records,
    },
    clock::Clock,
    command::probe::{ProbeError, link_type},
    event::{Content, Event},
    host::path::Path,
    probe::fragments::Sighting,
    survey::{SourceKind, SourceSurvey},
    value::hook::HookChoice,
};

/// Most records and spills that one turn takes.
const PER_TURN: usize = 1 << 14;

/// The programs that watch, and what they have seen of one remote host.
pub(super) struct Watcher {
    attachment: Attachment,
    counters: Counters,
    records: Records,
    analysis: Analysis,
    sighting: Sighting,
    /// First fragments of TCP: the port that they came to, and their size.
    fragments: Vec<(u16, u32)>,
    remote: SocketAddr,
    clock: Clock,
}

impl Watcher {
    pub(super) fn attach(
        path: &Path,
        remote: SocketAddr,
        clock: Clock,
    ) -> Result<Self, ProbeError> {
        let link = &path.link;
        let link_type = link_type(path)?;
        let mut object = WatchObject::open(LoadOptions::new(link_type))?;
        Ok(Self {
            counters: Counters::take(&mut object)?,
            records: Records::take(&mut object)?,
            attachment: attach(&mut object, link, HookChoice::Auto)?,
            analysis: Analysis::default(),
            sighting: Sighting::default(),
            fragments: Vec::new(),
            remote,
            clock,
        })
    }

    /// Takes what has come.
    pub(super) fn turn(&mut self) {
        let began_ns = self.clock.monotonic_ns();
        let now = self.clock.timestamp(began_ns);
        let analysis = &mut self.analysis;
        self.counters.drain_spills(PER_TURN, |increment| {
            analysis.count(increment.remote, &increment.counts, now);
        });
        let is_all = self.records.drain(PER_TURN);
        self.observe(began_ns, is_all);
        if is_all {
            let settled_ns = began_ns.saturating_sub(HOLD_BACK_NS);
            self.analysis.advance(self.clock.timestamp(settled_ns));
        }
    }

    /// How many first fragments came to a port of ours since the last call, and the size of the largest.
    pub(super) fn take_fragments(&mut self, port: Option<u16>) -> (u64, u32) {
        let seen = self.fragments.drain(..).filter(|(to, _)| Some(*to) == port);
        seen.fold((0, 0), |(count, largest), (_, octets)| {
            (count + 1, octets.max(largest))
        })
    }

    fn observe(&mut self, began_ns: u64, ring_is_empty: bool) {
        for record in self.records.release(began_ns, ring_is_empty, usize::MAX) {
            let now = self.clock.timestamp(record.time_ns);
            if let Some(tally) = record.tally() {
                self.analysis.count(tally.remote, &tally.counts(), now);
            }
            if let Some(event) = Event::from_record(&record, self.clock.epoch_ns()) {
                note(&mut self.sighting, self.remote, &event);
                self.fragments.extend(first_fragment(self.remote, &event));
                self.analysis.observe(&event);
            }
        }
    }

    /// Detaches, and says what was seen.
    pub(super) fn finish(mut self, path: &Path) -> Result<(Sighting, SourceSurvey), ProbeError> {
        let survey = SourceSurvey {
            kind: SourceKind::Interface,
            name: path.link.name.clone(),
            hooks: self.attachment.hooks(),
            notes: self.attachment.notes().to_vec(),
            octets: None,
            looked_at: None,
            diagnosis: Diagnosis::default(),
        };
        self.turn();
        self.observe(u64::MAX, true);
        let now = self.clock.now();
        let analysis = &mut self.analysis;
        self.counters.collect(|increment| {
            analysis.count(increment.remote, &increment.counts, now);
        })?;
        self.analysis.set_totals(&self.counters.totals()?, now);
        self.analysis.advance(now);
        let diagnosis = self.analysis.diagnose(now, usize::MAX);
        let mut sighting = self.sighting;
        let remotes = diagnosis.remotes.iter();
        if let Some(remote) = remotes
            .into_iter()
            .find(|remote| remote.address == self.remote.ip())
        {
            sighting.fragments = remote.counters.fragments_tcp;
            sighting.largest_first_fragment_octets = remote.counters.largest_first_fragment_octets;
            sighting.findings.clone_from(&remote.findings);
        }
        Ok((
            sighting,
            SourceSurvey {
                diagnosis,
                ..survey
            },
        ))
    }
}

/// The port that a first fragment of the remote's TCP came to, and its size.
fn first_fragment(remote: SocketAddr, event: &Event) -> Option<(u16, u32)> {
    let Content::Segment(segment) = &event.content else {
        return None;
    };
    let is_first = event
        .fragment
        .is_some_and(|part| part.more && part.offset_octets == 0);
    let is_theirs = event.direction == Direction::Ingress
        && (event.source, segment.source_port) == (remote.ip(), remote.port());
    (is_first && is_theirs).then_some((segment.destination_port, event.total_len))
}

/// Notes what the analysis has no use for.
fn note(sighting: &mut Sighting, remote: SocketAddr, event: &Event) {
    if event.direction != Direction::Ingress {
        return;
    }
    match &event.content {
        Content::Segment(segment)
            if event.source == remote.ip()
                && segment.source_port == remote.port()
                // A SYN-ACK of Linux forbids fragments also where its data does not.
                && segment.has(FIN)
                && remote.is_ipv4() =>
        {
            sighting.dont_fragment = Some(event.dont_fragment);
        }
        Content::IcmpError(error) => {
            let is_ours = error
                .quoted
                .is_some_and(|quoted| quoted.destination == remote.ip());
            if let Some(mtu) = error.mtu.filter(|_| is_ours) {
                sighting.too_big.push(mtu);
            }
        }
        Content::Segment(_) | Content::Other => {}
    }
}
