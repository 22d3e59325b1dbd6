//! `natdiag daemon`: interfaces that come and go to analysis, to events and metrics, until a signal ends it.

mod evidence;
mod exhibition;
mod failure;
mod full;
mod links;
mod measure;
mod notice;
mod reload;
mod selection;
mod settings;
mod signals;
mod start;
mod state;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use tokio::time::Interval;

pub use self::failure::DaemonError;
use self::{
    evidence::EvidenceFiles,
    exhibition::Metrics,
    full::FullFiles,
    links::present,
    measure::Measure,
    notice::Notice,
    signals::{Signal, Signals},
    state::{About, StateFolder},
};
use crate::{
    changes::{Change, Changes, Turn},
    cli::daemon::DaemonArgs,
    command::daemon::selection::Selection,
    config::daemon::{DaemonConfig, Privileges},
    engine::{Attached, Engine, EngineError, ticks},
    error::in_full,
    event::Timestamp,
    journal::Journal,
    metrics::families::{self, Snapshot},
    privilege::{self, reduce},
    report::{event::Happening, wording},
    spool::Spool,
    survey::{SourceSurvey, Survey},
};

/// How often natdiag looks which interfaces there are.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How long after a refusal an interface is tried again.
const BETWEEN_TRIES_NS: u64 = 60_000_000_000;

/// Watches until a signal ends it.
///
/// # Errors
/// The configuration is not valid, nothing that is wanted can be attached, or the kernel gives no counters. Whatever is
/// attached is detached.
pub async fn daemon(args: &DaemonArgs) -> Result<(), DaemonError> {
    let config = settings::load(args)?;
    privilege::check("daemon")?;
    // Before anything is attached that an unexpected signal would leave behind.
    let mut signals = Signals::new().map_err(DaemonError::Signals)?;
    let mut daemon = Daemon::start(config).await?;
    let watched = daemon.watch(args, &mut signals).await;
    let closed = daemon.close();
    watched.and(closed)
}

/// Looks whether a configuration file is valid.
///
/// # Errors
/// It is not; the error says where.
pub fn check(file: &Path, out: &mut impl Write) -> Result<(), DaemonError> {
    let config = settings::read(file)?;
    if let Privileges::Needed(Some(user)) = &config.privileges {
        reduce::user(user)?;
    }
    let name = file.display().to_string();
    writeln!(out, "{} is valid", wording::clean(&name))
        .and_then(|()| out.flush())
        .map_err(DaemonError::Output)
}

/// Everything that lasts as long as the run.
struct Daemon {
    config: DaemonConfig,
    selection: Selection,
    engine: Engine,
    changes: Changes,
    journal: Journal,
    evidence: Option<EvidenceFiles>,
    full: Option<FullFiles>,
    notice: Notice,
    metrics: Option<Metrics>,
    measure: Measure,
    state: Option<StateFolder>,
    /// Interfaces that could not be attached, by index, and when to try again.
    refused: BTreeMap<u32, Timestamp>,
    /// Whether nothing is attached any more: the privileges for it are gone.
    is_closed: bool,
}

impl Daemon {
    async fn watch(&mut self, args: &DaemonArgs, signals: &mut Signals) -> Result<(), DaemonError> {
        let mut looks = ticks(BETWEEN_LOOKS);
        let mut judgements = ticks(self.config.interval);
        let mut signs = ticks(self.notice.between_signs_of_life());
        let mut saves = self.saves(Duration::ZERO);
        self.judge()?;
        self.notice.ready();
        loop {
            tokio::select! {
                biased;
                signal = signals.come() => match signal {
                    Signal::End => return Ok(()),
                    Signal::Reload => {
                        Notice::reloading();
                        self.reload(args)?;
                        judgements = ticks(self.config.interval);
                        self.notice.ready();
                    }
                },
                _ = signs.tick() => self.notice.alive(),
                _ = looks.tick() => { self.look()?; }
                _ = judgements.tick() => self.judge()?,
                () = self.measure.turn() => {}
                _ = saves.tick(), if self.state.is_some() => {
                    let took = self.save(false);
                    saves = self.saves(took);
                }
                worked = self.engine.work() => worked?,
                taken = full::take(&mut self.full) => self.keep_whole(taken),
            }
        }
    }

    /// Attaches to what is wanted and there, and lets go of what is not. Returns why the first refused to be attached.
    fn look(&mut self) -> Result<Option<EngineError>, DaemonError> {
        let there = present()?;
        if self.selection.wanted.is_empty() {
            self.selection.wanted.extend(links::of_default_route()?);
        }
        let selection = &self.selection;
        // One that has got another name is another.
        let last = self.engine.let_go(|link| {
            there.iter().any(|(present, addresses)| {
                (present.index, &present.name) == (link.index, &link.name)
                    && selection.includes(present, addresses)
            })
        })?;
        for source in last {
            self.release(source);
        }
        let now = self.engine.now();
        self.refused.retain(|index, until| {
            *until > now && there.iter().any(|(link, _)| link.index == *index)
        });
        let mut first = None;
        let mut is_new = false;
        if self.is_closed {
            return Ok(None);
        }
        self.is_closed = !self.config.hotplug;
        for (link, addresses) in there {
            let is_known = self.engine.links().any(|known| known.index == link.index)
                || self.refused.contains_key(&link.index);
            if is_known || !self.selection.includes(&link, &addresses) {
                continue;
            }
            let (index, name) = (link.index, link.name.clone());
            match self.engine.attach(link) {
                Ok(attached) => {
                    self.welcome(&name, &attached);
                    is_new = true;
                }
                Err(error) => {
                    let until = now.plus(BETWEEN_TRIES_NS);
                    self.refused.insert(index, until);
                    let why = in_full(&error);
                    tracing::error!(
                        interface = name,
                        why,
                        "cannot watch; tried again in a minute"
                    );
                    first.get_or_insert(error);
                }
            }
        }
        if is_new {
            // Whatever comes from now on is known or counted as missed, should this run be killed.
            self.save(false);
        }
        Ok(first)
    }

    fn welcome(&mut self, name: &str, attached: &Attached) {
        let hooks = &attached.hooks;
        if attached.goes_on {
            tracing::info!(
                interface = name,
                ?hooks,
                "watching on where an earlier natdiag stopped"
            );
        } else {
            tracing::info!(interface = name, ?hooks, "watching");
        }
        self.tell(&Happening::Attached {
            interface: name,
            hooks: &attached.hooks,
            notes: &attached.notes,
            goes_on: attached.goes_on,
        });
    }

    /// Tells the last of an interface.
    fn release(&mut self, source: SourceSurvey) {
        tracing::info!(interface = source.name, "not watching any more");
        let survey = self.about(source);
        self.tell(&Happening::Released(&survey));
    }

    fn about(&self, source: SourceSurvey) -> Survey {
        Survey {
            start: self.engine.start(),
            end: self.engine.now(),
            sources: vec![source],
            ..Survey::default()
        }
    }

    /// The times at which to save what is known, after that has taken so long.
    fn saves(&self, took: Duration) -> Interval {
        let state = self.config.state.as_ref();
        let interval = state.map_or(Duration::MAX, |state| state.interval);
        ticks(state::rest(interval, took))
    }

    /// Saves what is known, and says how long that took.
    fn save(&mut self, is_last: bool) -> Duration {
        let began = self.engine.now();
        if let Some(state) = &mut self.state {
            let about = About {
                changes: &self.changes,
                events_lost: self.journal.lost(),
                is_last,
            };
            state.write(&mut self.engine, &about);
        }
        Duration::from_nanos(self.engine.now().since(began))
    }

    /// Judges anew, and tells what has changed.
    fn judge(&mut self) -> Result<(), DaemonError> {
        let survey = self.engine.survey()?;
        let quiet_ns = u64::try_from(self.config.findings.quiet.as_nanos()).unwrap_or(u64::MAX);
        for change in self.changes.compare(&survey, quiet_ns) {
            log(&change);
            self.tell(&Happening::Finding(&change));
        }
        if let Some(evidence) = &mut self.evidence {
            evidence.collect(&mut self.engine, &self.changes, &survey);
        }
        if let Some(full) = &mut self.full {
            full.write(&self.engine, survey.end);
        }
        self.for_each_spool(|spool| spool.turn(survey.end));
        self.exhibit(&survey);
        let findings: u64 = self.changes.open().values().sum();
        self.notice.status(&survey, findings);
        Ok(())
    }

    /// Writes whole packets, where enough have come.
    fn keep_whole(&mut self, taken: io::Result<()>) {
        let now = self.engine.now();
        match (taken, &mut self.full) {
            (Ok(()), Some(full)) if full.is_due() => full.write(&self.engine, now),
            (Ok(()), _) => {}
            (Err(error), full) => {
                tracing::error!(%error, "whole packets are kept no longer");
                *full = None;
            }
        }
    }

    /// Gives out the metrics of what was judged.
    fn exhibit(&mut self, survey: &Survey) {
        let (Some(metrics), Some(config)) = (&self.metrics, &self.config.metrics) else {
            return;
        };
        let snapshot = Snapshot {
            survey,
            changes: &self.changes,
            remotes: config.remotes,
            events_lost: self.journal.lost(),
            costs: &self.engine.costs(self.measure.tells()),
        };
        match families::text(&snapshot) {
            Ok(text) => metrics.exhibition.show(text),
            Err(error) => tracing::error!(%error, "metrics have no text"),
        }
    }

    /// Tells how things stand with the interfaces that the kernel watches on.
    fn keep(&mut self, paused: &[String]) -> Result<(), DaemonError> {
        if paused.is_empty() {
            return Ok(());
        }
        let survey = self.engine.survey()?;
        self.save(true);
        let sources = survey.sources.into_iter();
        for source in sources.filter(|source| paused.contains(&source.name)) {
            tracing::info!(
                interface = source.name,
                "the kernel counts on, for the next natdiag; `natdiag detach` ends that"
            );
            let survey = self.about(source);
            self.tell(&Happening::Kept(&survey));
        }
        Ok(())
    }

    fn for_each_spool(&mut self, act: impl FnMut(&mut Spool)) {
        let evidence = self.evidence.iter_mut().map(EvidenceFiles::spool_mut);
        let full = self.full.iter_mut().map(FullFiles::spool_mut);
        self.journal
            .spool_mut()
            .into_iter()
            .chain(evidence)
            .chain(full)
            .for_each(act);
    }

    fn tell(&mut self, happening: &Happening<'_>) {
        self.journal.tell(happening, self.engine.now());
    }

    /// Detaches everything but what is pinned, saves what is known about that, and tells the last.
    fn close(&mut self) -> Result<(), DaemonError> {
        Notice::stopping();
        let paused = self.engine.pause();
        let judged = self.judge();
        let paused = paused?;
        self.keep(&paused)?;
        let last = self.engine.let_go(|link| paused.contains(&link.name));
        for source in last? {
            self.release(source);
        }
        self.tell(&Happening::Stopped);
        let now = self.engine.now();
        self.for_each_spool(|spool| spool.finish(now));
        judged
    }
}

fn selection(config: &DaemonConfig) -> Selection {
    Selection {
        wanted: config.interfaces.clone(),
        exclude: config.exclude.clone(),
    }
}

/// The log names no address: events do.
fn log(change: &Change) {
    let interface = &change.place.interface;
    let number = change.number;
    match &change.turn {
        Turn::Appeared(finding) => {
            let (cause, severity) = (finding.cause.as_str(), finding.severity.as_str());
            tracing::warn!(interface, number, cause, severity, "a finding has appeared");
        }
        Turn::Changed { was, finding } => {
            let (was, cause) = (was.cause.as_str(), finding.cause.as_str());
            let severity = finding.severity.as_str();
            tracing::warn!(
                interface,
                number,
                was,
                cause,
                severity,
                "a finding has changed"
            );
        }
        Turn::Ended { was, why } => {
            let (cause, why) = (was.cause.as_str(), why.as_str());
            tracing::info!(interface, number, cause, why, "a finding has ended");
        }
    }
}
