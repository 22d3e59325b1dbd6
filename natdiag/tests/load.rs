//! The programs as the kernel's verifier sees them.

use aya::{
    EbpfLoader,
    programs::{Program, SchedClassifier},
};
use natdiag::{
    FOLLOW_OBJECT, SAMPLE_OBJECT,
    bpf::{
        load::WatchObject,
        program::{LoadOptions, WatchProgram},
    },
};
use natdiag_common::{LinkType, names};

/// Most instructions that the verifier may go through: a tenth of what it would take (`BPF_COMPLEXITY_LIMIT_INSNS`).
const MOST_VERIFIED_INSTRUCTIONS: u32 = 100_000;

#[test]
fn the_verifier_accepts_every_program_at_little_cost() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIP the_verifier_accepts_every_program_at_little_cost: needs root");
        return;
    }
    let watching = [LinkType::Ethernet, LinkType::RawIp]
        .into_iter()
        .flat_map(|link_type| WatchProgram::ALL.map(|program| (link_type, program)));
    for (link_type, program) in watching {
        let mut object = WatchObject::open(LoadOptions::new(link_type)).unwrap();
        object
            .load(program)
            .unwrap_or_else(|error| panic!("{error}"));
        let Some(verified) = object.verified_instructions(program) else {
            println!("SKIP {program}: this kernel does not say how many instructions it verified");
            continue;
        };
        println!("{program} on {link_type:?}: {verified} instructions verified");
        assert_cheap(program.name(), verified);
    }
    let others = [LinkType::Ethernet, LinkType::RawIp]
        .into_iter()
        .flat_map(|link_type| [(link_type, FOLLOW_OBJECT), (link_type, SAMPLE_OBJECT)]);
    for (link_type, object) in others {
        let link_type = link_type as u8;
        let mut object = EbpfLoader::new()
            .override_global(names::GLOBAL_LINK_TYPE, &link_type, true)
            .load(object)
            .unwrap();
        for (name, program) in object.programs_mut() {
            let loaded = if let Program::Xdp(program) = program {
                program.load()
            } else {
                let program: &mut SchedClassifier = program.try_into().unwrap();
                program.load()
            };
            loaded.unwrap_or_else(|error| panic!("{error}"));
            let Some(verified) = program.info().unwrap().verified_instruction_count() else {
                println!("SKIP {name}: this kernel does not say how many instructions it verified");
                continue;
            };
            println!("{name}: {verified} instructions verified");
            assert_cheap(name, verified);
        }
    }
}

fn assert_cheap(program: &str, verified: u32) {
    assert!(
        verified < MOST_VERIFIED_INSTRUCTIONS,
        "{program}: {verified}"
    );
}
