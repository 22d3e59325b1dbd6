//! Named packets, one of every kind that natdiag tells apart: for tables, for parity, and as seeds of fuzzing.

use super::{
    CLIENT, CLIENT_V6, Ipv4, Ipv6, Packet, Payload as _, SERVER, SERVER_V6, Segment, echo_request,
    ethernet, fragmentation_needed, packet_too_big, raw, tcp, time_exceeded, udp, unreachable,
};
use crate::LinkType;

/// A frame with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// What it is.
    pub name: &'static str,
    /// The packet from its IP header; for frames without IP what follows Ethernet.
    pub packet: Vec<u8>,
    /// The packet in its frame.
    pub frame: Vec<u8>,
}

impl Fixture {
    /// The octets as a device of this type has them.
    #[must_use]
    pub fn on(&self, link: LinkType) -> &[u8] {
        match link {
            LinkType::Ethernet => &self.frame,
            LinkType::RawIp => &self.packet,
        }
    }
}

/// All fixtures. The far side is the source, but for those named "sent".
#[must_use]
pub fn all() -> Vec<Fixture> {
    [segments(), fragments(), errors(), links(), extensions()].concat()
}

fn v4(name: &'static str, packet: &Packet<Ipv4>) -> Fixture {
    Fixture {
        name,
        packet: packet.octets(),
        frame: packet.frame(),
    }
}

fn v6(name: &'static str, packet: &Packet<Ipv6>) -> Fixture {
    Fixture {
        name,
        packet: packet.octets(),
        frame: packet.frame(),
    }
}

fn syn() -> Segment {
    tcp()
        .syn()
        .mss(1460)
        .sack_permitted()
        .timestamps(7, 0)
        .window_scale(7)
}

fn received(segment: &Segment) -> Packet<Ipv4> {
    segment.clone().ports(443, 40000).in_ipv4(SERVER, CLIENT)
}

fn received_v6(segment: &Segment) -> Packet<Ipv6> {
    let segment = segment.clone().ports(443, 40000);
    segment.in_ipv6(SERVER_V6, CLIENT_V6)
}

fn segments() -> Vec<Fixture> {
    let syn_ack = syn().ack(1001);
    vec![
        v4("SYN sent", &syn().in_ipv4(CLIENT, SERVER).dont_fragment()),
        v4("SYN received", &received(&syn())),
        v4("SYN without options", &received(&tcp().syn())),
        v4("SYN-ACK", &received(&syn_ack)),
        v4("ACK", &received(&tcp().ack(1001).timestamps(8, 7))),
        v4("data", &received(&tcp().ack(1001).data_len(1400))),
        v4("FIN", &received(&tcp().fin().ack(1001))),
        v4(
            "RST that answers a SYN",
            &received(&tcp().seq(0).rst().ack(1001)),
        ),
        v4("RST without ACK", &received(&tcp().seq(0).rst())),
        v4("RST of a connection", &received(&tcp().rst().ack(1001))),
        v4("RST sent", &tcp().rst().in_ipv4(CLIENT, SERVER)),
        v4(
            "40 octets of options",
            &received(&syn().raw_options(&[1; 20])),
        ),
        v4("IPv4 options", &received(&syn()).options(&[1; 40])),
        v6("IPv6 SYN sent", &syn().in_ipv6(CLIENT_V6, SERVER_V6)),
        v6("IPv6 SYN-ACK", &received_v6(&syn_ack)),
        v6("IPv6 ACK", &received_v6(&tcp().ack(1001))),
        v6(
            "IPv6 RST that answers a SYN",
            &received_v6(&tcp().seq(0).rst().ack(1001)),
        ),
        v4("UDP", &udp().data_len(100).in_ipv4(SERVER, CLIENT)),
        v6(
            "IPv6 UDP",
            &udp().data_len(100).in_ipv6(SERVER_V6, CLIENT_V6),
        ),
        v4("GRE", &raw(47, &[0; 40]).in_ipv4(SERVER, CLIENT)),
    ]
}

fn fragments() -> Vec<Fixture> {
    let data = tcp().ack(1001).data_len(1000);
    let whole = received(&data);
    let whole_v6 = received_v6(&data);
    vec![
        v4("first fragment", &whole.clone().first_fragment()),
        v4("middle fragment", &whole.clone().middle_fragment(1480)),
        v4("later fragment", &whole.clone().later_fragment(2960)),
        v4(
            "fragment with DF",
            &whole.clone().dont_fragment().first_fragment(),
        ),
        v4(
            "tiny first fragment",
            &whole.clone().first_fragment().payload_cut_to(8),
        ),
        v4(
            "empty later fragment",
            &whole.clone().later_fragment(8).payload_cut_to(0),
        ),
        v4(
            "later fragment at the end of the field",
            &whole.clone().later_fragment(65528),
        ),
        v4(
            "first fragment of a SYN",
            &received(&syn()).first_fragment(),
        ),
        v4(
            "fragment sent",
            &data.in_ipv4(CLIENT, SERVER).first_fragment(),
        ),
        v4(
            "UDP fragment",
            &udp().data_len(800).in_ipv4(SERVER, CLIENT).first_fragment(),
        ),
        v4(
            "ICMP fragment",
            &echo_request(1, 1, 800)
                .in_ipv4(SERVER, CLIENT)
                .first_fragment(),
        ),
        v4(
            "GRE fragment",
            &raw(47, &[0; 80])
                .in_ipv4(SERVER, CLIENT)
                .later_fragment(800),
        ),
        v6("IPv6 first fragment", &whole_v6.clone().first_fragment()),
        v6(
            "IPv6 middle fragment",
            &whole_v6.clone().middle_fragment(1232),
        ),
        v6(
            "IPv6 later fragment",
            &whole_v6.clone().later_fragment(2464),
        ),
        v6("atomic fragment", &whole_v6.clone().atomic_fragment()),
        v6(
            "atomic fragment of a SYN",
            &received_v6(&syn()).atomic_fragment(),
        ),
        v6(
            "IPv6 tiny first fragment",
            &whole_v6.first_fragment().payload_cut_to(8),
        ),
        v6(
            "ICMPv6 fragment",
            &echo_request(1, 1, 800)
                .in_ipv6(SERVER_V6, CLIENT_V6)
                .later_fragment(800),
        ),
    ]
}

fn errors() -> Vec<Fixture> {
    let quoted = tcp()
        .ack(1001)
        .data_len(400)
        .in_ipv4(CLIENT, SERVER)
        .octets();
    let quoted_v6 = tcp()
        .ack(1001)
        .data_len(400)
        .in_ipv6(CLIENT_V6, SERVER_V6)
        .octets();
    let router = std::net::Ipv4Addr::new(192, 0, 2, 1);
    let router_v6 = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
    let head = quoted.get(..28).unwrap_or_default();
    let stump = quoted.get(..12).unwrap_or_default();
    let head_v6 = quoted_v6.get(..48).unwrap_or_default();
    vec![
        v4(
            "fragmentation needed",
            &fragmentation_needed(1400, head).in_ipv4(router, CLIENT),
        ),
        v4(
            "fragmentation needed, long quotation",
            &fragmentation_needed(1400, &quoted).in_ipv4(router, CLIENT),
        ),
        v4(
            "fragmentation needed sent",
            &fragmentation_needed(1400, head).in_ipv4(CLIENT, SERVER),
        ),
        v4(
            "error that quotes too little",
            &fragmentation_needed(1400, stump).in_ipv4(router, CLIENT),
        ),
        v4(
            "port unreachable",
            &unreachable(head).in_ipv4(SERVER, CLIENT),
        ),
        v4(
            "time exceeded",
            &time_exceeded(head).in_ipv4(router, CLIENT),
        ),
        v4(
            "echo request",
            &echo_request(1, 1, 56).in_ipv4(SERVER, CLIENT),
        ),
        v4(
            "error in a fragment",
            &unreachable(&quoted)
                .in_ipv4(router, CLIENT)
                .first_fragment(),
        ),
        v6(
            "packet too big",
            &packet_too_big(1280, &quoted_v6).in_ipv6(router_v6, CLIENT_V6),
        ),
        v6(
            "IPv6 port unreachable",
            &unreachable(head_v6).in_ipv6(SERVER_V6, CLIENT_V6),
        ),
        v6(
            "IPv6 time exceeded",
            &time_exceeded(head_v6).in_ipv6(router_v6, CLIENT_V6),
        ),
        v6(
            "IPv6 echo request",
            &echo_request(1, 1, 56).in_ipv6(SERVER_V6, CLIENT_V6),
        ),
    ]
}

fn links() -> Vec<Fixture> {
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &[0; 20]].concat();
    vec![
        v4("one VLAN tag", &received(&syn()).vlan(5)),
        v4(
            "service tag and VLAN tag",
            &received(&syn()).service_vlan(6).vlan(5),
        ),
        v4(
            "three VLAN tags",
            &received(&syn()).service_vlan(7).vlan(6).vlan(5),
        ),
        v6(
            "IPv6 fragment in a VLAN",
            &received_v6(&syn()).later_fragment(800).vlan(5),
        ),
        Fixture {
            name: "ARP",
            frame: ethernet(0x0806, &arp),
            packet: arp,
        },
    ]
}

fn extensions() -> Vec<Fixture> {
    let plain = received_v6(&syn());
    let mut eight = plain.clone();
    for _ in 0..8 {
        eight = eight.destination_options();
    }
    let chain = plain.clone().hop_by_hop().routing().destination_options();
    vec![
        v6("Hop-by-Hop Options", &plain.clone().hop_by_hop()),
        v6("chain of three", &chain),
        v6(
            "chain of three and a fragment",
            &chain.clone().later_fragment(1232),
        ),
        v6(
            "fragment and Destination Options",
            &plain.clone().first_fragment().destination_options(),
        ),
        v6("Authentication Header", &plain.clone().authentication()),
        v6("Mobility", &plain.clone().mobility()),
        v6("eight extension headers", &eight),
        v6("nine extension headers", &eight.destination_options()),
        v6(
            "two Fragment headers",
            &plain.clone().first_fragment().extension(44, 0, 8),
        ),
        v6("extension past the end", &plain.extension(60, 255, 8)),
    ]
}
