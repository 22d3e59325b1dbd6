//! One interface under watch: its programs, what is read from them, and its analysis.

mod aside;
mod closing;
mod handover;

use std::net::IpAddr;

use natdiag_common::{LinkType, record::Record};

pub(super) use self::aside::Aside;
use crate::{
    analysis::{
        Analysis,
        conversation::ConversationSums,
        crossing::{Sighting, Span},
        filter::Filter,
        verdict::Middle,
    },
    bpf::{
        attach::Attachment, counters::Counters, load::Programs, map::MapsError,
        order::HOLD_BACK_NS, reconcile::Increment, records::Records,
    },
    clock::Clock,
    cost::InterfaceCost,
    engine::{
        Attached, EngineError, EngineOptions,
        following::Following,
        opening,
        remedy::RemedyOnTrial,
        sampling::Sampling,
        saved::{Carried, SavedInterface},
    },
    event::{Event, Timestamp},
    evidence::{keeper::Keeper, statement::Statement},
    host::{
        address::{self, BehindNat},
        link::Link,
    },
    survey::{SourceKind, SourceSurvey},
};

/// Most spills and most records that one turn takes, so that a flood keeps nobody waiting: some 10 ms of work.
const SPILLS_PER_TURN: usize = 1 << 15;
const RECORDS_PER_TURN: usize = 1 << 14;
/// Most records that one turn looks at: more than it takes, so that what has waited becomes less.
const OBSERVED_PER_TURN: usize = 2 * RECORDS_PER_TURN;

/// An interface under watch.
pub(super) struct WatchedInterface {
    link: Link,
    link_type: LinkType,
    attachment: Option<Attachment>,
    /// The programs, which tell how long they ran.
    programs: Programs,
    /// The name of what is pinned.
    generation: Option<String>,
    /// Whether what an earlier run knew is gone on with.
    goes_on: bool,
    following: Following,
    sampling: Sampling,
    remedy: Option<RemedyOnTrial>,
    counters: Counters,
    records: Records,
    analysis: Analysis,
    filter: Filter,
    /// The newest records, where they are kept as evidence.
    keeper: Option<Keeper>,
    clock: Clock,
    /// When it was watched by this run.
    watched: Span,
    behind_nat: Option<BehindNat>,
    hooks: Vec<String>,
    notes: Vec<String>,
    carried: Carried,
}

impl WatchedInterface {
    /// Puts an interface under watch, and goes on with what an earlier run has saved about it if that can be.
    pub(super) fn open(
        link: Link,
        options: &EngineOptions,
        saved: Option<SavedInterface<Analysis>>,
        clock: Clock,
    ) -> Result<Self, EngineError> {
        let link_type = link
            .link_type()
            .ok_or_else(|| EngineError::UnknownLinkLayer {
                interface: link.name.clone(),
                device_type: link.device_type,
            })?;
        let opened = opening::open(&link, link_type, options, saved, clock.now())?;
        let goes_on = opened.goes_on;
        let watching = opened.attachment.programs();
        let sampling = Sampling::begin(
            opened.draw,
            watching,
            link_type,
            options.established,
            clock.now(),
        );
        let mut interface = Self {
            hooks: opened.attachment.hooks(),
            notes: opened.notes,
            link_type,
            attachment: Some(opened.attachment),
            programs: opened.programs,
            generation: opened.generation,
            goes_on,
            following: Following::default(),
            sampling,
            remedy: options.trial.map(|trial| RemedyOnTrial::new(trial, clock)),
            counters: opened.counters,
            records: opened.records,
            analysis: opened.analysis,
            filter: options.filter.clone(),
            keeper: options.keeps_evidence.then(Keeper::default),
            clock,
            watched: Span::default(),
            carried: opened.carried,
            behind_nat: behind_nat(&link),
            link,
        };
        let filter = interface.filter.clone();
        interface.analysis.narrow(filter.clone());
        if goes_on {
            interface.catch_up()?;
        }
        interface.watched.from = clock.now();
        if filter.is_on() && !goes_on {
            interface
                .notes
                .push(format!("a filter is on: only {filter}"));
        }
        Ok(interface)
    }

    /// Takes all records, whatever may still come before them.
    fn take_records(&mut self) {
        while !self.records.drain(RECORDS_PER_TURN) {
            self.observe(u64::MAX, false, usize::MAX);
        }
        self.observe(u64::MAX, true, usize::MAX);
    }

    /// Takes all samples, whatever may still come before them.
    fn take_samples(&mut self) {
        while !self
            .sampling
            .turn(&mut self.analysis, &self.filter, self.clock, u64::MAX)
        {}
    }

    /// Takes some of what has come. Returns whether that was all.
    pub(super) fn turn(&mut self) -> Result<bool, MapsError> {
        let began_ns = self.clock.monotonic_ns();
        let now = self.clock.timestamp(began_ns);
        let (analysis, filter) = (&mut self.analysis, &self.filter);
        let merge = |increment| count(analysis, filter, &increment, now);
        let no_spills_left = self.counters.drain_spills(SPILLS_PER_TURN, merge);
        self.analysis.set_totals(&self.counters.totals()?, now);
        let no_records_left = self.records.drain(RECORDS_PER_TURN);
        let none_waits = self.observe(began_ns, no_records_left, OBSERVED_PER_TURN);
        let no_samples_left =
            self.sampling
                .turn(&mut self.analysis, &self.filter, self.clock, began_ns);
        if no_records_left && none_waits {
            self.analysis
                .advance(self.clock.timestamp(began_ns.saturating_sub(HOLD_BACK_NS)));
        }
        Ok(no_spills_left && no_records_left && none_waits && no_samples_left)
    }

    /// Says how things stand.
    pub(super) fn survey(&mut self, top: usize) -> Result<SourceSurvey, MapsError> {
        let now = self.clock.now();
        if self.is_attached() {
            self.collect(now)?;
            self.read_followed();
            self.carried.read(&self.link);
        }
        self.analysis.sees_of_the_middle(if self.sampling.looks() {
            Middle::LookedAt
        } else {
            Middle::Unseen
        });
        Ok(SourceSurvey {
            kind: SourceKind::Interface,
            name: self.link.name.clone(),
            hooks: self.hooks.clone(),
            notes: self.notes(),
            octets: self.carried.so_far(),
            looked_at: self.sampling.looked_at(&self.analysis),
            diagnosis: self.analysis.diagnose(now, top),
        })
    }

    /// What watching it takes.
    pub(super) fn cost(&mut self, with_programs: bool) -> InterfaceCost {
        let mut programs = Vec::new();
        if with_programs {
            programs = self.programs.runs();
            programs.extend(self.following.runs());
            programs.extend(self.sampling.runs());
        }
        let mut rings = vec![self.records.ring(), self.counters.ring()];
        rings.extend(self.sampling.ring());
        InterfaceCost {
            interface: self.link.name.clone(),
            rings,
            maps: vec![self.counters.occupied(), self.following.occupied()],
            programs,
        }
    }

    /// Decides whose established connections are followed, and has the kernel follow them.
    pub(super) fn suspect(&mut self) {
        if !self.is_attached() {
            return;
        }
        self.sampling.adapt(self.clock.now());
        self.read_followed();
        let suspects = self.analysis.suspects(self.clock.now());
        self.following.set(suspects, &self.link, self.link_type);
    }

    /// Begins or ends the trial of a remedy, where it is time.
    pub(super) fn try_remedy(&mut self) -> Result<(), MapsError> {
        if self.remedy.is_none() || !self.is_attached() {
            return Ok(());
        }
        // What it counts is compared to the second.
        self.collect(self.clock.now())?;
        if let Some(remedy) = &mut self.remedy {
            let fares = self.analysis.fares(remedy.remote());
            remedy.advance(fares, &self.link, self.link_type);
        }
        Ok(())
    }

    /// What is to be known about the interface.
    fn notes(&self) -> Vec<String> {
        let of_remedy = self.remedy.as_ref().map(RemedyOnTrial::sentence);
        let notes = self.notes.iter().cloned();
        notes
            .chain(self.following.note())
            .chain(self.sampling.note())
            .chain(of_remedy)
            .collect()
    }

    fn read_followed(&mut self) {
        self.following.read(&mut self.analysis);
    }

    /// From here on keeps what is to be joined with other interfaces.
    pub(super) fn share_sightings(&mut self) {
        self.analysis.share_sightings();
    }

    /// What is to be joined with other interfaces, since the last call, and within which time nothing is lacking.
    pub(super) fn take_sightings(&mut self) -> (Span, Vec<Sighting>) {
        let whole = self.watched.after(self.analysis.records_missed_until());
        (whole, self.analysis.take_sightings())
    }

    /// The remote hosts of which most records are kept as evidence.
    pub(super) fn best_known(&self, number: usize) -> Vec<IpAddr> {
        let keeper = self.keeper.as_ref();
        keeper.map(|it| it.best_known(number)).unwrap_or_default()
    }

    /// Takes the newest records of a remote host.
    pub(super) fn take_evidence(&mut self, remote: IpAddr) -> Vec<Record> {
        let keeper = self.keeper.as_mut();
        keeper.map(|keeper| keeper.take(remote)).unwrap_or_default()
    }

    /// What was counted of the established connections of a remote host, as far as findings may rest on it.
    pub(super) fn followed(&self, remote: IpAddr) -> Option<Statement> {
        let address = remote.into();
        let followed = self.analysis.established(address);
        let followed = followed.and_then(|it| Some((it.since()?, it.counts())));
        let conversations = self.analysis.conversations(address);
        let conversations = conversations
            .filter(|it| it.symptoms() > 0)
            .map(ConversationSums::without_round_trips);
        (followed.is_some() || conversations.is_some()).then_some(Statement {
            remote,
            followed,
            conversations,
        })
    }

    /// By what it is watched.
    pub(super) fn attached(&self) -> Attached {
        Attached {
            hooks: self.hooks.clone(),
            notes: self.notes.clone(),
            goes_on: self.goes_on,
        }
    }

    /// The interface.
    pub(super) const fn link(&self) -> &Link {
        &self.link
    }

    /// What is looked at from here on.
    pub(super) fn set_filter(&mut self, filter: Filter) {
        if filter.is_on() {
            self.notes
                .push(format!("the filter was changed: only {filter}"));
        } else {
            self.notes.push("the filter was taken away".to_owned());
        }
        self.analysis.narrow(filter.clone());
        self.watched.from = self.clock.now();
        self.filter = filter;
    }

    /// Whether somebody else's address stands for those of the interface on the Internet.
    pub(super) const fn behind_nat(&self) -> Option<BehindNat> {
        self.behind_nat
    }

    /// Whether the programs are attached.
    pub(super) const fn is_attached(&self) -> bool {
        self.attachment.is_some()
    }

    /// Takes everything that the kernel has counted.
    fn collect(&mut self, now: Timestamp) -> Result<(), MapsError> {
        let (analysis, filter) = (&mut self.analysis, &self.filter);
        self.counters
            .collect(|increment| count(analysis, filter, &increment, now))?;
        self.search_lost(handover::LOST_READINGS_MORE, now)?;
        self.analysis.set_totals(&self.counters.totals()?, now);
        Ok(())
    }

    /// Passes on the records that nothing older can follow, at most so many. Each counts for its remote host as well.
    /// Returns whether these were all.
    fn observe(&mut self, began_ns: u64, ring_is_empty: bool, limit: usize) -> bool {
        let ready = self.records.release(began_ns, ring_is_empty, limit);
        let is_all = ready.len() < limit;
        for record in ready {
            let now = self.clock.timestamp(record.time_ns);
            if let Some(tally) = record.tally()
                && self.filter.admits_remote(tally.remote.into())
            {
                self.analysis.count(tally.remote, &tally.counts(), now);
            }
            if let Some(event) = Event::from_record(&record, self.clock.epoch_ns())
                && self.filter.admits(&event)
            {
                self.analysis.observe(&event);
                if let Some(keeper) = &mut self.keeper {
                    keeper.keep(Record {
                        time_ns: now.0,
                        ..record
                    });
                }
            }
        }
        is_all
    }
}

fn behind_nat(link: &Link) -> Option<BehindNat> {
    // Without an answer nothing is claimed.
    let addresses = address::of_interface(&link.name).unwrap_or_default();
    BehindNat::of(&addresses)
}

fn count(analysis: &mut Analysis, filter: &Filter, increment: &Increment, now: Timestamp) {
    if filter.admits_remote(increment.remote.into()) {
        analysis.count(increment.remote, &increment.counts, now);
    }
}
