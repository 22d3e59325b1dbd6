//! What each unknown trouble does to a SYN.

use std::collections::{HashMap, VecDeque};

use natdiag_common::wire::tcp_options::TcpOptions;

use super::Kind;
use crate::evaluate::{dice::Dice, micros::as_u64, trouble::arrival::Arrival};

const SECOND_US: u64 = 1_000_000;
/// Flags of a SYN that asks for explicit congestion notification: ECE and CWR (RFC 3168, section 6.1.1).
const ECN: u8 = 0xc0;
/// Fewest and most ports that a NAT keeps for one host: Cloud NAT begins with 64, Azure and CGNATs give up to 1,024.
const NAT_PORTS: (f64, f64) = (64.0, 1024.0);
/// How long a port of a NAT rests when its connection is closed, in seconds.
const REST_S: [u64; 3] = [0, 60, 120];
/// Within how many seconds ports are used up that rest for a minute or two, and those that do not rest.
const WITHIN_S: (f64, f64) = (10.0, 100.0);
const BUSY_S: (f64, f64) = (0.3, 3.0);

/// What a client's SYN carries beside the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SynMark {
    /// Flags beside SYN.
    pub(crate) flags: u8,
    window_scale: Option<u8>,
    sack_permitted: bool,
}

impl SynMark {
    /// Puts its options beside those that are there.
    pub(crate) fn put_into(self, options: &mut TcpOptions) {
        options.window_scale = self.window_scale;
        options.sack_permitted = self.sack_permitted;
    }
}

/// An unknown trouble at work.
#[derive(Debug)]
pub(crate) struct Mechanism {
    rule: Rule,
    /// How much of what the rule hits is dropped.
    rate: f64,
    dice: Dice,
}

#[derive(Debug)]
enum Rule {
    /// As many transmissions of each connection.
    First {
        most: usize,
    },
    /// A client is new again when it was quiet for so long.
    New {
        quiet_us: u64,
        heard: HashMap<u32, u64>,
    },
    Option {
        mark: SynMark,
        /// Clients that ask for it; none where connections do at random.
        clients: Option<Vec<bool>>,
    },
    /// Rates by client, for one port or for all.
    Clients {
        rates: Vec<f64>,
        port: Option<u16>,
    },
    /// Source ports with these remainders.
    Ports {
        of: u16,
        hit: Vec<u16>,
    },
    /// Rates by the hash of the four-tuple.
    Hashes(Vec<f64>),
    Times(Vec<(u64, u64)>),
    /// Ports that are free, those that are in use, and when those that rest come free.
    NatPorts {
        ports: usize,
        in_use: usize,
        rest_us: u64,
        resting: VecDeque<u64>,
    },
    /// Timestamps with a bit set, or in a part of the circle.
    Bit(u32),
    Arc {
        from: u32,
        len: u32,
    },
    Race {
        within_us: u64,
        last_us: Option<u64>,
    },
}

impl Mechanism {
    /// Draws how a trouble works on so many clients, for a play of this length.
    pub(crate) fn draw(kind: Kind, dice: &mut Dice, clients: usize, length_us: u64) -> Self {
        let (rule, rate) = match kind {
            Kind::FirstSyns => {
                let most = 1 + usize::from(dice.happens(0.2));
                (Rule::First { most }, often(dice))
            }
            Kind::NewClients => {
                let quiet_us = as_u64(dice.scaled((0.5, 60.0)) * 1e6);
                let heard = HashMap::new();
                (Rule::New { quiet_us, heard }, often(dice))
            }
            Kind::Options => (option(dice, clients), often(dice)),
            Kind::Clients | Kind::ClientsAndPorts => {
                let port = (kind == Kind::ClientsAndPorts).then_some(443);
                let rates = rates(dice, clients, (0.2, 0.6));
                (Rule::Clients { rates, port }, 1.0)
            }
            Kind::SourcePorts => {
                let of = pick(dice, [2, 2, 3, 4, 8]);
                let hit = (0..of).filter(|_| dice.happens(0.5)).collect();
                (Rule::Ports { of, hit }, dice.between((0.2, 1.0)))
            }
            Kind::FourTuples => {
                let paths = 2 + dice.below(7) as usize;
                (Rule::Hashes(rates(dice, paths, (0.1, 0.9))), 1.0)
            }
            Kind::Times | Kind::SharedLine => {
                let times = times(dice, length_us);
                (Rule::Times(times), dice.between((0.3, 1.0)))
            }
            Kind::NatPorts => (nat_ports(dice), 1.0),
            Kind::Clocks => {
                let rule = if dice.happens(0.5) {
                    Rule::Bit(8 + dice.below(24))
                } else {
                    let (from, len) = (dice.bits(), dice.bits());
                    Rule::Arc { from, len }
                };
                (rule, often(dice))
            }
            Kind::Race => {
                let within_us = as_u64(dice.scaled((1e3, 2e4)));
                let last_us = None;
                (Rule::Race { within_us, last_us }, dice.between((0.2, 0.9)))
            }
        };
        Self {
            rule,
            rate,
            dice: Dice::new(u64::from(dice.bits()), 0),
        }
    }

    /// What a transmission of a client's SYN carries. What was asked for by flags is not asked for again
    /// (`tcp_ecn_clear_syn`).
    pub(crate) fn mark(&self, client: usize, hash: u32, attempt: usize) -> SynMark {
        let Rule::Option { mark, clients } = &self.rule else {
            return SynMark::default();
        };
        let carries = match clients {
            Some(clients) => clients.get(client).copied().unwrap_or(false),
            None => hash.is_multiple_of(2),
        };
        match (carries, attempt) {
            (false, _) => SynMark::default(),
            (true, 0) => *mark,
            (true, _) => SynMark { flags: 0, ..*mark },
        }
    }

    /// How many connections at once, and beside those of other plays, it takes to meet the trouble.
    pub(crate) fn wants(&self) -> Company {
        match &self.rule {
            Rule::NatPorts { ports, rest_us, .. } => Company::Many {
                ports: *ports,
                within_s: if *rest_us == 0 { BUSY_S } else { WITHIN_S },
            },
            Rule::Race { .. } => Company::Together,
            Rule::First { .. }
            | Rule::New { .. }
            | Rule::Option { .. }
            | Rule::Clients { .. }
            | Rule::Ports { .. }
            | Rule::Hashes(_)
            | Rule::Times(_)
            | Rule::Bit(_)
            | Rule::Arc { .. } => Company::Usual,
        }
    }

    /// Whether a SYN is dropped.
    pub(crate) fn drops(&mut self, arrival: Arrival) -> bool {
        let now = arrival.time_us;
        let mark = self.mark(arrival.client as usize, arrival.hash, arrival.attempt);
        let is_hit = match &mut self.rule {
            Rule::First { most } => arrival.attempt < *most,
            Rule::New { quiet_us, heard } => {
                let last = heard.insert(arrival.client, now);
                last.is_none_or(|last| now.saturating_sub(last) > *quiet_us)
            }
            Rule::Option { .. } => mark != SynMark::default(),
            Rule::Clients { rates, port } => {
                port.is_none_or(|port| port == arrival.port)
                    && is_by_rate(&mut self.dice, rates, arrival.client)
            }
            Rule::Ports { of, hit } => hit.contains(&(arrival.source_port % *of)),
            Rule::Hashes(rates) => is_by_rate(&mut self.dice, rates, arrival.hash),
            Rule::Times(times) => times.iter().any(|(from, to)| (*from..*to).contains(&now)),
            Rule::NatPorts {
                ports,
                in_use,
                resting,
                ..
            } => {
                while resting.pop_front_if(|at| *at <= now).is_some() {}
                let is_used_up = *in_use + resting.len() >= *ports;
                *in_use += usize::from(!is_used_up);
                is_used_up
            }
            Rule::Bit(bit) => arrival.tsval.is_some_and(|tsval| tsval >> *bit & 1 == 1),
            Rule::Arc { from, len } => arrival
                .tsval
                .is_some_and(|tsval| tsval.wrapping_sub(*from) < *len),
            Rule::Race { within_us, last_us } => {
                let last = last_us.replace(now);
                last.is_some_and(|last| now.saturating_sub(last) < *within_us)
            }
        };
        is_hit && self.dice.happens(self.rate)
    }

    /// A connection that was let through is closed.
    pub(crate) fn closed(&mut self, now: u64) {
        if let Rule::NatPorts {
            in_use,
            resting,
            rest_us,
            ..
        } = &mut self.rule
        {
            *in_use = in_use.saturating_sub(1);
            let at = now + *rest_us;
            let place = resting.partition_point(|other| *other <= at);
            resting.insert(place, at);
        }
    }
}

/// In what company connections have to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Company {
    /// As they come.
    Usual,
    /// About as many as a NAT has ports, within a time of this least and most length.
    Many { ports: usize, within_s: (f64, f64) },
    /// Several at the same moment.
    Together,
}

/// Half of what is hit up to all of it.
fn often(dice: &mut Dice) -> f64 {
    if dice.happens(0.5) {
        1.0
    } else {
        dice.between((0.5, 1.0))
    }
}

/// Some have rates within bounds, others none; one at least has one.
fn rates(dice: &mut Dice, count: usize, bounds: (f64, f64)) -> Vec<f64> {
    let mut rates: Vec<f64> = (0..count)
        .map(|_| {
            if dice.happens(0.5) {
                dice.between(bounds)
            } else {
                0.0
            }
        })
        .collect();
    if rates.iter().all(|rate| *rate == 0.0)
        && let Some(first) = rates.first_mut()
    {
        *first = dice.between(bounds);
    }
    rates
}

fn is_by_rate(dice: &mut Dice, rates: &[f64], place: u32) -> bool {
    let place = place as usize % rates.len().max(1);
    dice.happens(rates.get(place).copied().unwrap_or(0.0))
}

fn option(dice: &mut Dice, clients: usize) -> Rule {
    let mark = match dice.below(3) {
        0 => SynMark {
            flags: ECN,
            ..SynMark::default()
        },
        1 => SynMark {
            window_scale: Some(7),
            ..SynMark::default()
        },
        _ => SynMark {
            sack_permitted: true,
            ..SynMark::default()
        },
    };
    let clients = dice
        .happens(0.7)
        .then(|| (0..clients).map(|_| dice.happens(0.5)).collect());
    Rule::Option { mark, clients }
}

/// Some spells of any length, or one again and again.
fn times(dice: &mut Dice, length_us: u64) -> Vec<(u64, u64)> {
    let spell = as_u64(dice.scaled((0.3, 20.0)) * 1e6);
    if dice.happens(0.5) {
        let period = spell + as_u64(dice.scaled((1.0, 40.0)) * 1e6);
        let first = u64::from(dice.bits()) % period;
        let starts = (0_u64..100).map(|number| first + number * period);
        return starts.map(|start| (start, start + spell)).collect();
    }
    (0..=dice.below(4))
        .map(|_| {
            let start = u64::from(dice.bits()) % length_us.max(1);
            (start, start + spell)
        })
        .collect()
}

/// One of these, each as likely as another.
fn pick<T: Copy + Default, const N: usize>(dice: &mut Dice, from: [T; N]) -> T {
    let place = dice.below(u32::try_from(N).unwrap_or(u32::MAX));
    from.get(place as usize).copied().unwrap_or_default()
}

/// Ports that others leave of those that a NAT has.
fn nat_ports(dice: &mut Dice) -> Rule {
    let ports = as_u64(dice.scaled(NAT_PORTS) * dice.between((0.2, 1.0)));
    let rest = pick(dice, REST_S);
    Rule::NatPorts {
        ports: usize::try_from(ports).unwrap_or(usize::MAX),
        in_use: 0,
        rest_us: rest * SECOND_US,
        resting: VecDeque::new(),
    }
}
