//! What a test of all addresses of a host has found: a survey as of any other run, and the connections behind it.

use std::net::SocketAddr;

use super::{
    connection::{Fate, Record},
    echo::Echoes,
    experiment::Experiment,
    finding::{Answer, answer},
    fragments::{Ending, FragmentsRecord, Response},
};
use crate::{
    analysis::diagnosis::{Finding, RemoteCounters, RemoteDiagnosis},
    survey::Survey,
};

/// One address, tested.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The address and the port.
    pub remote: SocketAddr,
    /// The connections of a test of timestamps.
    pub record: Record,
    /// The responses of a test of fragments.
    pub responses: Vec<Response>,
    /// What they mean.
    pub answer: Answer,
    /// What became of ICMP echoes beside.
    pub echoes: Option<Echoes>,
}

/// The whole test.
#[derive(Clone, Debug)]
pub struct ProbeSurvey {
    /// Findings by remote host, as of any other run.
    pub survey: Survey,
    /// The addresses tested.
    pub tested: Vec<Tested>,
}

impl Tested {
    /// What an experiment means.
    #[must_use]
    pub fn new(remote: SocketAddr, experiment: Experiment) -> Self {
        Self {
            answer: answer(&experiment),
            record: experiment.record,
            responses: Vec::new(),
            remote,
            echoes: None,
        }
    }

    /// What a test of fragments has found.
    #[must_use]
    pub fn of_fragments(
        remote: SocketAddr,
        record: FragmentsRecord,
        answer: Answer,
        echoes: Option<Echoes>,
    ) -> Self {
        Self {
            remote,
            record: Record {
                address: remote.ip(),
                connections: Vec::new(),
            },
            responses: record.responses,
            answer,
            echoes,
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let found = match &self.answer {
            Answer::Sound { .. } => None,
            Answer::Found(finding) => Some(finding.as_ref().clone()),
        };
        let of_echoes = self.echoes.as_ref().and_then(Echoes::finding);
        found.into_iter().chain(of_echoes).collect()
    }

    /// What was found, as of a remote host of a survey.
    #[must_use]
    pub fn diagnosis(&self) -> RemoteDiagnosis {
        let record = &self.record;
        RemoteDiagnosis {
            address: self.remote.ip(),
            counters: RemoteCounters {
                syn_sent: (record.connections.len() + self.responses.len()) as u64,
                syn_ack_received: record
                    .connections
                    .iter()
                    .map(|connection| u64::from(connection.syn_acks))
                    .sum(),
                rst_answering_syn: record.total(Fate::Refused)
                    + self
                        .responses
                        .iter()
                        .filter(|response| response.ending == Ending::Refused)
                        .count() as u64,
                ack_answering_syn: record.total(Fate::Strayed),
                ..RemoteCounters::default()
            },
            established: None,
            findings: self.findings(),
            hit_by: Vec::new(),
            close_up: None,
        }
    }
}
