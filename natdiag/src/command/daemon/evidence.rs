//! Keeps the packets that findings rest on, as many for each finding as are allowed.

use std::collections::BTreeMap;

use natdiag_common::{
    record::{Record, flag},
    wire::tcp::{ACK, FIN, RST, SYN},
};

use crate::{
    analysis::{
        close_up::RecentSyn,
        diagnosis::{Finding, RemoteDiagnosis},
        evidence::Fate,
        mark::Prediction,
    },
    capture::evidence::{About, Exhibit, section},
    config::daemon::Limits,
    daemon::changes::{Changes, Place},
    engine::Engine,
    spool::Spool,
    survey::{SourceSurvey, Survey},
};

/// The files, and how much of each finding is in them.
pub(super) struct EvidenceFiles {
    spool: Spool,
    packets: u32,
    kept: BTreeMap<Place, u32>,
}

impl EvidenceFiles {
    pub(super) const fn new(spool: Spool, packets: u32) -> Self {
        Self {
            spool,
            packets,
            kept: BTreeMap::new(),
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
        self.kept.retain(|place, _| changes.is_open(place));
        for place in changes.places() {
            let Some((source, remote)) = subject(survey, place) else {
                continue;
            };
            let kept = self.kept.entry(place.clone()).or_default();
            let room = self.packets.saturating_sub(*kept) as usize;
            if room == 0 {
                continue;
            }
            let records = engine.take_evidence(&place.interface, remote.address);
            let exhibits: Vec<_> = records
                .into_iter()
                .take(room)
                .map(|record| Exhibit {
                    why: why(&record, remote),
                    record,
                })
                .collect();
            if exhibits.is_empty() {
                continue;
            }
            let about = About {
                interface: &source.name,
                hooks: &source.hooks,
                finding: &in_words(&remote.findings),
            };
            match section(&about, &exhibits) {
                Ok(octets) => {
                    if self.spool.write(&octets, survey.end) {
                        *kept += u32::try_from(exhibits.len()).unwrap_or(u32::MAX);
                    }
                }
                Err(error) => tracing::error!(%error, "evidence has no form"),
            }
        }
    }
}

fn subject<'a>(
    survey: &'a Survey,
    place: &Place,
) -> Option<(&'a SourceSurvey, &'a RemoteDiagnosis)> {
    let mut sources = survey.sources.iter();
    let source = sources.find(|source| source.name == place.interface)?;
    let mut remotes = source.diagnosis.remotes.iter();
    let remote = remotes.find(|remote| Some(remote.address) == place.remote)?;
    Some((source, remote))
}

fn in_words(findings: &[Finding]) -> String {
    let words: Vec<_> = findings
        .iter()
        .map(|finding| format!("{}: {}", finding.cause.as_str(), finding.summary))
        .collect();
    words.join("\n")
}

/// Why a packet is evidence: the causes that it may speak for, what it is, and for a SYN what was predicted and what became of it.
fn why(record: &Record, remote: &RemoteDiagnosis) -> String {
    let causes: Vec<_> = remote
        .findings
        .iter()
        .map(|finding| finding.cause.as_str())
        .collect();
    let syns = remote.close_up.iter().flat_map(|close_up| &close_up.syns);
    let fate = syns
        .rev()
        .find(|syn| syn.sent.0 == record.time_ns)
        .map(in_word)
        .unwrap_or_default();
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
