//! What userspace and the object call their programs, maps and globals.

use natdiag::{FOLLOW_OBJECT, PROBE_OBJECT, SAMPLE_OBJECT, WATCH_OBJECT};
use natdiag_common::names;

const PROGRAMS: [&str; 4] = [
    names::PROGRAM_XDP,
    names::PROGRAM_XDP_FRAGS,
    names::PROGRAM_TC_INGRESS,
    names::PROGRAM_TC_EGRESS,
];
const MAPS_AND_GLOBALS: [&str; 10] = [
    names::MAP_TOTALS,
    names::MAP_REMOTE_SLOTS,
    names::MAP_SPILLS,
    names::MAP_RECORDS,
    names::MAP_SAMPLE_ONE_IN,
    names::MAP_SAMPLER_XDP,
    names::MAP_SAMPLER_XDP_FRAGS,
    names::MAP_SAMPLER_INGRESS,
    names::MAP_SAMPLER_EGRESS,
    names::GLOBAL_LINK_TYPE,
];

const FOLLOWING: [&str; 6] = [
    names::PROGRAM_FOLLOW_INGRESS,
    names::PROGRAM_FOLLOW_EGRESS,
    names::MAP_SUSPECTS,
    names::MAP_FOLLOW_COUNTS,
    names::MAP_FLOWS,
    names::GLOBAL_LINK_TYPE,
];

const SAMPLING: [&str; 8] = [
    names::PROGRAM_SAMPLE_XDP,
    names::PROGRAM_SAMPLE_XDP_FRAGS,
    names::PROGRAM_SAMPLE_INGRESS,
    names::PROGRAM_SAMPLE_EGRESS,
    names::MAP_SAMPLE_ONE_IN,
    names::MAP_SAMPLES,
    names::MAP_SAMPLES_MISSED,
    names::GLOBAL_LINK_TYPE,
];

const PROBING: [&str; 8] = [
    names::PROGRAM_PROBE_INGRESS,
    names::PROGRAM_PROBE_EGRESS,
    names::MAP_PROBE_CONNECTIONS,
    names::MAP_PROBE_ENDS,
    names::PROGRAM_TRIAL_EGRESS,
    names::MAP_TRIALS,
    names::MAP_TRIED_SYNS,
    names::GLOBAL_LINK_TYPE,
];

#[test]
fn every_name_is_in_its_object() {
    let watching = PROGRAMS.into_iter().chain(MAPS_AND_GLOBALS);
    for (object, name) in watching
        .map(|name| (WATCH_OBJECT, name))
        .chain(FOLLOWING.map(|name| (FOLLOW_OBJECT, name)))
        .chain(SAMPLING.map(|name| (SAMPLE_OBJECT, name)))
        .chain(PROBING.map(|name| (PROBE_OBJECT, name)))
    {
        // Tables of strings in ELF hold each between zeros.
        let entry = [b"\0", name.as_bytes(), b"\0"].concat();
        let is_there = object.windows(entry.len()).any(|octets| octets == entry);
        assert!(is_there, "{name}");
    }
}

#[test]
fn the_kernel_cuts_no_name() {
    // `BPF_OBJ_NAME_LEN` is 16, its last octet zero (include/uapi/linux/bpf.h).
    let watching = PROGRAMS.into_iter().chain(MAPS_AND_GLOBALS);
    for name in watching.chain(FOLLOWING).chain(SAMPLING).chain(PROBING) {
        assert!(name.len() <= 15, "{name}");
    }
}
