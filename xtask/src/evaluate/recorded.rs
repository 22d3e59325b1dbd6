//! Captures, played with natdiag's own replay: what is named in the end, and how soon.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use natdiag::{
    analysis::{diagnosis::Finding, filter::Filter},
    command::replay::replay,
    config::ReplayConfig,
    event::Timestamp,
    report::view::View,
    survey::Survey,
    value::top::Top,
};

/// How often it is looked whether a cause is named.
const STEP: Duration = Duration::from_millis(100);

/// Captures of real servers in the repository, and the cause that each shows, if any. `None` of `-A-lan` would be wrong
/// as well: all drops are one client's there.
const REAL: [(&str, Option<&str>); 9] = [
    ("k4.9-A-recycle1-2cli-pub", Some("tw-recycle")),
    ("k4.9-A-recycle1-2cli-lan", Some("tw-recycle")),
    ("k4.9-B-recycle0-2cli-pub", None),
    ("k4.9-C-cli2-nots-pub", Some("tw-recycle")),
    ("k4.9-D-client-closes-pub", None),
    ("k4.9-G-1cli-pub", None),
    ("k4.9-K-same-clock-2cli-pub", None),
    ("k3.10-A-recycle1-2cli-pub", Some("tw-recycle")),
    ("k3.10-C-cli2-nots-pub", None),
];

/// A capture that was played.
pub(crate) struct Recorded {
    /// Its name.
    pub(crate) name: &'static str,
    /// The cause that it shows.
    pub(crate) cause: Option<&'static str>,
    /// The causes that were named, and how sure.
    pub(crate) named: Vec<(String, Option<f64>)>,
    /// How soon.
    pub(crate) took: Option<Took>,
}

/// How long a verdict took.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Took {
    /// Dropped SYNs after the first.
    pub(crate) dropped_syns: u64,
    /// Seconds after the first dropped SYN.
    pub(crate) seconds: f64,
}

/// Plays the captures of real servers.
pub(crate) fn real() -> Result<Vec<Recorded>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../natdiag/testdata/captures");
    REAL.iter()
        .map(|(name, cause)| {
            let files = files_of(&root.join(name))?;
            let survey = play(&files, None, &mut Stopwatch::default())?;
            let took = cause.map(|cause| time(&files, cause)).transpose()?;
            Ok(Recorded {
                name,
                cause: *cause,
                named: findings(&survey)
                    .map(|finding| (finding.cause.as_str().to_owned(), finding.certainty()))
                    .collect(),
                took: took.flatten(),
            })
        })
        .collect()
}

fn files_of(directory: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

/// How long it takes until a cause is named, if it is.
pub(crate) fn time(files: &[PathBuf], cause: &str) -> Result<Option<Took>> {
    let mut stopwatch = Stopwatch {
        cause: cause.to_owned(),
        ..Stopwatch::default()
    };
    play(files, Some(STEP), &mut stopwatch)?;
    Ok(stopwatch.took)
}

fn play(
    files: &[PathBuf],
    interval: Option<Duration>,
    stopwatch: &mut Stopwatch,
) -> Result<Survey> {
    let config = ReplayConfig {
        files: files.to_vec(),
        filter: Filter::default(),
        local: Vec::new(),
        interval,
        top: Top::All,
        names: false,
    };
    let first = files.first().map(|file| file.display().to_string());
    replay(&config, stopwatch).with_context(|| format!("cannot play {}", first.unwrap_or_default()))
}

fn findings(survey: &Survey) -> impl Iterator<Item = &Finding> {
    survey.sources.iter().flat_map(|source| {
        let diagnosis = &source.diagnosis;
        let about_hosts = diagnosis.remotes.iter().flat_map(|it| &it.findings);
        about_hosts.chain(&diagnosis.findings)
    })
}

/// Waits for a cause.
#[derive(Debug, Default)]
struct Stopwatch {
    cause: String,
    first_drop: Option<Timestamp>,
    took: Option<Took>,
}

impl Stopwatch {
    fn look(&mut self, survey: &Survey) {
        let dropped: u64 = survey
            .sources
            .iter()
            .flat_map(|source| &source.diagnosis.remotes)
            .map(|remote| {
                let counters = &remote.counters;
                counters.syn_predicted_drop_dropped
                    + counters.syn_predicted_pass_dropped
                    + counters.syn_without_timestamps_dropped
            })
            .sum();
        if dropped == 0 || self.took.is_some() {
            return;
        }
        let first = *self.first_drop.get_or_insert(survey.end);
        if findings(survey).any(|finding| finding.cause.as_str() == self.cause) {
            #[expect(clippy::cast_precision_loss, reason = "seconds")]
            let seconds = survey.end.since(first) as f64 / 1e9;
            self.took = Some(Took {
                dropped_syns: dropped - 1,
                seconds,
            });
        }
    }
}

impl View for Stopwatch {
    fn interim(&mut self, survey: Survey) -> io::Result<()> {
        self.look(&survey);
        Ok(())
    }

    fn finish(&mut self, survey: &Survey) -> io::Result<()> {
        self.look(survey);
        Ok(())
    }
}
