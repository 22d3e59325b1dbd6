//! Keeps the packets that findings rest on, as many for each remote host as are allowed. What both sides of a NAT host
//! show together is kept from every interface.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    iter,
    net::IpAddr,
};

use natdiag_common::{
    record::{Record, flag},
    wire::tcp::{ACK, FIN, RST, SYN},
};

use crate::{
    analysis::{
        diagnosis::{Cause, Finding, RemoteDiagnosis},
        fates::{Fate, recent::RecentSyn},
        mark::Prediction,
    },
    changes::{Changes, Place},
    engine::Engine,
    evidence::{
        section::{About, Exhibit, section},
        statement::Statement,
    },
    spool::Spool,
    survey::{SourceSurvey, Survey},
    value::limits::Limits,
};

/// Packets with which a new file begins for a host that has some in the file before: each file shall give the finding
/// by itself.
const CARRIED: usize = 512;

/// Hosts beside one that the NAT has no port left for: that it passes on what is meant for them is part of that
/// finding.
const WITNESSES: usize = 8;

/// The files, and how much of each finding is in them.
pub(super) struct EvidenceFiles {
    spool: Spool,
    packets: u32,
    kept: BTreeMap<Place, Kept>,
    /// Hosts without a finding that one of another host rests on, by that host.
    witnesses: BTreeMap<IpAddr, Vec<IpAddr>>,
}

/// What was kept of a remote host on an interface.
#[derive(Default)]
struct Kept {
    packets: u32,
    /// The newest packets, with which a new file begins.
    newest: VecDeque<Exhibit>,
    statement: Option<Statement>,
    /// The file that the last was written to.
    file: Option<u64>,
}

impl EvidenceFiles {
    pub(super) const fn new(spool: Spool, packets: u32) -> Self {
        Self {
            spool,
            packets,
            kept: BTreeMap::new(),
            witnesses: BTreeMap::new(),
        }
    }

    pub(super) const fn spool(&self) -> &Spool {
        &self.spool
    }

    pub(super) const fn spool_mut(&mut self) -> &mut Spool {
        &mut self.spool
    }

    pub(super) const fn set_limits(&mut self, limits: Limits, packets: u32) {
        self.spool.set_limits(limits);
        self.packets = packets;
    }

    /// Keeps what has come for the findings that last.
    pub(super) fn collect(&mut self, engine: &mut Engine, changes: &Changes, survey: &Survey) {
        let remotes: BTreeSet<_> = changes.places().filter_map(|place| place.remote).collect();
        self.witnesses.retain(|remote, _| remotes.contains(remote));
        for address in remotes.iter().copied() {
            let findings: Vec<_> = survey
                .sources
                .iter()
                .filter_map(|source| source.remote(address))
                .flat_map(|remote| &remote.findings)
                .collect();
            self.call_witnesses(engine, address, survey);
            let witnesses = self.witnesses.get(&address).cloned().unwrap_or_default();
            let others = witnesses.into_iter().filter(|it| !remotes.contains(it));
            for remote in iter::once(address).chain(others) {
                for source in &survey.sources {
                    self.keep(engine, source, remote, &findings, survey);
                }
            }
        }
        self.kept.retain(|place, _| {
            let mut witnesses = self.witnesses.values().flatten();
            place
                .remote
                .is_some_and(|it| remotes.contains(&it) || witnesses.any(|witness| *witness == it))
        });
    }

    /// Chooses the other hosts that a finding about this one rests on, if it does and they are not chosen yet.
    fn call_witnesses(&mut self, engine: &Engine, address: IpAddr, survey: &Survey) {
        let mut sources = survey.sources.iter();
        let source = sources.find(|source| {
            let findings = source.remote(address).map(|remote| &remote.findings);
            let mut findings = findings.into_iter().flatten();
            findings.any(|finding| finding.cause == Cause::NatPortExhaustion)
        });
        if let Some(source) = source {
            let witnesses = self.witnesses.entry(address);
            witnesses.or_insert_with(|| engine.best_known(&source.name, WITNESSES));
        }
    }

    /// Keeps what has come of a remote host on one interface.
    fn keep(
        &mut self,
        engine: &mut Engine,
        source: &SourceSurvey,
        address: IpAddr,
        findings: &[&Finding],
        survey: &Survey,
    ) {
        let place = Place {
            interface: source.name.clone(),
            remote: Some(address),
        };
        let remote = source.remote(address);
        let kept = self.kept.entry(place).or_default();
        let room = self.packets.saturating_sub(kept.packets) as usize;
        let new: Vec<_> = engine
            .take_evidence(&source.name, address)
            .into_iter()
            .take(room)
            .map(|record| Exhibit {
                why: why(&record, remote, findings),
                record,
            })
            .collect();
        let statement = engine.followed(&source.name, address);
        let says_no_more = match (&statement, &kept.statement) {
            (Some(now), Some(before)) => now.tells_as_much_as(before),
            (now, before) => now.is_none() && before.is_none(),
        };
        if new.is_empty() && says_no_more {
            return;
        }
        let about = About {
            interface: &source.name,
            hooks: &source.hooks,
            finding: &in_words(findings),
            start: survey.start,
            judged: survey.end,
            statement: statement.clone(),
        };
        let written = section(&about, &new).and_then(|octets| {
            let file = self.spool.file_of(octets.len());
            if kept.file.is_none_or(|known| known == file) {
                return Ok((octets, file));
            }
            let all: Vec<_> = kept.newest.iter().chain(&new).cloned().collect();
            let octets = section(&about, &all)?;
            let file = self.spool.file_of(octets.len());
            Ok((octets, file))
        });
        match written {
            Ok((octets, file)) => {
                if self.spool.write(&octets, survey.end) {
                    kept.packets += u32::try_from(new.len()).unwrap_or(u32::MAX);
                    kept.statement = statement;
                    kept.file = Some(file);
                    kept.newest.extend(new);
                    let surplus = kept.newest.len().saturating_sub(CARRIED);
                    kept.newest.drain(..surplus);
                }
            }
            Err(error) => tracing::error!(%error, "evidence has no form"),
        }
    }
}

fn in_words(findings: &[&Finding]) -> String {
    let words: Vec<_> = findings
        .iter()
        .map(|finding| format!("{}: {}", finding.cause.as_str(), finding.summary))
        .collect();
    words.join("\n")
}

/// Why a packet is evidence: the causes that it may speak for, what it is, and for a SYN what was predicted and what
/// became of it.
fn why(record: &Record, remote: Option<&RemoteDiagnosis>, findings: &[&Finding]) -> String {
    let causes: BTreeSet<_> = findings
        .iter()
        .map(|finding| finding.cause.as_str())
        .collect();
    let close_up = remote.and_then(|remote| remote.close_up.as_ref());
    let syns = close_up.iter().flat_map(|close_up| &close_up.syns);
    let fate = syns
        .rev()
        .find(|syn| syn.sent.0 == record.time_ns)
        .map(in_word)
        .unwrap_or_default();
    let causes: Vec<_> = causes.into_iter().collect();
    format!("{}: {}{fate}", causes.join(", "), kind(record))
}

fn kind(record: &Record) -> &'static str {
    let has = |flags: u8| record.tcp_flags & flags == flags;
    if record.flags & flag::FRAGMENT != 0 {
        "a fragment"
    } else if record.flags & flag::ICMP_ERROR != 0 {
        "an ICMP error"
    } else if has(RST) {
        "a RST"
    } else if has(SYN | ACK) {
        "a SYN-ACK"
    } else if has(SYN) {
        "a SYN"
    } else if has(FIN) {
        "a FIN"
    } else {
        "a packet"
    }
}

fn in_word(syn: &RecentSyn) -> String {
    let predicted = match syn.prediction {
        Prediction::Drop => "tcp_tw_recycle would drop it",
        Prediction::Pass => "tcp_tw_recycle would let it pass",
        Prediction::ArmedWithoutTimestamp => {
            "without timestamps; tcp_tw_recycle of Linux 3.17 and later would drop it"
        }
        Prediction::WithoutTimestamp => "without timestamps; tcp_tw_recycle would let it pass",
    };
    let observed = match syn.fate {
        Fate::Pending => "not decided yet",
        Fate::Answered => "it was answered",
        Fate::Dropped => "it was dropped",
        Fate::Undecided => "its fate cannot be known",
    };
    format!("; {predicted}, {observed}")
}
