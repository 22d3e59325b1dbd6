//! Loads and attaches the lab's own programs.

use anyhow::{Context as _, Result};
use aya::{
    Ebpf, EbpfLoader,
    maps::Array,
    programs::{ProgramInfo, SchedClassifier, TcAttachType},
};
use natdiag_common::names;

use super::namespace::Namespace;

/// What an interface receives.
pub(crate) const INGRESS: TcAttachType = TcAttachType::Ingress;
/// What it sends.
pub(crate) const EGRESS: TcAttachType = TcAttachType::Egress;

/// Attached programs; they go when this does.
#[derive(Debug)]
pub(crate) struct Attached(Ebpf);

/// Loads the lab's object with the loader's globals, and attaches programs of it to an interface.
pub(crate) fn attach(
    host: &Namespace,
    interface: &str,
    programs: &[(&str, TcAttachType)],
    loader: &mut EbpfLoader<'_>,
) -> Result<Attached> {
    let mut object = loader
        .load(natdiag::LAB_OBJECT)
        .context("cannot load the lab's programs")?;
    let attached = host.enter(move || {
        for &(name, side) in programs {
            let program: &mut SchedClassifier = object
                .program_mut(name)
                .with_context(|| format!("the lab has no program `{name}`"))?
                .try_into()?;
            program
                .load()
                .with_context(|| format!("the kernel refuses `{name}`"))?;
            // Fails where it is there already, which is as good.
            let _ = aya::programs::tc::qdisc_add_clsact(interface);
            program
                .attach(interface, side)
                .with_context(|| format!("cannot attach `{name}` to `{interface}`"))?;
        }
        Ok(object)
    })?;
    Ok(Attached(attached))
}

impl Attached {
    /// Reads one number of an array.
    pub(crate) fn number(&self, map: &str, index: u32) -> Result<u64> {
        let map = self
            .0
            .map(map)
            .with_context(|| format!("the lab has no map `{map}`"))?;
        let array: Array<_, u64> = map.try_into()?;
        Ok(array.get(&index, 0)?)
    }
}

/// Whether natdiag looks at what an interface of this namespace sends, established connections included: what looks at
/// these is attached last.
pub(crate) fn is_watched(host: &Namespace, interface: &str) -> Result<bool> {
    host.enter(|| {
        let (_, programs) = SchedClassifier::query_tcx(interface, TcAttachType::Egress)
            .context("cannot ask which programs are attached")?;
        Ok(programs
            .iter()
            .any(|program| program.name_as_str() == Some(names::PROGRAM_SAMPLE_EGRESS)))
    })
}

/// Numbers of the programs on TCX of an interface, of both directions; none where there is no such interface.
pub(crate) fn on_tcx(host: &Namespace, interface: &str) -> Result<Vec<u32>> {
    host.enter(|| {
        let sides = [TcAttachType::Ingress, TcAttachType::Egress];
        let programs = sides.map(|side| {
            let attached = SchedClassifier::query_tcx(interface, side);
            attached.map_or_else(|_| Vec::new(), |(_, programs)| programs)
        });
        Ok(programs.iter().flatten().map(ProgramInfo::id).collect())
    })
}
