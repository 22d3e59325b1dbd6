//! `natdiag watch`: interfaces to analysis to view, until a signal, the end of the duration, or the loss of the last
//! interface.

mod interface;
mod remedy;
pub(super) mod view;

use std::{io, time::Duration};

use nix::sys::signal::{SigHandler, Signal, signal as set_handler};
use thiserror::Error;
use tokio::{
    signal::unix::{Signal as Signals, SignalKind, signal},
    task::yield_now,
    time::{Interval, MissedTickBehavior, interval, sleep},
};

use self::interface::WatchedInterface;
use crate::{
    analysis::{crossing::Crossing, suspicion::SUSPICION_PERIOD_NS},
    bpf::{attach::AttachError, load::LoadError, maps::MapsError},
    clock::Clock,
    config::WatchConfig,
    event::Timestamp,
    host::{
        address,
        link::{self, Link},
        route,
    },
    privilege::{self, MissingPrivileges},
    survey::{self, Survey, View, Wish},
};

/// How often the rings are emptied. At this pace they hold a million records a second.
const BETWEEN_TURNS: Duration = Duration::from_millis(25);
/// How often natdiag looks whether its interfaces are still there.
const BETWEEN_CHECKS: Duration = Duration::from_millis(250);

/// What cannot be seen on an interface with private addresses only.
const BLIND_BEHIND_NAT: &str = "fragments that a NAT gateway dropped before this host";

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
    /// The headers before the IP header are unknown.
    #[error(
        "cannot read the link layer of `{interface}` (device type {device_type}): it is neither Ethernet nor raw IP; \
         watch the interface that its packets leave by"
    )]
    UnknownLinkLayer {
        /// The interface.
        interface: String,
        /// Its `ARPHRD_` number.
        device_type: u16,
    },
    /// The kernel does not say which interfaces and routes there are.
    #[error("cannot ask the kernel for interfaces and routes")]
    Links(#[source] io::Error),
    /// The maps and programs cannot be made.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The programs cannot be attached.
    #[error(transparent)]
    Attach(#[from] AttachError),
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
    let mut run = Run::start(links, config)?;
    let watched = run.watch(config.interval, &mut ending, view).await;
    // Before anything else: what comes now may end the process.
    view.release();
    // Also when the view has failed: nothing stays attached.
    let closed = run.close();
    default_signals();
    watched?;
    closed?;
    let survey = run.survey()?;
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

/// Everything under watch.
struct Run {
    clock: Clock,
    start: Timestamp,
    end: Option<Timestamp>,
    interfaces: Vec<WatchedInterface>,
    /// Joins what several interfaces see.
    crossing: Crossing,
    blind_to: Vec<String>,
    top: usize,
}

impl Run {
    fn start(links: Vec<Link>, config: &WatchConfig) -> Result<Self, WatchError> {
        let clock = Clock::start();
        let mut blind_to = Vec::new();
        if links.iter().any(is_behind_nat) {
            blind_to.push(BLIND_BEHIND_NAT.to_owned());
        }
        let mut interfaces = links
            .into_iter()
            .map(|link| WatchedInterface::open(link, config, clock))
            .collect::<Result<Vec<_>, _>>()?;
        if interfaces.len() > 1 {
            for interface in &mut interfaces {
                interface.share_sightings();
            }
        }
        Ok(Self {
            clock,
            start: clock.now(),
            end: None,
            interfaces,
            crossing: Crossing::default(),
            blind_to,
            top: config.top.limit(),
        })
    }

    async fn watch(
        &mut self,
        between_views: Duration,
        ending: &mut Ending,
        view: &mut dyn View,
    ) -> Result<(), WatchError> {
        let mut turns = ticks(BETWEEN_TURNS);
        let mut checks = ticks(BETWEEN_CHECKS);
        let mut suspicions = ticks(Duration::from_nanos(SUSPICION_PERIOD_NS));
        let mut views = ticks(between_views);
        let end = ending.come();
        tokio::pin!(end);
        view.begin(self.survey()?).map_err(WatchError::Output)?;
        loop {
            tokio::select! {
                biased;
                () = &mut end => return Ok(()),
                _ = checks.tick() => {
                    if !self.check_presence()? {
                        return Ok(());
                    }
                    for interface in &mut self.interfaces {
                        interface.try_remedy()?;
                    }
                }
                _ = suspicions.tick() => {
                    self.interfaces.iter_mut().for_each(WatchedInterface::suspect);
                }
                _ = views.tick() => {
                    view.interim(self.survey()?).map_err(WatchError::Output)?;
                }
                _ = turns.tick() => {
                    if view.attend().map_err(WatchError::Output)? == Wish::End {
                        return Ok(());
                    }
                    if !self.turn()? {
                        turns.reset_immediately();
                        // Signals are seen between turns.
                        yield_now().await;
                    }
                }
            }
        }
    }

    /// Takes some of what has come. Returns whether that was all.
    fn turn(&mut self) -> Result<bool, MapsError> {
        let mut is_all = true;
        for interface in &mut self.interfaces {
            if interface.is_attached() {
                is_all &= interface.turn()?;
            }
        }
        self.cross();
        Ok(is_all)
    }

    /// Joins what the interfaces have seen.
    fn cross(&mut self) {
        for (source, interface) in self.interfaces.iter_mut().enumerate() {
            self.crossing.take(source, interface.take_sightings());
        }
        self.crossing.advance(self.clock.now());
    }

    /// Closes interfaces that have vanished. Returns whether any is left.
    fn check_presence(&mut self) -> Result<bool, WatchError> {
        let mut any = false;
        for interface in &mut self.interfaces {
            any |= interface.check_presence()?;
        }
        Ok(any)
    }

    fn survey(&mut self) -> Result<Survey, MapsError> {
        let top = self.top;
        let mut sources = self
            .interfaces
            .iter_mut()
            .map(|interface| interface.survey(top))
            .collect::<Result<Vec<_>, _>>()?;
        self.cross();
        survey::add_crossing(&self.crossing, &mut sources);
        Ok(Survey {
            start: self.start,
            end: self.end.unwrap_or_else(|| self.clock.now()),
            sources,
            blind_to: self.blind_to.clone(),
            own_cpu_ns: Some(self.clock.own_cpu_ns()),
        })
    }

    fn close(&mut self) -> Result<(), MapsError> {
        let mut closed = Ok(());
        for interface in &mut self.interfaces {
            closed = closed.and(interface.close());
        }
        self.end = Some(self.clock.now());
        closed
    }
}

fn is_behind_nat(link: &Link) -> bool {
    // Without an answer nothing is claimed.
    let addresses = address::of_interface(&link.name).unwrap_or_default();
    address::are_behind_nat(&addresses)
}

/// Ticks of which the first comes after one period, and none is made up for.
fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
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
