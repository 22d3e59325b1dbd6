//! Reading the configuration again, without losing what was counted.

use std::path::Path;

use super::{Daemon, DaemonError, selection, settings};
use crate::{
    cli::daemon::DaemonArgs,
    config::daemon::{DaemonConfig, EvidenceConfig},
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
        self.selection = selection(&config);
        // What takes effect at the next start stays as it is till then.
        self.config = DaemonConfig {
            hotplug: self.config.hotplug,
            state: self.config.state.clone(),
            privileges: self.config.privileges.clone(),
            metrics: self.config.metrics.clone(),
            ..config
        };
        // What was refused may be welcome now.
        self.refused.clear();
        tracing::info!("the configuration was read again");
        self.look()?;
        Ok(())
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
        ("metrics", old.metrics != new.metrics),
        ("no-hotplug", old.hotplug != new.hotplug),
        ("user", old.privileges != new.privileges),
    ]
    .into_iter()
    .filter_map(|(key, is_other)| is_other.then_some(key))
}

fn folder_of(evidence: Option<&EvidenceConfig>) -> Option<&Path> {
    evidence.map(|evidence| evidence.folder.as_path())
}
