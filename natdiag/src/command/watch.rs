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
    bpf::maps::MapsError,
    config::WatchConfig,
    engine::{Engine, EngineError, EngineOptions, ticks},
    host::{
        link::{self, Link},
        route,
    },
    privilege::{self, MissingPrivileges},
    survey::{Survey, View, Wish},
};

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
        top: config.top,
    });
    for link in links {
        engine.attach(link)?;
    }
    let watched = watch_until(&mut ending, config.interval, &mut engine, view).await;
    // Before anything else: what comes now may end the process.
    view.release();
    // Also when the view has failed: nothing stays attached.
    let closed = engine.close();
    default_signals();
    watched?;
    closed?;
    let survey = engine.survey()?;
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

/// Watches until the end comes from outside, from the view, or with the last interface.
async fn watch_until(
    ending: &mut Ending,
    between_views: Duration,
    engine: &mut Engine,
    view: &mut dyn View,
) -> Result<(), WatchError> {
    let mut views = ticks(between_views);
    let end = ending.come();
    tokio::pin!(end);
    view.begin(engine.survey()?).map_err(WatchError::Output)?;
    loop {
        tokio::select! {
            biased;
            () = &mut end => return Ok(()),
            _ = views.tick() => {
                view.interim(engine.survey()?).map_err(WatchError::Output)?;
            }
            worked = engine.work() => {
                worked?;
                let wish = view.attend().map_err(WatchError::Output)?;
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
