//! Interfaces under watch: attached, read, judged, let go. It knows neither what ends a run nor who looks at it; these
//! are the commands'.

mod following;
mod handover;
mod interface;
mod opening;
mod remedy;
mod sampling;
mod saved;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use natdiag_common::record::Record;
use thiserror::Error;
use tokio::{
    task::yield_now,
    time::{Interval, MissedTickBehavior, interval},
};

pub use self::saved::SavedEngine;
use self::{interface::WatchedInterface, saved::SavedInterface};
use crate::{
    analysis::{Analysis, crossing::Crossing, filter::Filter, suspicion::SUSPICION_PERIOD_NS},
    bpf::{attach::AttachError, load::LoadError, map::MapsError, pins::PinRoot},
    clock::Clock,
    config::TrialConfig,
    cost::InterfaceCost,
    event::Timestamp,
    evidence::statement::Statement,
    host::link::Link,
    names::Names,
    survey::{self, SourceSurvey, Survey},
    value::{established::EstablishedChoice, hook::HookChoice, top::Top},
};

/// How often the rings are emptied. At this pace they hold a million records a second.
const BETWEEN_TURNS: Duration = Duration::from_millis(25);
/// How often natdiag looks whether its interfaces are still there.
const BETWEEN_CHECKS: Duration = Duration::from_millis(250);

/// Why watching an interface failed.
#[derive(Debug, Error)]
pub enum EngineError {
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
    /// The kernel does not say which interfaces there are.
    #[error("cannot ask the kernel for interfaces")]
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
}

/// How interfaces are watched.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// What is looked at.
    pub filter: Filter,
    /// Which hook.
    pub hook: HookChoice,
    /// How many established connections are looked at.
    pub established: EstablishedChoice,
    /// How many remote hosts without findings a survey holds.
    pub top: Top,
    /// A remedy to try.
    pub trial: Option<TrialConfig>,
    /// Whether the newest records of every remote host are kept as evidence.
    pub keeps_evidence: bool,
    /// Where programs and maps are pinned, if they are to stay when the process ends.
    pub pins: Option<Arc<PinRoot>>,
}

/// By what an interface is watched.
#[derive(Clone, Debug)]
pub struct Attached {
    /// The hooks in use, such as `tcx ingress`.
    pub hooks: Vec<String>,
    /// Why these, what was refused, who else is attached: one sentence each.
    pub notes: Vec<String>,
    /// Whether what an earlier run knew is gone on with.
    pub goes_on: bool,
}

/// Everything under watch.
pub struct Engine {
    options: EngineOptions,
    clock: Clock,
    start: Timestamp,
    end: Option<Timestamp>,
    interfaces: Vec<WatchedInterface>,
    /// What an earlier run knew about interfaces that are not watched yet.
    earlier: Vec<SavedInterface<Analysis>>,
    /// Joins what several interfaces see.
    crossing: Crossing,
    turns: Interval,
    checks: Interval,
    suspicions: Interval,
}

impl Engine {
    /// An engine that watches nothing yet. It must be made, and do its work, inside an event loop.
    #[must_use]
    pub fn new(options: EngineOptions) -> Self {
        let clock = Clock::start();
        Self {
            options,
            clock,
            start: clock.now(),
            end: None,
            interfaces: Vec::new(),
            earlier: Vec::new(),
            crossing: Crossing::default(),
            turns: ticks(BETWEEN_TURNS),
            checks: ticks(BETWEEN_CHECKS),
            suspicions: ticks(Duration::from_nanos(SUSPICION_PERIOD_NS)),
        }
    }

    /// Attaches to an interface.
    ///
    /// # Errors
    /// Its link layer is unknown, or the kernel refuses.
    pub fn attach(&mut self, link: Link) -> Result<Attached, EngineError> {
        let mut earlier = self.earlier.iter();
        let saved = earlier
            .position(|saved| saved.name == link.name)
            .map(|place| self.earlier.swap_remove(place));
        let interface = WatchedInterface::open(link, &self.options, saved, self.clock)?;
        let attached = interface.attached();
        if self.interfaces.is_empty() && !attached.goes_on {
            self.start = self.clock.now();
        }
        self.interfaces.push(interface);
        if self.interfaces.len() > 1 {
            for interface in &mut self.interfaces {
                interface.share_sightings();
            }
        }
        Ok(attached)
    }

    /// The interfaces under watch.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.interfaces.iter().map(WatchedInterface::link)
    }

    /// What is looked at from here on; what was counted stays.
    pub fn set_filter(&mut self, filter: &Filter) {
        if self.options.filter != *filter {
            self.options.filter = filter.clone();
            // What was seen by the old one does not fit what is seen by the new one.
            self.crossing = Crossing::default();
            for interface in &mut self.interfaces {
                interface.set_filter(filter.clone());
            }
        }
    }

    /// The hook of interfaces that are attached from here on.
    pub fn set_hook(&mut self, hook: HookChoice) {
        self.options.hook = hook;
    }

    /// The remote hosts on an interface of which most records are kept as evidence.
    #[must_use]
    pub fn best_known(&self, interface: &str, number: usize) -> Vec<IpAddr> {
        self.interface(interface)
            .map(|known| known.best_known(number))
            .unwrap_or_default()
    }

    /// Takes the newest records of a remote host, the oldest first; their times are since 1970.
    pub fn take_evidence(&mut self, interface: &str, remote: IpAddr) -> Vec<Record> {
        let mut interfaces = self.interfaces.iter_mut();
        interfaces
            .find(|known| known.link().name == interface)
            .map(|known| known.take_evidence(remote))
            .unwrap_or_default()
    }

    /// What was counted of the established connections of a remote host, if they were followed.
    #[must_use]
    pub fn followed(&self, interface: &str, remote: IpAddr) -> Option<Statement> {
        self.interface(interface)?.followed(remote)
    }

    fn interface(&self, name: &str) -> Option<&WatchedInterface> {
        let mut interfaces = self.interfaces.iter();
        interfaces.find(|known| known.link().name == name)
    }

    /// Lets go of interfaces that have vanished and of those that are not wanted any more: detaches, takes everything
    /// that is left, and gives the last word about each.
    ///
    /// # Errors
    /// The counters of an interface cannot be read.
    pub fn let_go(
        &mut self,
        is_wanted: impl Fn(&Link) -> bool,
    ) -> Result<Vec<SourceSurvey>, MapsError> {
        let mut last = Vec::new();
        let mut place = 0;
        while let Some(interface) = self.interfaces.get_mut(place) {
            if interface.is_attached() && is_wanted(interface.link()) {
                place += 1;
                continue;
            }
            let closed = interface.close();
            let survey = interface.survey(self.options.top.limit());
            self.cross();
            self.interfaces.remove(place);
            self.crossing.remove_source(place);
            closed?;
            last.push(survey?);
        }
        Ok(last)
    }

    /// Since when something is watched.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The time, by the clock of the events.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether any interface is attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.interfaces.iter().any(WatchedInterface::is_attached)
    }

    /// Waits until something is due, and does it: takes what has come, looks whether the interfaces are still there,
    /// decides who is under suspicion. What is waited for is not lost when the future is dropped.
    ///
    /// # Errors
    /// The kernel gives neither counters nor interfaces.
    pub async fn work(&mut self) -> Result<(), EngineError> {
        tokio::select! {
            biased;
            _ = self.checks.tick() => {
                for interface in &mut self.interfaces {
                    interface.check_presence()?;
                    interface.try_remedy()?;
                }
            }
            _ = self.suspicions.tick() => {
                self.interfaces.iter_mut().for_each(WatchedInterface::suspect);
            }
            _ = self.turns.tick() => {
                if !self.turn()? {
                    self.turns.reset_immediately();
                    // Signals are seen between turns.
                    yield_now().await;
                }
            }
        }
        Ok(())
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
            let (whole, sightings) = interface.take_sightings();
            self.crossing.watched(source, whole);
            self.crossing.take(source, sightings);
        }
        self.crossing.advance(self.clock.now());
    }

    /// Says how things stand.
    ///
    /// # Errors
    /// The counters cannot be read.
    pub fn survey(&mut self) -> Result<Survey, MapsError> {
        let top = self.options.top.limit();
        let mut sources = self
            .interfaces
            .iter_mut()
            .map(|interface| interface.survey(top))
            .collect::<Result<Vec<SourceSurvey>, _>>()?;
        self.cross();
        survey::add_crossing(&self.crossing, &mut sources);
        let mut blind_to = Vec::new();
        for behind in self
            .interfaces
            .iter()
            .filter_map(WatchedInterface::behind_nat)
        {
            let dropped = behind.dropped().to_owned();
            if !blind_to.contains(&dropped) {
                blind_to.push(dropped);
            }
        }
        Ok(Survey {
            start: self.start,
            end: self.end.unwrap_or_else(|| self.clock.now()),
            sources,
            blind_to,
            own_cpu_ns: Some(self.clock.own_cpu_ns()),
            names: Names::default(),
        })
    }

    /// What watching takes. Of programs nothing is told unless it is asked for: what the kernel does not measure is 0.
    pub fn costs(&mut self, with_programs: bool) -> Vec<InterfaceCost> {
        let interfaces = self.interfaces.iter_mut();
        interfaces
            .map(|interface| interface.cost(with_programs))
            .collect()
    }

    /// Detaches everything, and takes everything that is left.
    ///
    /// # Errors
    /// The counters of an interface cannot be read; it and the others are detached all the same.
    pub fn close(&mut self) -> Result<(), MapsError> {
        let mut closed = Ok(());
        for interface in &mut self.interfaces {
            closed = closed.and(interface.close());
        }
        self.end = Some(self.clock.now());
        closed
    }
}

/// Ticks of which the first comes after one period, and none is made up for.
pub(crate) fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}
