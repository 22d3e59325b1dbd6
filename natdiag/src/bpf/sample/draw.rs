//! What the programs that watch an interface draw, and which programs they go on with then.

use aya::{
    Ebpf,
    maps::{Array, Map, MapData, ProgramArray},
    programs::{Program, ProgramError, ProgramFd, SchedClassifier, Xdp},
};
use natdiag_common::names;

use crate::bpf::{
    load::{LoadError, WatchObject, refusal},
    map::{MapsError, typed},
    pins::PinFolder,
    program::WatchProgram,
    sample::SampleError,
};

/// The place of the program in its array.
const PLACE: u32 = 0;

/// The maps by which the watching programs of an interface hand over. When this is dropped, they draw nothing more.
pub struct Draw {
    one_in: Array<MapData, u32>,
    samplers: [(WatchProgram, ProgramArray<MapData>); 4],
}

impl Draw {
    /// Takes the maps out of an object.
    pub fn take(object: &mut WatchObject) -> Result<Self, MapsError> {
        Self::of(|name| object.take_map(name))
    }

    /// Those that are pinned.
    pub fn pinned_in(folder: &PinFolder) -> Result<Self, MapsError> {
        Self::of(|name| folder.map(name))
    }

    fn of(mut map: impl FnMut(&'static str) -> Result<Map, MapsError>) -> Result<Self, MapsError> {
        let one_in = typed(names::MAP_SAMPLE_ONE_IN, &mut map)?;
        let mut array =
            |program: WatchProgram| Ok((program, typed(array_name(program), &mut map)?));
        let [xdp, frags, ingress, egress] = WatchProgram::ALL;
        Ok(Self {
            one_in,
            samplers: [array(xdp)?, array(frags)?, array(ingress)?, array(egress)?],
        })
    }

    /// Loads the program of `object` that goes with one that watches, and has that one go on with it.
    pub(super) fn go_on_with(
        &mut self,
        watching: WatchProgram,
        object: &mut Ebpf,
    ) -> Result<(), SampleError> {
        let name = sampler_name(watching);
        let program = object.program_mut(name).ok_or(LoadError::Missing(name))?;
        let program = loaded(watching, program).map_err(|error| refusal(name, error))?;
        for (of, array) in &mut self.samplers {
            if *of == watching {
                array
                    .set(PLACE, program, 0)
                    .map_err(MapsError::refused(array_name(watching)))?;
            }
        }
        Ok(())
    }

    /// Has the programs draw one connection in so many; none where it is zero.
    pub(super) fn one_in(&mut self, one_in: u32) -> Result<(), MapsError> {
        self.one_in
            .set(0, one_in, 0)
            .map_err(MapsError::refused(names::MAP_SAMPLE_ONE_IN))
    }
}

impl Drop for Draw {
    fn drop(&mut self) {
        if let Err(error) = self.one_in(0) {
            tracing::debug!(%error, "connections are drawn on");
        }
        for (_, array) in &mut self.samplers {
            // Most have none.
            let _ = array.clear_index(&PLACE);
        }
    }
}

/// Has the kernel take a program of the type of the one that goes on with it.
fn loaded(watching: WatchProgram, program: &mut Program) -> Result<&ProgramFd, ProgramError> {
    match watching {
        WatchProgram::Xdp | WatchProgram::XdpFrags => {
            let program: &mut Xdp = program.try_into()?;
            program.load()?;
            program.fd()
        }
        WatchProgram::TcIngress | WatchProgram::TcEgress => {
            let program: &mut SchedClassifier = program.try_into()?;
            program.load()?;
            program.fd()
        }
    }
}

/// The array of the program that this one goes on with.
const fn array_name(watching: WatchProgram) -> &'static str {
    match watching {
        WatchProgram::Xdp => names::MAP_SAMPLER_XDP,
        WatchProgram::XdpFrags => names::MAP_SAMPLER_XDP_FRAGS,
        WatchProgram::TcIngress => names::MAP_SAMPLER_INGRESS,
        WatchProgram::TcEgress => names::MAP_SAMPLER_EGRESS,
    }
}

/// The program that this one goes on with.
const fn sampler_name(watching: WatchProgram) -> &'static str {
    match watching {
        WatchProgram::Xdp => names::PROGRAM_SAMPLE_XDP,
        WatchProgram::XdpFrags => names::PROGRAM_SAMPLE_XDP_FRAGS,
        WatchProgram::TcIngress => names::PROGRAM_SAMPLE_INGRESS,
        WatchProgram::TcEgress => names::PROGRAM_SAMPLE_EGRESS,
    }
}
