//! Which lines of the list a person has asked for by typing. Pure.

use std::fmt::Write as _;

use crate::{
    analysis::diagnosis::{Cause, RemoteDiagnosis},
    config::Network,
    names::Names,
    survey::SourceSurvey,
};

/// Words that all must be found in a line of the list, or networks that its address is of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    text: String,
    words: Vec<Word>,
}

#[derive(Clone, Debug)]
enum Word {
    Network(Network),
    Text(String),
}

impl Filter {
    /// The filter that was typed.
    pub(crate) fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(|word| {
            let network = word.contains('/').then(|| word.parse().ok()).flatten();
            network.map_or_else(|| Word::Text(word.to_lowercase()), Word::Network)
        });
        Self {
            text: text.to_owned(),
            words: words.collect(),
        }
    }

    /// The hosts with this cause.
    pub(crate) fn cause(cause: Cause) -> Self {
        Self::new(cause.as_str())
    }

    /// What was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether everything is shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a line is shown; `text` is room to work in.
    pub(crate) fn takes(
        &self,
        source: Option<&SourceSurvey>,
        remote: Option<&RemoteDiagnosis>,
        names: &Names,
        text: &mut String,
    ) -> bool {
        text.clear();
        if let Some(source) = source {
            text.push_str(&source.name);
        }
        let findings = match (remote, source) {
            (Some(remote), _) => {
                // Writing to a text does not fail.
                let _ = write!(text, " {}", remote.address);
                if let Some(name) = names.known(remote.address) {
                    text.push(' ');
                    text.push_str(&name);
                }
                remote.findings.as_slice()
            }
            (None, Some(source)) => source.diagnosis.findings.as_slice(),
            (None, None) => &[],
        };
        for finding in findings {
            for word in [
                finding.cause.as_str(),
                finding.cause.title(),
                finding.severity.as_str(),
            ] {
                text.push(' ');
                text.push_str(word);
            }
        }
        text.make_ascii_lowercase();
        self.words.iter().all(|word| match word {
            Word::Text(word) => text.contains(word.as_str()),
            Word::Network(network) => remote.is_some_and(|remote| network.contains(remote.address)),
        })
    }
}
