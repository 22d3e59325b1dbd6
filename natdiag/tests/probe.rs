//! The programs of active tests change the packets of the test and no others (`BPF_PROG_TEST_RUN`).
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail by a panic, and says why it was skipped"
)]

use aya::{
    Ebpf,
    maps::{Array, HashMap},
    programs::{SchedClassifier, TestRun as _, TestRunOptions},
};
use natdiag::bpf::probe::open_object;
use natdiag_common::{
    Address, LinkType, names,
    probe::{ProbeConnection, RemedyTrial, SET, WireEnds},
    testkit::{CLIENT, CLIENT_V6, Payload as _, Random, SERVER, SERVER_V6, Segment, tcp},
    wire::tcp::{ACK, SYN},
};

/// Frames of others that each program sees.
const FRAMES: usize = 10_000;
/// The ends of a connection of the test.
const LOCAL_PORT: u16 = 40_000;
const REMOTE_PORT: u16 = 443;
const COOKIE: u64 = u64::MAX;
const ISN: u32 = 7;
const SHIFT: u32 = 0x4000_0001;

/// The object with one connection of the test, in either family.
fn object(link: LinkType) -> Ebpf {
    let mut object = open_object(link).unwrap();
    let connections = object.map_mut(names::MAP_PROBE_CONNECTIONS).unwrap();
    let mut connections: HashMap<_, u64, ProbeConnection> = connections.try_into().unwrap();
    let connection = ProbeConnection {
        mode: SET,
        shift: SHIFT,
        isn: ISN,
        ..ProbeConnection::default()
    };
    connections.insert(COOKIE, connection, 0).unwrap();
    let ends = object.map_mut(names::MAP_PROBE_ENDS).unwrap();
    let mut ends: HashMap<_, WireEnds, u64> = ends.try_into().unwrap();
    for (local, remote) in [
        (CLIENT.into(), SERVER.into()),
        (
            Address::from_octets(CLIENT_V6.octets()),
            Address::from_octets(SERVER_V6.octets()),
        ),
    ] {
        let of_test = WireEnds {
            local,
            remote,
            local_port: LOCAL_PORT,
            remote_port: REMOTE_PORT,
            reserved: 0,
        };
        ends.insert(of_test, COOKIE, 0).unwrap();
    }
    object
}

/// The object with a trial towards the server, in either family.
fn object_with_trial(trial: RemedyTrial, link: LinkType) -> Ebpf {
    let mut object = open_object(link).unwrap();
    let trials = object.map_mut(names::MAP_TRIALS).unwrap();
    let mut trials: Array<_, RemedyTrial> = trials.try_into().unwrap();
    trials.set(0, trial, 0).unwrap();
    object
}

/// What becomes of a frame; `None` where the call takes no such frame.
fn run(object: &Ebpf, name: &str, frame: &[u8]) -> Option<Vec<u8>> {
    let program: &SchedClassifier = object.program(name).unwrap().try_into().unwrap();
    let mut out = vec![0; frame.len() + 64];
    let options = TestRunOptions {
        data_in: Some(frame),
        data_out: Some(&mut out),
        ..TestRunOptions::new()
    };
    let result = program.test_run(options).ok()?;
    assert_eq!(
        result.return_value,
        u32::MAX,
        "packets are only ever passed on"
    );
    out.truncate(result.data_size_out as usize);
    Some(out)
}

fn needs_root(test: &str) -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        println!("SKIP {test}: needs root");
    }
    !is_root
}

#[test]
fn packets_of_others_stay_as_they_are() {
    if needs_root("packets_of_others_stay_as_they_are") {
        return;
    }
    for link in [LinkType::Ethernet, LinkType::RawIp] {
        let object = object(link);
        for name in [names::PROGRAM_PROBE_INGRESS, names::PROGRAM_PROBE_EGRESS] {
            assert_keeps_all(&object, name, link, Random::new(1));
        }
    }
}

/// A program leaves so many packets of others as they are.
fn assert_keeps_all(object: &Ebpf, name: &str, link: LinkType, mut random: Random) {
    let mut taken = 0;
    for place in 0.. {
        let mut frame = random.frame(link);
        if place % 4 == 0 {
            random.mutate(&mut frame);
        }
        if let Some(out) = run(object, name, &frame) {
            assert!(out == frame, "{name}: {frame:02x?} became {out:02x?}");
            taken += 1;
        }
        if taken == FRAMES {
            break;
        }
    }
}

#[test]
fn neighbours_of_the_test_in_every_port_and_direction_stay_as_they_are() {
    if needs_root("neighbours_of_the_test_in_every_port_and_direction_stay_as_they_are") {
        return;
    }
    let object = object(LinkType::Ethernet);
    let segment = |ports: (u16, u16)| {
        tcp()
            .ports(ports.0, ports.1)
            .flags(SYN | ACK)
            .timestamps(1, 2)
    };
    for frame in [
        segment((REMOTE_PORT, LOCAL_PORT + 1))
            .in_ipv4(SERVER, CLIENT)
            .frame(),
        segment((REMOTE_PORT - 1, LOCAL_PORT))
            .in_ipv4(SERVER, CLIENT)
            .frame(),
        segment((REMOTE_PORT, LOCAL_PORT))
            .in_ipv4(CLIENT, SERVER)
            .frame(),
        segment((LOCAL_PORT, REMOTE_PORT))
            .in_ipv4(CLIENT, SERVER)
            .frame(),
        segment((REMOTE_PORT, LOCAL_PORT))
            .in_ipv4(SERVER, CLIENT)
            .first_fragment()
            .frame(),
    ] {
        for name in [names::PROGRAM_PROBE_INGRESS, names::PROGRAM_PROBE_EGRESS] {
            assert_eq!(run(&object, name, &frame).unwrap(), frame, "{name}");
        }
    }
}

#[test]
fn what_the_test_receives_has_its_echo_restored_and_a_right_checksum() {
    if needs_root("what_the_test_receives_has_its_echo_restored_and_a_right_checksum") {
        return;
    }
    let object = object(LinkType::Ethernet);
    let answer = || {
        tcp()
            .ports(REMOTE_PORT, LOCAL_PORT)
            .flags(SYN | ACK)
            .ack(ISN + 1)
    };
    let at_every_place: [fn(Segment) -> Segment; 3] = [
        |segment| segment,
        |segment| segment.raw_options(&[1]),
        |segment| segment.mss(1460).sack_permitted(),
    ];
    for before in at_every_place {
        let with_echo = |tsecr| before(answer()).timestamps(77, tsecr);
        for tsecr in [0, SHIFT, SHIFT - 1, u32::MAX, 0x1234_5678] {
            let restored = tsecr.wrapping_sub(SHIFT);
            for (frame, want) in [
                (
                    with_echo(tsecr).in_ipv4(SERVER, CLIENT).frame(),
                    with_echo(restored).in_ipv4(SERVER, CLIENT).frame(),
                ),
                (
                    with_echo(tsecr).in_ipv6(SERVER_V6, CLIENT_V6).frame(),
                    with_echo(restored).in_ipv6(SERVER_V6, CLIENT_V6).frame(),
                ),
            ] {
                let out = run(&object, names::PROGRAM_PROBE_INGRESS, &frame).unwrap();
                assert_eq!(out, want, "echo {tsecr:#x}");
            }
        }
    }
}

/// Never comes.
const LATER: u64 = u64::MAX;

fn clamp(remote: Address, deadline_ns: u64) -> RemedyTrial {
    RemedyTrial {
        deadline_ns,
        remote,
        mss: 1360,
        strip: 0,
    }
}

fn syn() -> Segment {
    tcp().ports(LOCAL_PORT, REMOTE_PORT).flags(SYN)
}

#[test]
fn a_trial_changes_no_packets_of_others() {
    if needs_root("a_trial_changes_no_packets_of_others") {
        return;
    }
    // Nobody has this address.
    let remote = Address::from_octets([0x20; 16]);
    let both = RemedyTrial {
        strip: 1,
        ..clamp(remote, LATER)
    };
    for link in [LinkType::Ethernet, LinkType::RawIp] {
        let object = object_with_trial(both, link);
        assert_keeps_all(&object, names::PROGRAM_TRIAL_EGRESS, link, Random::new(2));
    }
}

#[test]
fn a_trial_changes_syns_to_its_remote_host_and_nothing_else() {
    if needs_root("a_trial_changes_syns_to_its_remote_host_and_nothing_else") {
        return;
    }
    let object = object_with_trial(clamp(SERVER.into(), LATER), LinkType::Ethernet);
    let out = |frame: &[u8]| run(&object, names::PROGRAM_TRIAL_EGRESS, frame).unwrap();
    let changed = syn().mss(1460).timestamps(7, 0);
    let want = syn().mss(1360).timestamps(7, 0).in_ipv4(CLIENT, SERVER);
    assert_eq!(out(&changed.in_ipv4(CLIENT, SERVER).frame()), want.frame());
    for (name, kept) in [
        ("a smaller MSS", syn().mss(1359).in_ipv4(CLIENT, SERVER)),
        ("no MSS", syn().in_ipv4(CLIENT, SERVER)),
        (
            "a SYN-ACK",
            syn().flags(SYN | ACK).mss(1460).in_ipv4(CLIENT, SERVER),
        ),
        (
            "data",
            tcp()
                .ports(LOCAL_PORT, REMOTE_PORT)
                .flags(ACK)
                .timestamps(7, 8)
                .in_ipv4(CLIENT, SERVER),
        ),
        ("another host", syn().mss(1460).in_ipv4(SERVER, CLIENT)),
    ] {
        let frame = kept.frame();
        assert_eq!(out(&frame), frame, "{name}");
    }
}

#[test]
fn a_trial_takes_timestamps_out_of_syns_with_a_right_checksum() {
    if needs_root("a_trial_takes_timestamps_out_of_syns_with_a_right_checksum") {
        return;
    }
    for (remote, with, without) in [
        (
            SERVER.into(),
            syn()
                .mss(1460)
                .timestamps(0x1234_5678, 0)
                .in_ipv4(CLIENT, SERVER)
                .frame(),
            syn()
                .mss(1460)
                .raw_options(&[1; 10])
                .in_ipv4(CLIENT, SERVER)
                .frame(),
        ),
        (
            Address::from_octets(SERVER_V6.octets()),
            syn()
                .mss(1440)
                .timestamps(u32::MAX, 1)
                .in_ipv6(CLIENT_V6, SERVER_V6)
                .frame(),
            syn()
                .mss(1440)
                .raw_options(&[1; 10])
                .in_ipv6(CLIENT_V6, SERVER_V6)
                .frame(),
        ),
    ] {
        let trial = RemedyTrial {
            mss: 0,
            strip: 1,
            ..clamp(remote, LATER)
        };
        let object = object_with_trial(trial, LinkType::Ethernet);
        let out = run(&object, names::PROGRAM_TRIAL_EGRESS, &with).unwrap();
        assert_eq!(out, without);
    }
}

#[test]
fn a_trial_ends_at_its_deadline_without_anybody() {
    if needs_root("a_trial_ends_at_its_deadline_without_anybody") {
        return;
    }
    let object = object_with_trial(clamp(SERVER.into(), 1), LinkType::Ethernet);
    let frame = syn().mss(1460).in_ipv4(CLIENT, SERVER).frame();
    let out = run(&object, names::PROGRAM_TRIAL_EGRESS, &frame).unwrap();
    assert_eq!(out, frame);
}
