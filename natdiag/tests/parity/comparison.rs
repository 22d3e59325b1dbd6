//! Many frames through a program and through the host, and the frames.

use natdiag::bpf::program::WatchProgram;
use natdiag_common::{
    LinkType,
    testkit::{Random, fixture, pcap::Evidence},
};

use crate::{kernel::Kernel, oracle::Oracle};

/// Random frames for each program, and as many damaged ones.
const FRAMES: usize = 4000;
/// Another seed for another run.
const SEED: &str = "NATDIAG_SEED";

fn seed() -> u64 {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    seed.unwrap_or(1)
}

/// Runs frames through a program and through the oracle, and compares after each.
pub(crate) fn compare(
    program: WatchProgram,
    link: LinkType,
    frames: impl IntoIterator<Item = Vec<u8>>,
) {
    let mut kernel = Kernel::open(program, link);
    let mut oracle = Oracle::new(kernel.direction(), link, kernel.cpu());
    let (mut run, mut refused) = (0, 0);
    for (number, frame) in frames.into_iter().enumerate() {
        let name = format!("parity {program} {number}");
        let _evidence = Evidence::new(&name, link, &frame);
        if kernel.refuses(&frame) {
            kernel.assert_refused(&frame);
            refused += 1;
            continue;
        }
        let seen = kernel.run(&frame);
        oracle.check(&frame, &seen, &mut kernel);
        run += 1;
    }
    oracle.check_sums(&mut kernel);
    println!("{program} {link:?}: {run} frames alike, {refused} refused by the call");
}

/// Random frames, then damaged ones.
pub(crate) fn random_frames(link: LinkType) -> impl Iterator<Item = Vec<u8>> {
    let seed = seed();
    println!("{SEED}={seed}");
    let mut random = Random::new(seed);
    (0..2 * FRAMES).map(move |number| {
        let mut frame = random.frame(link);
        if number >= FRAMES {
            random.mutate(&mut frame);
        }
        frame
    })
}

/// Each fixture, whole and cut at every octet of its headers.
pub(crate) fn fixtures(link: LinkType) -> impl Iterator<Item = Vec<u8>> {
    fixture::all().into_iter().flat_map(move |fixture| {
        let whole = fixture.on(link).to_vec();
        let cuts: Vec<_> = (0..whole.len().min(140))
            .map(|len| whole[..len].to_vec())
            .collect();
        [vec![whole], cuts].concat()
    })
}
