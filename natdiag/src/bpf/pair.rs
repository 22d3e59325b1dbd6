//! A pair of TC programs from an object of their own, beside those that watch: one for each direction, on an interface
//! together or not at all. What they do there is no matter here.

use aya::{Ebpf, EbpfLoader};
use natdiag_common::{Direction, LinkType, names};
use thiserror::Error;

use super::{
    attach::classifier::{self, Failure, Guard, Place},
    filter::{self, AddedQdisc},
    load::{self, LoadError},
    map::MapsError,
};
use crate::{host::link::Link, value::hook::TcHook};

/// Why a hook was not tried.
const NOT_ASKED_FOR: &str = "not asked for";

/// Why the programs are not at work.
#[derive(Debug, Error)]
pub enum PairError {
    /// The kernel does not take the object.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Neither TCX nor clsact takes a program.
    #[error(
        "cannot attach the BPF program `{program}` to `{interface}`: tcx: {tcx}; clsact: {clsact}"
    )]
    Attach {
        /// Which.
        program: &'static str,
        /// Where.
        interface: String,
        /// Why not to TCX.
        tcx: String,
        /// Why not to clsact.
        clsact: String,
    },
    /// A map cannot be used.
    #[error(transparent)]
    Maps(#[from] MapsError),
}

/// Where a pair is put.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position<'a> {
    /// The interface.
    pub(super) link: &'a Link,
    /// Among the programs of others.
    pub(super) place: Place,
    /// By which hook.
    pub(super) hook: TcHook,
}

/// Programs on an interface. They are detached when this is dropped.
pub(super) struct Pair {
    // Dropped in this order: filters before their qdisc.
    _guards: Vec<Guard>,
    _qdisc: Option<AddedQdisc>,
    hooks: Vec<String>,
}

/// Brings the maps of an object into the kernel.
pub(super) fn open(object: &[u8], link_type: LinkType) -> Result<Ebpf, LoadError> {
    let link_type = link_type as u8;
    load::create_maps(
        EbpfLoader::new().override_global(names::GLOBAL_LINK_TYPE, &link_type, true),
        object,
    )
}

impl Pair {
    /// Loads and attaches the programs of these names.
    pub(super) fn attach(
        ebpf: &mut Ebpf,
        position: Position,
        ingress: &'static str,
        egress: &'static str,
    ) -> Result<Self, PairError> {
        let mut qdisc = None;
        let mut guards = Vec::new();
        let mut hooks = Vec::new();
        for (name, direction) in [(ingress, Direction::Ingress), (egress, Direction::Egress)] {
            let (hook, guard) = position.put(ebpf, name, direction, &mut qdisc)?;
            hooks.push(format!("{hook} {}", direction.as_str()));
            guards.push(guard);
        }
        Ok(Self {
            _guards: guards,
            _qdisc: qdisc,
            hooks,
        })
    }

    /// The hooks in use, such as `tcx ingress`.
    pub(super) fn hooks(&self) -> &[String] {
        &self.hooks
    }
}

impl Position<'_> {
    /// Puts a program on TCX, or else on clsact. Returns which it is.
    fn put(
        self,
        ebpf: &mut Ebpf,
        name: &'static str,
        direction: Direction,
        qdisc: &mut Option<AddedQdisc>,
    ) -> Result<(&'static str, Guard), PairError> {
        let program = load::classifier(ebpf, name)?;
        let not_asked_for = || Failure::Reason(NOT_ASKED_FOR.to_owned());
        let on_tcx = match self.hook {
            TcHook::Clsact => Err(not_asked_for()),
            TcHook::Auto | TcHook::Tcx => {
                classifier::tcx(program, self.link, direction, self.place)
            }
        };
        let tcx = match on_tcx {
            Ok(guard) => return Ok(("tcx", guard)),
            Err(failure) => failure,
        };
        let on_clsact = (|| {
            if self.hook == TcHook::Tcx {
                return Err(not_asked_for());
            }
            if qdisc.is_none() {
                *qdisc = classifier::add_qdisc(self.link)?;
            }
            classifier::clsact(
                program,
                self.link,
                direction,
                self.place,
                filter::handle(false, qdisc.is_some()),
            )
        })();
        on_clsact
            .map(|guard| ("clsact", guard))
            .map_err(|clsact| PairError::Attach {
                program: name,
                interface: self.link.name.clone(),
                tcx: tcx.to_string(),
                clsact: clsact.to_string(),
            })
    }
}
