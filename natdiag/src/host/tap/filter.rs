//! A filter of classic BPF (`Documentation/networking/filter.rst`) for the packets of a few hosts, which begin with
//! their IP header.

use std::net::IpAddr;

use socket2::SockFilter;

use crate::value::network::Network;

/// `BPF_LD | BPF_B | BPF_ABS`, `BPF_LD | BPF_W | BPF_ABS`.
const LOAD_OCTET: u16 = 0x30;
const LOAD_WORD: u16 = 0x20;
/// `BPF_ALU | BPF_RSH | BPF_K`, `BPF_ALU | BPF_AND | BPF_K`.
const SHIFT_RIGHT: u16 = 0x74;
const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
const JUMP_IF_EQUAL: u16 = 0x15;
/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;
/// Octets that are kept of a packet: all.
const WHOLE: u32 = u32::MAX;

/// Places of the source and the destination address.
const PLACES_V4: [u32; 2] = [12, 16];
const PLACES_V6: [u32; 2] = [8, 24];

/// Takes packets from and to these hosts, and no others.
pub(super) fn of(hosts: &[Network]) -> Vec<SockFilter> {
    let mut program: Vec<_> = hosts.iter().flat_map(of_host).collect();
    program.push(SockFilter::new(RETURN, 0, 0, 0));
    program
}

/// Takes the packets of a network, or goes on behind.
fn of_host(host: &Network) -> Vec<SockFilter> {
    let (version, places, address) = match host.address {
        IpAddr::V4(address) => (4, PLACES_V4, address.octets().to_vec()),
        IpAddr::V6(address) => (6, PLACES_V6, address.octets().to_vec()),
    };
    let comparisons: Vec<_> = places
        .into_iter()
        .flat_map(|place| comparison(place, &address, host.prefix_len))
        .collect();
    let behind = u8::try_from(comparisons.len()).unwrap_or(u8::MAX);
    let mut program = vec![
        SockFilter::new(LOAD_OCTET, 0, 0, 0),
        SockFilter::new(SHIFT_RIGHT, 0, 0, 4),
        SockFilter::new(JUMP_IF_EQUAL, 0, behind, version),
    ];
    program.extend(comparisons);
    program
}

/// Takes a packet whose address at a place is of a network, word by word.
fn comparison(place: u32, address: &[u8], prefix_len: u8) -> Vec<SockFilter> {
    let (words, _) = address.as_chunks::<4>();
    let offsets = (place..).step_by(4);
    let bits = (0..).step_by(32);
    let wanted: Vec<_> = words
        .iter()
        .zip(offsets)
        .zip(bits)
        .map(|((word, offset), before)| {
            let here = u32::from(prefix_len).saturating_sub(before).min(32);
            let mask = u32::MAX.checked_shl(32 - here).unwrap_or_default();
            (offset, u32::from_be_bytes(*word), mask)
        })
        .filter(|(_, _, mask)| *mask != 0)
        .collect();
    let mut program = Vec::new();
    for (left, (offset, word, mask)) in (1..=wanted.len()).rev().zip(wanted) {
        // Behind the words that are left, each three instructions long, and behind the return.
        let behind = u8::try_from((left - 1) * 3 + 1).unwrap_or(u8::MAX);
        program.extend([
            SockFilter::new(LOAD_WORD, 0, 0, offset),
            SockFilter::new(AND, 0, 0, mask),
            SockFilter::new(JUMP_IF_EQUAL, 0, behind, word),
        ]);
    }
    program.push(SockFilter::new(RETURN, 0, 0, WHOLE));
    program
}
