//! `natdiag watch`: interfaces to analysis to view, until a signal, the end of the duration, or the loss of the last
//! interface.

pub(super) mod view;

use std::{io, time::Duration};

use nix::sys::signal::{SigHandler, Signal, signal as set_handler};
use thiserror::Error;
use tokio::{
    signal::unix::{Signal as Signals, SignalKind, signal},
    time::sleep,
};

use crate::{
    bpf::map::MapsError,
    clock::Clock,
    command,
    config::WatchConfig,
    engine::{Engine, EngineError, EngineOptions, ticks},
    host::{
        link::{self, Link},
        route,
    },
    names::Names,
    privilege::{self, MissingPrivileges},
    report::view::{View, Wish},
    survey::Survey,
};

/// A view that may be late rests so many times as long as it has worked: it takes 1 % of a core at most.
const RESTS_PER_WORK: u32 = 99;
/// The longest rest of such a view: who looks at a screen wants it to be of now.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// Why watching failed.
#[derive(Debug, Error)]
pub enum WatchError {
    /// This process may not attach anything.
    #[error(transparent)]
    Privileges(#[from] MissingPrivileges),
    /// There is no such interface.
    #[error("there is no interface `{name}`; there are: {}", .known.join(", "))]
    UnknownInterface {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No interface was named, and none suggests itself.
    #[error("there is no default route; name an interface with `-i`: {}", .known.join(", "))]
    NoDefaultRoute {
        /// What there is.
        known: Vec<String>,
    },
    /// The kernel does not say which interfaces and routes there are.
    #[error("cannot ask the kernel for interfaces and routes")]
    Links(#[source] io::Error),
    /// An interface cannot be watched.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The counters cannot be read.
    #[error(transparent)]
    Maps(#[from] MapsError),
    /// Signals cannot be awaited.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// Standard output cannot be written.
    #[error("cannot write the report")]
    Output(#[source] io::Error),
}

/// Watches until it is told to end, and shows the final report.
///
/// # Errors
/// Nothing can be attached, or the report cannot be shown. Whatever is attached is detached.
pub async fn watch(config: &WatchConfig, view: &mut dyn View) -> Result<Survey, WatchError> {
    let links = choose_links(&config.interfaces)?;
    privilege::check("watch")?;
    // Before anything is attached that an unexpected signal would leave behind.
    let mut ending = Ending::new(config.duration).map_err(WatchError::Signals)?;
    let mut engine = Engine::new(EngineOptions {
        filter: config.filter.clone(),
        hook: config.hook,
        established: config.established,
        top: config.top,
        trial: config.trial,
        keeps_evidence: false,
        pins: None,
    });
    for link in links {
        engine.attach(link)?;
    }
    let names = command::names(config.names);
    let mut shown = Shown {
        view,
        names: &names,
        interval: config.interval,
    };
    let watched = watch_until(&mut ending, &mut engine, &mut shown).await;
    // Before anything else: what comes now may end the process.
    view.release();
    // Also when the view has failed: nothing stays attached.
    let closed = engine.close();
    default_signals();
    watched?;
    closed?;
    let survey = named(&names, engine.survey()?);
    command::wait_for_names(&survey);
    view.finish(&survey).map_err(WatchError::Output)?;
    Ok(survey)
}

/// The interfaces asked for, or that of the default route.
pub(super) fn choose_links(names: &[String]) -> Result<Vec<Link>, WatchError> {
    let links = link::all().map_err(WatchError::Links)?;
    let known = || links.iter().map(|link| link.name.clone()).collect();
    let mut names = names.to_vec();
    if names.is_empty() {
        let default = route::default_interface().map_err(WatchError::Links)?;
        names.push(default.ok_or_else(|| WatchError::NoDefaultRoute { known: known() })?);
    }
    let mut chosen: Vec<Link> = Vec::new();
    for name in names {
        match links.iter().find(|link| link.name == name) {
            Some(link) if chosen.contains(link) => {}
            Some(link) => chosen.push(link.clone()),
            None => {
                return Err(WatchError::UnknownInterface {
                    name,
                    known: known(),
                });
            }
        }
    }
    Ok(chosen)
}

/// What ends a run from outside.
struct Ending {
    signals: [Signals; 3],
    duration: Option<Duration>,
}

impl Ending {
    fn new(duration: Option<Duration>) -> io::Result<Self> {
        let signals = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ];
        Ok(Self { signals, duration })
    }

    /// Waits for the end.
    async fn come(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let duration = self.duration;
        let time_is_up = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            () = time_is_up => {}
        }
    }
}

/// A view, and what it is to show.
struct Shown<'a> {
    view: &'a mut dyn View,
    names: &'a Names,
    interval: Duration,
}

impl Shown<'_> {
    /// How long the view rests after it has used so much of a core, if that is longer than usual: a screen of very many
    /// hosts is late rather than dear.
    fn rest_after(&self, used: Duration) -> Option<Duration> {
        let rest = used.saturating_mul(RESTS_PER_WORK).min(LONGEST_REST);
        (self.view.may_be_late() && rest > self.interval).then_some(rest)
    }
}

fn named(names: &Names, survey: Survey) -> Survey {
    Survey {
        names: names.clone(),
        ..survey
    }
}

/// Watches until the end comes from outside, from the view, or with the last interface.
async fn watch_until(
    ending: &mut Ending,
    engine: &mut Engine,
    shown: &mut Shown<'_>,
) -> Result<(), WatchError> {
    let clock = Clock::start();
    let mut views = ticks(shown.interval);
    let end = ending.come();
    tokio::pin!(end);
    let survey = named(shown.names, engine.survey()?);
    shown.view.begin(survey).map_err(WatchError::Output)?;
    loop {
        tokio::select! {
            biased;
            () = &mut end => return Ok(()),
            _ = views.tick() => {
                let before_ns = clock.own_cpu_ns();
                let survey = named(shown.names, engine.survey()?);
                shown.view.interim(survey).map_err(WatchError::Output)?;
                let used_ns = clock.own_cpu_ns().saturating_sub(before_ns);
                if let Some(rest) = shown.rest_after(Duration::from_nanos(used_ns)) {
                    views.reset_after(rest);
                }
            }
            worked = engine.work() => {
                worked?;
                let wish = shown.view.attend().map_err(WatchError::Output)?;
                if wish == Wish::End || !engine.is_attached() {
                    return Ok(());
                }
            }
        }
    }
}

/// From here on a signal ends the process at once.
fn default_signals() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: no handler is installed, so none can do what a handler must not.
        if let Err(error) = unsafe { set_handler(signal, SigHandler::SigDfl) } {
            tracing::debug!(%error, %signal, "the signal keeps its handler");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A view that shows nothing.
    struct Blank {
        may_be_late: bool,
    }

    impl View for Blank {
        fn interim(&mut self, _survey: Survey) -> io::Result<()> {
            Ok(())
        }

        fn may_be_late(&self) -> bool {
            self.may_be_late
        }

        fn finish(&mut self, _survey: &Survey) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn screen_rests_as_it_has_worked_and_lines_keep_to_their_interval() {
        let ms = Duration::from_millis;
        for (may_be_late, used, want) in [
            (true, ms(1), None),
            (true, ms(20), Some(ms(1980))),
            (true, ms(500), Some(LONGEST_REST)),
            (false, ms(500), None),
        ] {
            let shown = Shown {
                view: &mut Blank { may_be_late },
                names: &Names::default(),
                interval: ms(1000),
            };
            assert_eq!(shown.rest_after(used), want, "{may_be_late} {used:?}");
        }
    }
}
