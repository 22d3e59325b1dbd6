//! What this kernel can do, found out by trying, never by its version. Hooks are tried by [`super::attach`].

use aya::{
    maps::MapType,
    programs::ProgramType,
    sys::{is_map_supported, is_program_supported},
};

/// What natdiag cannot do without, as far as this kernel lacks it. What cannot be tried counts as there.
#[must_use]
pub fn missing() -> Vec<&'static str> {
    let maps = [
        (MapType::PerCpuArray, "per-CPU arrays (Linux 4.6)"),
        (MapType::RingBuf, "BPF ring buffers (Linux 5.8)"),
    ];
    let programs = [(
        ProgramType::SchedClassifier,
        "BPF programs for TC (Linux 4.1)",
    )];
    let maps = maps
        .into_iter()
        .filter(|(map, _)| !is_map_supported(*map).unwrap_or(true))
        .map(|(_, name)| name);
    let programs = programs
        .into_iter()
        .filter(|(program, _)| !is_program_supported(*program).unwrap_or(true))
        .map(|(_, name)| name);
    maps.chain(programs).collect()
}
