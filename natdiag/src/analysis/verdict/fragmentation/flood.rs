//! Fragments that nobody makes by mistake: floods from one host, or from many forged addresses.

use super::super::case::{Case, finding};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fragments::Datagrams,
};

/// Tiny or overlapping datagrams of one host from which on it is an attack: nobody sends so many by mistake.
const FLOOD: u64 = 50;
/// Hosts that each sent nothing but tiny first fragments from which on it is an attack from forged addresses.
const SCATTERED_FLOOD: u64 = 100;
/// Links do not make tiny fragments: of such series about one in thirty is somebody's experiment.
const DELIBERATE: f64 = 0.97;

/// Whether a host has sent nothing but tiny first fragments, of datagrams that never became complete.
#[must_use]
pub fn is_junk(datagrams: &Datagrams) -> bool {
    datagrams.tiny > 0
        && datagrams.tiny == datagrams.opened
        && datagrams.complete.iter().all(|complete| *complete == 0)
}

/// A flood of tiny fragments from many addresses.
#[must_use]
pub fn scattered_flood(hosts: u64) -> Option<Finding> {
    (hosts >= SCATTERED_FLOOD).then(|| {
        let summary = format!(
            "{hosts} hosts have sent nothing but tiny first fragments, whose datagrams never became complete: an attack from forged addresses"
        );
        Finding {
            confidence: DELIBERATE,
            ..finding(
                Cause::FragmentFlood,
                Severity::Warning,
                summary,
                vec![("hosts", Evidence::Count(hosts))],
                flood_remedy(),
            )
        }
    })
}

pub(super) fn flood(case: &Case) -> Option<Finding> {
    let datagrams = &case.datagrams;
    let complete: u64 = datagrams.complete.iter().sum();
    let incomplete: u64 = datagrams.incomplete.iter().sum::<u64>() + datagrams.unobserved;
    let is_tiny = datagrams.tiny >= FLOOD && datagrams.tiny * 2 > datagrams.opened;
    let is_overlapping = datagrams.overlapping >= FLOOD;
    if !(is_tiny && incomplete >= complete || is_overlapping) {
        return None;
    }
    let summary = format!(
        "a flood of fragments: {} of {} first fragments are smaller than any link makes them, {} datagrams overlap, {complete} became complete",
        datagrams.tiny, datagrams.opened, datagrams.overlapping
    );
    let evidence = vec![
        ("tiny_first_fragments", Evidence::Count(datagrams.tiny)),
        ("first_fragments", Evidence::Count(datagrams.opened)),
        (
            "overlapping_datagrams",
            Evidence::Count(datagrams.overlapping),
        ),
        ("datagrams_complete", Evidence::Count(complete)),
        ("datagrams_incomplete", Evidence::Count(incomplete)),
    ];
    let why = "neither a host nor a router cuts so small";
    Some(Finding {
        confidence: DELIBERATE,
        excluded: [Cause::EndpointFragmentation, Cause::PathFragmentation]
            .map(|cause| Alternative {
                cause,
                why: why.to_owned(),
            })
            .into(),
        ..finding(
            Cause::FragmentFlood,
            Severity::Warning,
            summary,
            evidence,
            flood_remedy(),
        )
    })
}

/// Fragments that are too small for any link, and too few for a flood: somebody makes them on purpose.
pub(super) fn deliberate(
    fragments: u64,
    largest: u64,
    evidence: Vec<(&'static str, Evidence)>,
) -> Finding {
    let summary = format!(
        "{fragments} fragments of TCP are made on purpose: the largest first one has {largest} octets, and no link has an MTU of less than 68"
    );
    Finding {
        confidence: DELIBERATE,
        ..finding(
            Cause::FragmentFlood,
            Severity::Info,
            summary,
            evidence,
            flood_remedy(),
        )
    }
}

fn flood_remedy() -> Vec<String> {
    vec![
        "drop tiny fragments before connection tracking: `nft add rule inet raw prerouting ip frag-off & 0x3fff != 0 ip length < 256 drop`".to_owned(),
    ]
}
