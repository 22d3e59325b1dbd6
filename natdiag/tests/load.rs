//! The programs as the kernel's verifier sees them.

use aya::{EbpfLoader, programs::SchedClassifier};
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
    for program in WatchProgram::ALL {
        let mut object = WatchObject::open(LoadOptions::new(LinkType::Ethernet)).unwrap();
        object
            .load(program)
            .unwrap_or_else(|error| panic!("{error}"));
        let Some(verified) = object.verified_instructions(program) else {
            println!("SKIP {program}: this kernel does not say how many instructions it verified");
            continue;
        };
        println!("{program}: {verified} instructions verified");
        assert_cheap(program.name(), verified);
    }
    for (object, names) in [
        (
            FOLLOW_OBJECT,
            [names::PROGRAM_FOLLOW_INGRESS, names::PROGRAM_FOLLOW_EGRESS],
        ),
        (
            SAMPLE_OBJECT,
            [names::PROGRAM_SAMPLE_INGRESS, names::PROGRAM_SAMPLE_EGRESS],
        ),
    ] {
        let mut object = EbpfLoader::new().load(object).unwrap();
        for name in names {
            let program: &mut SchedClassifier =
                object.program_mut(name).unwrap().try_into().unwrap();
            program.load().unwrap_or_else(|error| panic!("{error}"));
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
