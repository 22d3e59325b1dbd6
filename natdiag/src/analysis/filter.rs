//! Which remote hosts and connections are looked at. Pure, and the same for live traffic and captures.
//!
//! Counters belong to a remote host, so that `locals` and `ports` cannot take them apart: they choose whose SYNs,
//! closings and fragments are judged. Later fragments have no ports and pass.

use std::{fmt, net::IpAddr};

use natdiag_common::follow::FlowEnds;

use crate::{
    analysis::service::Port,
    event::{Content, Event},
    value::network::Network,
};

/// What is looked at; an empty list stands for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Networks of the far side.
    pub remotes: Vec<Network>,
    /// Networks of the near side.
    pub locals: Vec<Network>,
    /// TCP ports, of either end.
    pub ports: Vec<u16>,
}

impl Filter {
    /// Whether anything is left out.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self != Self::default()
    }

    /// Whether the remote host alone decides.
    #[must_use]
    pub fn is_about_remotes(&self) -> bool {
        self.is_on() && self.locals.is_empty() && self.ports.is_empty()
    }

    /// Whether a remote host is looked at.
    #[must_use]
    pub fn admits_remote(&self, remote: IpAddr) -> bool {
        is_in(&self.remotes, remote)
    }

    /// Whether an event is looked at.
    #[must_use]
    pub fn admits(&self, event: &Event) -> bool {
        if !self.is_on() {
            return true;
        }
        let ends = Ends::of(event);
        self.admits_hosts(&ends) && ends.ports.is_none_or(|ports| self.admits_ports(ports))
    }

    /// Whether a connection is looked at.
    #[must_use]
    pub fn admits_connection(&self, ends: &FlowEnds) -> bool {
        !self.is_on()
            || self.admits_remote(ends.remote.into())
                && is_in(&self.locals, ends.local.into())
                && self.admits_ports((ends.local_port, ends.remote_port))
    }

    /// Whether an event is what is looked for: of one without ports that is not known where ports are asked for.
    #[must_use]
    pub fn is_matched(&self, event: &Event) -> bool {
        let ends = Ends::of(event);
        let has_port = ends
            .ports
            .map_or(self.ports.is_empty(), |ports| self.admits_ports(ports));
        self.is_on() && has_port && self.admits_hosts(&ends)
    }

    fn admits_hosts(&self, ends: &Ends) -> bool {
        self.admits_remote(ends.remote) && is_in(&self.locals, ends.local)
    }

    fn admits_ports(&self, (source, destination): (u16, u16)) -> bool {
        self.ports.is_empty() || self.ports.contains(&source) || self.ports.contains(&destination)
    }
}

/// Between whom something was seen.
struct Ends {
    remote: IpAddr,
    local: IpAddr,
    ports: Option<(u16, u16)>,
}

impl Ends {
    fn of(event: &Event) -> Self {
        let ends = |ports| Self {
            remote: event.remote(),
            local: event.local(),
            ports,
        };
        match &event.content {
            Content::Segment(segment) => {
                ends(Some((segment.source_port, segment.destination_port)))
            }
            // An error is about the packet that it quotes, which went from here.
            Content::IcmpError(error) => error.quoted.as_ref().map_or_else(
                || ends(None),
                |quoted| Self {
                    remote: quoted.destination,
                    local: quoted.source,
                    ports: quoted
                        .tcp
                        .map(|(source, destination, _)| (source, destination)),
                },
            ),
            Content::Other => ends(None),
        }
    }
}

impl fmt::Display for Filter {
    /// What is looked at, such as ``remote hosts in 203.0.113.0/24 and TCP port 443``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for (networks, whose) in [
            (&self.remotes, "remote hosts"),
            (&self.locals, "local hosts"),
        ] {
            if !networks.is_empty() {
                parts.push(format!("{whose} in {}", joined(networks)));
            }
        }
        if !self.ports.is_empty() {
            let noun = if self.ports.len() == 1 {
                "port"
            } else {
                "ports"
            };
            let ports: Vec<_> = self.ports.iter().map(|port| Port(*port)).collect();
            parts.push(format!("TCP {noun} {}", joined(&ports)));
        }
        f.write_str(&parts.join(" and "))
    }
}

fn is_in(networks: &[Network], address: IpAddr) -> bool {
    networks.is_empty() || networks.iter().any(|network| network.contains(address))
}

fn joined(items: &[impl fmt::Display]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use natdiag_common::{
        Direction,
        wire::{seq::SeqNumber, tcp, tcp_options::TcpOptions},
    };

    use super::*;
    use crate::event::{IcmpError, QuotedPacket, Segment, Timestamp};

    const LOCAL: &str = "192.0.2.1";
    const REMOTE: &str = "203.0.113.80";

    fn filter(remotes: &[&str], locals: &[&str], ports: &[u16]) -> Filter {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Filter {
            remotes: networks(remotes),
            locals: networks(locals),
            ports: ports.to_vec(),
        }
    }

    fn event(content: Content) -> Event {
        Event {
            time: Timestamp(0),
            direction: Direction::Egress,
            source: LOCAL.parse().unwrap(),
            destination: REMOTE.parse().unwrap(),
            ttl: 64,
            protocol: 6,
            dont_fragment: false,
            identification: 0,
            total_len: 60,
            fragment: None,
            content,
        }
    }

    fn syn() -> Event {
        event(Content::Segment(Segment {
            source_port: 40000,
            destination_port: 443,
            seq: SeqNumber(1),
            ack: SeqNumber(0),
            flags: tcp::SYN,
            window: 0,
            payload_len: 0,
            options: TcpOptions::default(),
        }))
    }

    /// A router's error about a SYN of ours.
    fn error() -> Event {
        let quoted = QuotedPacket {
            source: LOCAL.parse().unwrap(),
            destination: REMOTE.parse().unwrap(),
            protocol: 6,
            tcp: Some((40000, 443, SeqNumber(1))),
        };
        Event {
            direction: Direction::Ingress,
            source: "198.51.100.1".parse().unwrap(),
            destination: LOCAL.parse().unwrap(),
            ..event(Content::IcmpError(IcmpError {
                icmp_type: 3,
                code: 1,
                mtu: None,
                quoted: Some(quoted),
            }))
        }
    }

    #[test]
    fn events_pass_by_remote_local_and_port() {
        for (filter, want) in [
            (Filter::default(), true),
            (filter(&["203.0.113.0/24"], &[], &[]), true),
            (filter(&["198.51.100.0/24"], &[], &[]), false),
            (filter(&["198.51.100.0/24", "203.0.113.80"], &[], &[]), true),
            (filter(&[], &["192.0.2.0/24"], &[]), true),
            (filter(&[], &["203.0.113.0/24"], &[]), false),
            (filter(&[], &[], &[443]), true),
            (filter(&[], &[], &[40000]), true),
            (filter(&[], &[], &[80, 8080]), false),
            (filter(&["203.0.113.80"], &["192.0.2.1"], &[80]), false),
        ] {
            assert_eq!(filter.admits(&syn()), want, "SYN, {filter:?}");
            assert_eq!(filter.admits(&error()), want, "error about it, {filter:?}");
        }
    }

    #[test]
    fn fragment_without_ports_passes_a_filter_of_ports() {
        assert!(filter(&[], &[], &[443]).admits(&event(Content::Other)));
    }

    #[test]
    fn filter_is_told_in_words() {
        let filter = filter(&["203.0.113.0/24", "2001:db8::1"], &[], &[80, 443]);
        assert_eq!(
            filter.to_string(),
            "remote hosts in 203.0.113.0/24, 2001:db8::1/128 and TCP ports 80 (http), 443 (https)"
        );
    }
}
