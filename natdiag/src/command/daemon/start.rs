//! How a run begins: folders, an earlier run's state, metrics, the first interfaces; then without the privileges for
//! that.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    Daemon, evidence::EvidenceFiles, exhibition, failure::DaemonError, full::FullFiles,
    links::present, measure::Measure, notice::Notice, selection, state::StateFolder,
};
use crate::{
    changes::Changes,
    config::daemon::{DaemonConfig, Privileges},
    engine::{Engine, EngineOptions},
    event::Timestamp,
    journal::Journal,
    privilege::reduce,
    report::event::Happening,
    spool::Spool,
    value::{limits::Limits, top::Top},
};

impl Daemon {
    /// Opens everything, attaches to what is there, and gives up the privileges that this took.
    pub(super) async fn start(config: DaemonConfig) -> Result<Self, DaemonError> {
        let state = config.state.as_ref();
        let state = state.map(StateFolder::open).transpose()?.flatten();
        let mut engine = Engine::new(EngineOptions {
            filter: config.filter.clone(),
            hook: config.hook,
            established: config.established,
            // Those with findings come in any case.
            top: Top::Busiest(0),
            trial: None,
            keeps_evidence: config.evidence.is_some(),
            pins: state.as_ref().map(|state| Arc::clone(&state.pins)),
        });
        let mut changes = Changes::default();
        let mut events_lost = 0;
        if let Some(earlier) = state.as_ref().and_then(StateFolder::read) {
            engine = engine.resume(earlier.engine);
            changes = earlier.changes;
            events_lost = earlier.events_lost;
        }
        let now = engine.now();
        let folders = Folders::open(&config, now)?;
        let measures = config.metrics.as_ref().is_some_and(|it| it.measure_cost);
        let measure = Measure::new(measures)?;
        let metrics = match &config.metrics {
            Some(metrics) => Some(exhibition::open(metrics).await?),
            None => None,
        };
        let mut daemon = Self {
            metrics,
            measure,
            selection: selection(&config),
            config,
            engine,
            changes,
            journal: Journal::new(folders.findings),
            state,
            evidence: folders.evidence,
            full: folders.full,
            notice: Notice::new(),
            refused: BTreeMap::new(),
            is_closed: false,
        };
        daemon.journal.resume(events_lost);
        daemon.tell(&Happening::Started);
        if let Some(refusal) = daemon.look()?
            && !daemon.engine.is_attached()
        {
            return Err(refusal.into());
        }
        for pattern in daemon.selection.unmet(&present()?) {
            tracing::warn!(%pattern, "no interface matches yet");
        }
        daemon.reduce_privileges()?;
        Ok(daemon)
    }

    /// Gives up what is not needed once everything is open.
    fn reduce_privileges(&self) -> Result<(), DaemonError> {
        let Privileges::Needed(user) = &self.config.privileges else {
            return Ok(());
        };
        let user = user.as_deref().map(reduce::user).transpose()?;
        let spools = || {
            let evidence = self.evidence.iter().map(EvidenceFiles::spool);
            let full = self.full.iter().map(FullFiles::spool);
            self.journal.spool().into_iter().chain(evidence).chain(full)
        };
        if let Some(user) = &user {
            for spool in spools() {
                let given = spool.give_to(user.uid.as_raw(), user.gid.as_raw());
                given.map_err(|source| DaemonError::folder(spool, source))?;
            }
            if let Some(state) = &self.state {
                state.give_to(user.uid.as_raw(), user.gid.as_raw())?;
            }
        }
        let state = self.state.iter().flat_map(StateFolder::folders);
        let folders = spools().map(|spool| spool.folder().to_owned());
        let mut folders: Vec<_> = folders.chain(state).collect();
        folders.dedup();
        let metrics = self.config.metrics.as_ref();
        let needs = reduce::Needs {
            attaching: self.config.hotplug,
            measuring: metrics.is_some_and(|metrics| metrics.measure_cost),
        };
        let given = reduce::reduce(user.as_ref(), needs, &folders)?;
        tracing::info!("{}", given.join("; "));
        for spool in spools() {
            let reached = spool.check();
            reached.map_err(|source| DaemonError::folder(spool, source))?;
        }
        Ok(())
    }
}

/// The folders that a run writes to, as far as it was told to.
struct Folders {
    findings: Option<Spool>,
    evidence: Option<EvidenceFiles>,
    full: Option<FullFiles>,
}

impl Folders {
    fn open(config: &DaemonConfig, now: Timestamp) -> Result<Self, DaemonError> {
        let findings = config.findings.folder.as_deref();
        let findings = findings
            .map(|folder| open(folder, "findings", "jsonl", config.findings.limits, now))
            .transpose()?;
        let Some(kept) = &config.evidence else {
            return Ok(Self {
                findings,
                evidence: None,
                full: None,
            });
        };
        let spool = |key| open(&kept.folder, key, "pcapng", kept.limits, now);
        let evidence = EvidenceFiles::new(spool("evidence")?, kept.packets);
        let full = if kept.full.is_empty() {
            None
        } else {
            Some(FullFiles::open(&kept.full, spool("full")?).map_err(DaemonError::Full)?)
        };
        Ok(Self {
            findings,
            evidence: Some(evidence),
            full,
        })
    }
}

/// Opens a folder of files that have the name of the key.
fn open(
    folder: &Path,
    key: &'static str,
    extension: &'static str,
    limits: Limits,
    now: Timestamp,
) -> Result<Spool, DaemonError> {
    let spool = Spool::open(folder, (key, extension), limits, now);
    spool.map_err(|source| DaemonError::Folder {
        key,
        folder: folder.to_owned(),
        source,
    })
}
