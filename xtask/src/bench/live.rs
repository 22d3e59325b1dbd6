//! CPU time per packet on a real way: a packet socket, veth, the receiving stack up to where it drops what is for
//! somebody else. It is the shortest way there is, so that whatever looks at the packets shows most.

pub(crate) mod flood;
mod tap;
pub(crate) mod wire;

use std::thread;

use anyhow::{Context as _, Result, anyhow};
use aya::{
    Ebpf, EbpfLoader,
    maps::{MapData, RingBuf},
    programs::{
        LinkOrder, SchedClassifier, TcAttachType,
        tc::{SchedClassifierLink, TcAttachOptions},
    },
};
use natdiag::{
    bpf::{
        attach::{Attachment, attach},
        load::WatchObject,
        program::LoadOptions,
    },
    value::hook::HookChoice,
};
use natdiag_common::{Direction, LinkType, names, testkit::Random};
use serde::Serialize;

use self::{
    flood::Flood,
    tap::Tap,
    wire::{FAR, NEAR, Wire},
};
use super::{clock, kind::Kind, programs::shuffle, statistics::Median};

/// Hosts that send.
const HOSTS: u16 = 50_000;

/// Who looks at the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Observer {
    Nobody,
    EmptyProgram,
    Natdiag,
    Tcpdump,
}

impl Observer {
    pub(super) const ALL: [Self; 4] = [
        Self::Nobody,
        Self::EmptyProgram,
        Self::Natdiag,
        Self::Tcpdump,
    ];
}

/// What one observer costs on one kind of traffic.
#[derive(Serialize)]
pub(super) struct Figure {
    pub(super) observer: Observer,
    pub(super) kind: Kind,
    /// CPU time of the whole way.
    pub(super) ns: Median,
    /// CPU time over that with nobody.
    pub(super) ratio: Median,
}

/// Measures every observer in every round, in a new order each time.
pub(super) fn measure(rounds: usize) -> Result<Vec<Figure>> {
    // The thread that goes to other namespaces does not come back.
    thread::scope(|scope| {
        scope
            .spawn(|| measure_here(rounds))
            .join()
            .map_err(|_| anyhow!("the measuring thread panicked"))?
    })
}

fn measure_here(rounds: usize) -> Result<Vec<Figure>> {
    clock::have_a_cpu()?;
    let wire = Wire::new()?;
    let mut stage = Stage::new(wire)?;
    let mut random = Random::new(2);
    let mut figures = Vec::new();
    for kind in [Kind::Ack, Kind::Syn] {
        let offset = kind.remote_offset(Direction::Ingress);
        let frames = flood::from_many(&kind.frame(), offset, HOSTS)?;
        let mut samples = Observer::ALL.map(|observer| (observer, Vec::new(), Vec::new()));
        for _ in 0..rounds {
            let mut round = Vec::new();
            let mut order = Observer::ALL;
            shuffle(&mut order, &mut random);
            for observer in order {
                round.push((observer, stage.play(observer, &frames)?));
            }
            let of = |wanted| round.iter().find(|(observer, _)| *observer == wanted);
            let (_, alone) = *of(Observer::Nobody).context("nobody is missing")?;
            for (observer, ns, ratios) in &mut samples {
                if let Some((_, here)) = of(*observer) {
                    ns.push(*here);
                    ratios.push(here / alone);
                }
            }
        }
        figures.extend(samples.map(|(observer, ns, ratios)| Figure {
            observer,
            kind,
            ns: Median::of(ns),
            ratio: Median::of(ratios),
        }));
    }
    Ok(figures)
}

/// The wire and those who may look.
struct Stage {
    wire: Wire,
    flood: Flood,
    bench: Ebpf,
    watch: WatchObject,
    spills: RingBuf<MapData>,
    records: RingBuf<MapData>,
}

/// Somebody looking; nobody any more when it is dropped.
#[expect(dead_code, reason = "held for being dropped")]
enum Looking {
    Nobody,
    Empty(SchedClassifierLink),
    Natdiag(Attachment),
    Tcpdump(Tap),
}

impl Stage {
    fn new(wire: Wire) -> Result<Self> {
        let mut bench = EbpfLoader::new().load(natdiag::BENCH_OBJECT)?;
        empty(&mut bench)?.load()?;
        let mut watch = watch_object()?;
        let map = |watch: &mut WatchObject, name| -> Result<RingBuf<MapData>> {
            let map = watch
                .ebpf_mut()
                .take_map(name)
                .context("a ring is missing")?;
            Ok(map.try_into()?)
        };
        Ok(Self {
            flood: Flood::open(NEAR)?,
            spills: map(&mut watch, names::MAP_SPILLS)?,
            records: map(&mut watch, names::MAP_RECORDS)?,
            wire,
            bench,
            watch,
        })
    }

    fn play(&mut self, observer: Observer, frames: &[Vec<u8>]) -> Result<f64> {
        self.wire.go_far()?;
        let looking = match observer {
            Observer::Nobody => Looking::Nobody,
            Observer::EmptyProgram => {
                let program = empty(&mut self.bench)?;
                let options = TcAttachOptions::TcxOrder(LinkOrder::first());
                let link = program.attach_with_options(FAR, TcAttachType::Ingress, options)?;
                Looking::Empty(program.take_link(link)?)
            }
            Observer::Natdiag => Looking::Natdiag(watch(&mut self.watch)?),
            Observer::Tcpdump => Looking::Tcpdump(Tap::start()?),
        };
        self.wire.go_near()?;
        let ns = self.flood.send(frames)?;
        while self.spills.next().is_some() {}
        while self.records.next().is_some() {}
        drop(looking);
        Ok(ns)
    }
}

/// The object with its programs, nothing attached.
pub(super) fn watch_object() -> Result<WatchObject> {
    Ok(WatchObject::open(LoadOptions::new(LinkType::Ethernet))?)
}

/// Attaches natdiag to the far device through TCX, both directions; this thread is at the far end.
pub(super) fn watch(object: &mut WatchObject) -> Result<Attachment> {
    Ok(attach(object, &wire::far_link()?, HookChoice::Tcx)?)
}

fn empty(bench: &mut Ebpf) -> Result<&mut SchedClassifier> {
    let program = bench
        .program_mut("empty_tc")
        .context("the empty program is missing")?;
    Ok(program.try_into()?)
}
