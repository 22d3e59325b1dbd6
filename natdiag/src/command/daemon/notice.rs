//! What systemd is told (`sd_notify(3)`); nothing where nobody listens.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::survey::Survey;

/// How often a sign of life is due where no watchdog waits for one; it then goes nowhere.
const WITHOUT_WATCHDOG: Duration = Duration::from_mins(1);

/// Tells systemd how things stand.
pub(super) struct Notice {
    watchdog: Option<Duration>,
    status: String,
}

impl Notice {
    pub(super) fn new() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
            status: String::new(),
        }
    }

    /// Half the time after which systemd would give up on this process, as `sd_watchdog_enabled(3)` advises.
    pub(super) fn between_signs_of_life(&self) -> Duration {
        self.watchdog
            .map_or(WITHOUT_WATCHDOG, |timeout| timeout / 2)
            .max(Duration::from_millis(1))
    }

    pub(super) fn ready(&self) {
        tell(&[NotifyState::Ready, NotifyState::Status(&self.status)]);
    }

    pub(super) fn reloading() {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "no time for the message of reloading"),
        }
    }

    pub(super) fn alive(&self) {
        if self.watchdog.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
    }

    pub(super) fn status(&mut self, survey: &Survey, findings: u64) {
        let names: Vec<_> = survey
            .sources
            .iter()
            .map(|source| source.name.as_str())
            .collect();
        let watching = match names.as_slice() {
            [] => "waiting for an interface".to_owned(),
            names => format!("watching {}", names.join(", ")),
        };
        let findings = match findings {
            0 => "no finding".to_owned(),
            1 => "1 finding".to_owned(),
            more => format!("{more} findings"),
        };
        let status = format!("{watching}; {findings}");
        if status != self.status {
            tell(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    pub(super) fn stopping() {
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}
