//! Plays one capture to an analysis of its own, as far as it is told, and says what a report should know about the
//! capture itself.

use natdiag_common::counter::{Counter, RemoteCounter};

use super::{
    Capture, CaptureError, Ending,
    dissect::{Dissected, Dissector},
    reorder::{Reorder, WINDOW_NS},
};
use crate::{
    analysis::{
        Analysis,
        crossing::{Sighting, Span},
        filter::Filter,
        suspicion::SUSPICION_PERIOD_NS,
        verdict::Middle,
    },
    event::{Event, Timestamp},
    survey::{LookedAt, SourceKind, SourceSurvey},
    value::network::Network,
};

/// How often the analysis is told that time has passed.
const ADVANCE_NS: u64 = 100_000_000;

/// Kinds of packets that are not looked into, which a note tells apart.
const KINDS: usize = 5;

/// One capture and its analysis.
pub struct Playback {
    capture: Capture,
    dissector: Dissector,
    reorder: Reorder,
    analysis: Analysis,
    filter: Filter,
    start: Option<Timestamp>,
    now: Timestamp,
    advanced: Timestamp,
    suspected: Timestamp,
    /// Segments that were looked at.
    segments: u64,
}

impl Playback {
    /// Prepares to play a capture; these networks are its local side.
    #[must_use]
    pub fn new(capture: Capture, local: Vec<Network>) -> Self {
        let mut analysis = Analysis::default();
        // Files of evidence hold no ordinary segments of established connections.
        if !capture.is_evidence() {
            analysis.shows_ordinary();
            analysis.sees_of_the_middle(Middle::LookedAt);
        }
        Self {
            start: capture.packet().map(|packet| packet.time),
            capture,
            dissector: Dissector::new(local),
            reorder: Reorder::default(),
            analysis,
            filter: Filter::default(),
            now: Timestamp::default(),
            advanced: Timestamp::default(),
            suspected: Timestamp::default(),
            segments: 0,
        }
    }

    /// Looks only at what a filter admits.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.analysis.narrow(filter.clone());
        Self { filter, ..self }
    }

    /// When the first packet was seen.
    #[must_use]
    pub const fn start(&self) -> Option<Timestamp> {
        self.start
    }

    /// When the latest packet played so far was seen.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// When the next packet was seen; none at the end of the capture.
    #[must_use]
    pub fn next_time(&self) -> Option<Timestamp> {
        self.capture.packet().map(|packet| packet.time)
    }

    /// Plays all packets up to the first that was seen at `end` or later; without `end`, all.
    ///
    /// # Errors
    /// The capture has ended, and it held nothing but link headers that natdiag does not know.
    pub fn play(&mut self, end: Option<Timestamp>) -> Result<(), CaptureError> {
        self.take_statements();
        while let Some(packet) = self.capture.packet() {
            if end.is_some_and(|end| packet.time >= end) {
                break;
            }
            self.now = self.now.max(packet.time);
            if let Some(dissected) = self.dissector.dissect(&packet) {
                self.feed(&dissected);
            }
            self.settle();
            self.capture.advance();
            self.take_statements();
        }
        if self.next_time().is_none() {
            // Evidence says up to when nothing more came.
            self.now = self.now.max(self.capture.progress().time);
        }
        self.observe_until(self.now);
        self.advance(self.now);
        self.analysis.set_totals(self.dissector.totals(), self.now);
        self.analysis
            .set_unread(self.dissector.omissions().unread.all());
        self.check_links()
    }

    fn feed(&mut self, dissected: &Dissected) {
        if let Some((remote, counts)) = dissected.charge
            && self.filter.admits_remote(remote.into())
        {
            self.analysis.count(remote, &counts, self.now);
            if dissected.record.is_none() {
                // The capture cut their options off.
                let syns = counts.value(RemoteCounter::SynSent);
                self.analysis.syns_not_followed(remote.into(), syns.into());
            }
        }
        // Of established connections, evidence has the sums and not the segments.
        if let Some((direction, ends, segment)) = dissected.segment
            && !self.capture.is_evidence()
            && self.filter.admits_connection(&ends)
        {
            self.segments += 1;
            self.analysis.converse(direction, &ends, &segment, self.now);
            if self.analysis.follows(ends.remote) {
                self.analysis.follow(direction, &ends, &segment, self.now);
            }
        }
        let event = |record| Event::from_record(&record, 0);
        if let Some(event) = dissected.record.and_then(event)
            && self.filter.admits(&event)
        {
            if dissected.is_again {
                self.analysis.shown_again(&event);
            } else {
                self.reorder.push(event);
            }
        }
    }

    /// Takes what evidence says beside its packets.
    fn take_statements(&mut self) {
        for statement in self.capture.take_statements() {
            let remote = statement.remote.into();
            if let Some((since, counts)) = statement.followed {
                self.analysis.stated(remote, since, counts);
            }
            if let Some(conversations) = statement.conversations {
                self.analysis.conversed(remote, conversations);
            }
        }
    }

    /// Lets the time of the capture pass.
    fn settle(&mut self) {
        // What may still come is not older than this.
        let settled = Timestamp(self.now.0.saturating_sub(WINDOW_NS));
        self.observe_until(settled);
        if settled.since(self.advanced) >= ADVANCE_NS {
            self.advance(settled);
        }
        if !self.capture.is_evidence() && self.now.since(self.suspected) >= SUSPICION_PERIOD_NS {
            self.suspected = self.now;
            self.analysis.suspects(settled);
        }
    }

    fn observe_until(&mut self, settled: Timestamp) {
        while let Some(event) = self.reorder.pop(settled) {
            self.analysis.observe(&event);
        }
    }

    fn advance(&mut self, now: Timestamp) {
        self.advanced = now;
        self.analysis.advance(now);
    }

    fn check_links(&self) -> Result<(), CaptureError> {
        let (unknown, link_type) = self.dissector.omissions().unread.unknown_links();
        match link_type {
            Some(link_type)
                if self.next_time().is_none() && unknown == self.capture.progress().packets =>
            {
                let name = self.capture.name().to_owned();
                Err(CaptureError::of_link_type(name, link_type))
            }
            _ => Ok(()),
        }
    }

    /// From here on keeps what is to be joined with other captures.
    pub fn share_sightings(&mut self) {
        self.analysis.share_sightings();
    }

    /// What is to be joined with other captures, since the last call.
    pub fn take_sightings(&mut self) -> Vec<Sighting> {
        self.analysis.take_sightings()
    }

    /// From when on the capture shows everything, and up to when once it has ended.
    #[must_use]
    pub fn span(&self) -> Span {
        let span = Span {
            from: self.start.unwrap_or(Timestamp(u64::MAX)),
            until: self.next_time().is_none().then_some(self.now),
        };
        span.after(self.analysis.records_missed_until())
    }

    /// Says what is known so far.
    #[must_use]
    pub fn survey(&self, top: usize) -> SourceSurvey {
        SourceSurvey {
            kind: SourceKind::Capture,
            name: self.capture.name().to_owned(),
            hooks: Vec::new(),
            notes: self.notes(),
            octets: None,
            looked_at: self.looked_at(),
            diagnosis: self.analysis.diagnose(self.now, top),
        }
    }

    /// Of a capture all connections are looked at; of evidence, which holds none of their segments, nothing.
    fn looked_at(&self) -> Option<LookedAt> {
        (!self.capture.is_evidence()).then_some(LookedAt {
            one_in: 1,
            segments: self.segments,
            missed: 0,
            let_go: self.analysis.conversations_let_go(),
        })
    }

    /// What the capture did not give, one sentence each.
    fn notes(&self) -> Vec<String> {
        let progress = self.capture.progress();
        let omissions = self.dissector.omissions();
        let totals = self.dissector.totals();
        let played = totals.value(Counter::PacketsIngress) + totals.value(Counter::PacketsEgress);
        let mut notes = Vec::new();
        if self.filter.is_on() {
            notes.push(format!("a filter is on: only {}", self.filter));
        }
        match self.capture.ending() {
            Ending::Complete if progress.packets == 0 => {
                notes.push("the capture holds no packets".to_owned());
            }
            Ending::Complete => {}
            ending @ (Ending::CutOff | Ending::Damaged(_) | Ending::Unreadable(_)) => {
                notes.push(format!(
                    "{ending} behind packet {packets}, at octet {octets}: everything before that is analysed, nothing of it is lost",
                    packets = progress.packets,
                    octets = progress.octets,
                ));
            }
        }
        let mut note = |count: u64, text: &str| {
            if count != 0 {
                notes.push(format!("{count} of {played} packets {text}"));
            }
        };
        note(
            progress.damaged,
            "more are in blocks that cannot be read, and were left out",
        );
        note(
            omissions.cut,
            "were cut by the capture before the end of their headers, and gave no record; capture with `-s 256` or more",
        );
        note(
            omissions.of_unknown_direction,
            "belong to no connection whose beginning is in the capture, and were taken for received; say what is local with `--local`",
        );
        note(
            progress.untimed,
            "have no time of their own, and were given that of the packet before",
        );
        note(
            self.reorder.late(),
            "stand more than 100 ms too late in the file, and were given the time of their place; `reordercap` sorts it",
        );
        let (most, others) = omissions.unread.most(KINDS);
        for (protocol, count) in most {
            note(count, &format!("are {protocol}, and were not looked into"));
        }
        note(others, "are of other kinds, and were not looked into");
        notes
    }
}
