//! What a watcher on an interface can and cannot see. Pure.

use super::Facts;
use crate::host::address::BehindNat;

/// What cannot be seen from an interface, one sentence each.
#[must_use]
pub fn blind_to(facts: &Facts) -> Vec<String> {
    let mut blind_to = Vec::new();
    if let Some(behind) = BehindNat::of(&facts.addresses) {
        let which = match behind {
            BehindNat::All => "private addresses only",
            BehindNat::Ipv4 => "private addresses of IPv4 only",
        };
        blind_to.push(format!(
            "{}: it has {which}; watch on the public side to see them",
            behind.dropped()
        ));
    }
    if facts.offloads.lro == Some(true) {
        blind_to.push(
            "single segments: LRO merges them in the device, so that packets are fewer than on the wire".to_owned(),
        );
    }
    blind_to
}

/// What a reader of the counts should know, one sentence each.
#[must_use]
pub fn remarks(facts: &Facts) -> Vec<String> {
    let mut remarks = Vec::new();
    if facts.offloads.gro == Some(true) {
        remarks.push(
            "GRO merges received segments between XDP and TC: at TC, packets are fewer than on the wire; fragments, \
             SYNs and RSTs are never merged"
                .to_owned(),
        );
    }
    if facts.offloads.tso == Some(true) || facts.offloads.gso == Some(true) {
        remarks.push(
            "TSO and GSO cut sent segments behind TC: sent packets are fewer than on the wire"
                .to_owned(),
        );
    }
    match facts.tracked {
        Some(0) => remarks.push(
            "connection tracking is loaded and tracks nothing here: fragments are seen as they came".to_owned(),
        ),
        Some(_) => remarks.push(
            "connection tracking puts fragments together, behind the hooks for received packets: these see each \
             fragment; what this host forwards, it fragments anew"
                .to_owned(),
        ),
        None => {}
    }
    if facts.link.kind.as_deref() == Some("veth") {
        remarks.push(
            "this end of a veth shows what the other end sends: fragments that the host's connection tracking put \
             together arrive here as it fragments them anew; watch the interface of the host to see the server's own"
                .to_owned(),
        );
    }
    remarks
}
