//! Reading the configuration again, without losing what was counted.

use std::{net::SocketAddr, path::Path};

use super::{Daemon, DaemonError, selection, settings};
use crate::{
    cli::daemon::DaemonArgs,
    config::daemon::{DaemonConfig, EvidenceConfig, MetricsConfig},
    error::in_full,
};

impl Daemon {
    /// Reads the configuration again. One that is not valid changes nothing.
    pub(super) fn reload(&mut self, args: &DaemonArgs) -> Result<(), DaemonError> {
        let config = match settings::load(args) {
            Ok(config) => config,
            Err(error) => {
                let why = in_full(&error);
                tracing::error!(why, "the configuration stays as it was");
                return Ok(());
            }
        };
        for key in needs_restart(&self.config, &config) {
            tracing::warn!(key, "this key takes effect at the next start");
        }
        if config.hook != self.config.hook {
            tracing::warn!("the hook takes effect on interfaces attached from now on");
        }
        self.engine.set_hook(config.hook);
        self.engine.set_filter(&config.filter);
        if let Some(spool) = self.journal.spool_mut() {
            spool.set_limits(config.findings.limits);
        }
        if let (Some(files), Some(evidence)) = (&mut self.evidence, &config.evidence) {
            files.set_limits(evidence.limits, evidence.packets);
        }
        self.renew_full(config.evidence.as_ref());
        let metrics = self.config.metrics.take();
        let metrics = metrics.map(|running| self.renew(running, config.metrics.as_ref()));
        self.selection = selection(&config);
        // What takes effect at the next start stays as it is till then.
        self.config = DaemonConfig {
            hotplug: self.config.hotplug,
            state: self.config.state.clone(),
            privileges: self.config.privileges.clone(),
            metrics,
            ..config
        };
        // What was refused may be welcome now.
        self.refused.clear();
        tracing::info!("the configuration was read again");
        self.look()?;
        Ok(())
    }

    /// Keeps the packets of other hosts whole.
    fn renew_full(&mut self, evidence: Option<&EvidenceConfig>) {
        let (Some(full), Some(evidence)) = (&mut self.full, evidence) else {
            return;
        };
        full.spool_mut().set_limits(evidence.limits);
        if let Err(error) = full.set(&evidence.full) {
            tracing::error!(%error, "`full` stays as it was");
        }
    }

    /// What is served from here on: who may have it is read anew, also where only the files are others.
    fn renew(&self, running: MetricsConfig, wanted: Option<&MetricsConfig>) -> MetricsConfig {
        let (Some(metrics), Some(wanted)) = (&self.metrics, wanted) else {
            return running;
        };
        let renewed = MetricsConfig {
            listen: running.listen,
            connections: running.connections,
            measure_cost: running.measure_cost,
            ..wanted.clone()
        };
        match metrics.admit(&renewed) {
            Ok(()) => renewed,
            Err(error) => {
                let why = in_full(&error);
                tracing::error!(why, "who may have metrics stays as it was");
                MetricsConfig {
                    remotes: renewed.remotes,
                    ..running
                }
            }
        }
    }
}

/// The keys whose change has no effect on a run.
fn needs_restart(old: &DaemonConfig, new: &DaemonConfig) -> impl Iterator<Item = &'static str> {
    [
        ("findings", old.findings.folder != new.findings.folder),
        (
            "evidence",
            folder_of(old.evidence.as_ref()) != folder_of(new.evidence.as_ref()),
        ),
        ("state", old.state != new.state),
        // The socket is opened while there is a privilege for it.
        ("full", !has_full(old) && has_full(new)),
        (
            "metrics",
            server_of(old.metrics.as_ref()) != server_of(new.metrics.as_ref()),
        ),
        ("no-hotplug", old.hotplug != new.hotplug),
        ("user", old.privileges != new.privileges),
    ]
    .into_iter()
    .filter_map(|(key, is_other)| is_other.then_some(key))
}

fn has_full(config: &DaemonConfig) -> bool {
    let evidence = config.evidence.as_ref();
    evidence.is_some_and(|evidence| !evidence.full.is_empty())
}

/// What a server of metrics is made of.
fn server_of(metrics: Option<&MetricsConfig>) -> Option<(SocketAddr, u32, bool)> {
    metrics.map(|metrics| (metrics.listen, metrics.connections, metrics.measure_cost))
}

fn folder_of(evidence: Option<&EvidenceConfig>) -> Option<&Path> {
    evidence.map(|evidence| evidence.folder.as_path())
}
