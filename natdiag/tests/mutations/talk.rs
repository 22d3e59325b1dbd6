//! One conversation as it is made, segment by segment: numbers, timestamps and times that a watcher between both ends
//! would see.

use std::{net::IpAddr, time::Duration};

use natdiag_common::{
    testkit::{Payload as _, Random, tcp},
    wire::tcp::{ACK, FIN, SYN},
};

use crate::{
    host::{Clock, Host, Identification, Neighbourhood, us},
    packet::Packet,
};

/// What the sender wants to be handed on at once (RFC 9293, section 3.9.1.2).
pub(crate) const PSH: u8 = 0x08;
/// Flags of explicit congestion notification (RFC 3168).
const ECE: u8 = 0x40;
const CWR: u8 = 0x80;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The client.
    Ours,
    /// The server.
    Theirs,
}
use Who::{Ours, Theirs};

/// What one end knows.
#[derive(Clone, Copy, Debug)]
struct End {
    host: Host,
    port: u16,
    /// The number of its next octet.
    seq: u32,
    /// Base of its timestamps.
    base: Option<u32>,
    /// The newest timestamp of the other end.
    newest: u32,
    identification: u16,
    window: u16,
}

impl End {
    /// Its timestamp at a time: milliseconds since its base.
    fn tsval(&self, time: Duration) -> Option<u32> {
        let ms = u32::try_from(time.as_millis() & 0xffff_ffff).unwrap();
        self.base.map(|base| base.wrapping_add(ms))
    }
}

/// A conversation between a client and the server of a neighbourhood.
pub(crate) struct Talk<'a> {
    pub(crate) between: &'a Neighbourhood,
    pub(crate) random: &'a mut Random,
    /// The time at the watcher.
    pub(crate) now: Duration,
    ours: End,
    theirs: End,
    /// Who sent last.
    last: Who,
    packets: Vec<Packet>,
}

impl<'a> Talk<'a> {
    /// A client begins to talk from a port, at a time.
    pub(crate) fn new(
        between: &'a Neighbourhood,
        random: &'a mut Random,
        client: usize,
        port: u16,
        now: Duration,
    ) -> Self {
        let client = between.clients[client];
        let both =
            !matches!(client.clock, Clock::None) && !matches!(between.server.clock, Clock::None);
        let mut end = |host: Host, port| End {
            host,
            port,
            seq: random.u32(),
            base: match host.clock {
                Clock::Fixed(base) => Some(base),
                Clock::PerConnection => Some(random.u32()),
                Clock::None => None,
            },
            newest: 0,
            identification: random.u16(),
            window: 64_240,
        };
        let ours = end(client, port);
        let mut theirs = end(between.server, between.server_port);
        theirs.base = theirs.base.filter(|_| both);
        Self {
            ours,
            theirs,
            between,
            random,
            now,
            last: Ours,
            packets: Vec::new(),
        }
    }

    /// What was said, in the order of its times.
    pub(crate) fn packets(self) -> Vec<Packet> {
        crate::packet::in_order(self.packets)
    }

    /// SYN, SYN-ACK, ACK.
    pub(crate) fn shake_hands(&mut self) {
        let ecn = if self.between.asks_for_ecn {
            (ECE | CWR, ECE)
        } else {
            (0, 0)
        };
        self.say(Ours, SYN | ecn.0, 0);
        self.say(Theirs, SYN | ACK | ecn.1, 0);
        // Without the server's consent there are none.
        self.ours.base = self.ours.base.filter(|_| self.theirs.base.is_some());
        self.say(Ours, ACK, 0);
    }

    /// Nobody says anything for a while.
    pub(crate) fn rest(&mut self, time: Duration) {
        self.now += time;
    }

    /// Octets that one side sends in one go, with the other side's ACKs among them.
    pub(crate) fn stream(&mut self, who: Who, mut left: usize) {
        let mut window = 10;
        let merged = if self.between.merges_segments { 3 } else { 1 };
        let segment = self.data_in_a_segment(who) * merged;
        let (way, back) = self.ways(who);
        while left > 0 {
            let mut acks = Vec::new();
            for place in 0..window {
                let len = left.min(segment);
                left -= len;
                let flags = if left == 0 { ACK | PSH } else { ACK };
                self.say(who, flags, len);
                if place % 2 == 1 || left == 0 {
                    acks.push((self.now, self.end(who).seq));
                }
                if left == 0 {
                    break;
                }
            }
            for (sent, ack) in acks {
                self.acknowledge(other(who), ack, sent, sent + way + us(20));
            }
            self.last = who;
            self.now += way + back;
            window = (window * 2).min(40);
        }
        self.last = other(who);
    }

    /// Octets that a segment of one side holds at most.
    fn data_in_a_segment(&self, who: Who) -> usize {
        let most = self.ours.host.mss.min(self.theirs.host.mss);
        let options = if self.end(who).base.is_some() { 12 } else { 0 };
        usize::from(most) - options
    }

    /// A segment of one side, behind all it has sent; what is before it on its way passes first.
    pub(crate) fn say(&mut self, who: Who, flags: u8, octets: usize) {
        self.now += if self.last == who {
            us(12 + self.random.below(40) as u64)
        } else {
            self.ways(other(who)).0 + us(60 + self.random.below(400) as u64)
        };
        self.last = who;
        let (seq, ack) = (self.end(who).seq, self.end(other(who)).seq);
        self.put(self.now, who, flags, (seq, ack), octets);
        let more = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        let end = self.end_mut(who);
        end.seq = seq.wrapping_add(u32::try_from(octets).unwrap() + more);
    }

    /// Both sides send a segment before they have seen that of the other; `first` is the one that is seen first.
    pub(crate) fn cross(&mut self, first: Who, flags: u8) {
        let second = other(first);
        let (ours, theirs) = (self.end(first).seq, self.end(second).seq);
        self.say(first, flags, 0);
        self.now += us(10);
        self.put(self.now, second, flags, (theirs, ours), 0);
        self.end_mut(second).seq = theirs.wrapping_add(1);
        self.last = second;
    }

    /// A bare ACK of one side, up to a number, for a segment that was seen at a time.
    fn acknowledge(&mut self, who: Who, ack: u32, sent: Duration, time: Duration) {
        let seq = self.end(who).seq;
        let newest = self.end(other(who)).tsval(sent);
        self.end_mut(who).newest = newest.unwrap_or_default();
        self.put(time, who, ACK, (seq, ack), 0);
    }

    /// A segment that says something again: a probe of keep-alive, or a SYN-ACK. `before` is how far behind.
    pub(crate) fn say_again(&mut self, who: Who, flags: u8, before: u32) {
        self.now += us(90);
        self.last = who;
        let seq = self.end(who).seq.wrapping_sub(before);
        let ack = self.end(other(who)).seq;
        self.put(self.now, who, flags, (seq, ack), 0);
    }

    /// Sets the window that one side offers from here on.
    pub(crate) fn offer(&mut self, who: Who, window: u16) {
        self.end_mut(who).window = window;
    }

    fn put(&mut self, time: Duration, who: Who, flags: u8, (seq, ack): (u32, u32), octets: usize) {
        let end = *self.end(who);
        let peer = *self.end(other(who));
        let mut segment = tcp().ports(end.port, peer.port).seq(seq);
        if flags & ACK != 0 {
            segment = segment.ack(ack);
        }
        segment = segment.flags(flags).window(end.window).data_len(octets);
        if flags & SYN != 0 {
            segment = segment.mss(end.host.mss);
            if end.host.has_sack && (peer.host.has_sack || who == Ours) {
                segment = segment.sack_permitted();
            }
        }
        if let Some(tsval) = end.tsval(time) {
            segment = segment.timestamps(tsval, end.newest);
            self.end_mut(other(who)).newest = tsval;
        }
        if flags & SYN != 0
            && let Some(shift) = end.host.window_scale
            && (peer.host.window_scale.is_some() || who == Ours)
        {
            segment = segment.raw_options(&[1]).window_scale(shift);
        }
        let frame = match (end.host.address, peer.host.address) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let identification = self.identify(who, flags);
                let packet = segment.in_ipv4(source, destination).ttl(end.host.ttl);
                packet
                    .dont_fragment()
                    .identification(identification)
                    .frame()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let packet = segment.in_ipv6(source, destination);
                packet.hop_limit(end.host.ttl).frame()
            }
            mixed => panic!("no packet goes between {mixed:?}"),
        };
        self.packets
            .push(Packet::new(time, frame, who == Ours, flags));
    }

    fn identify(&mut self, who: Who, flags: u8) -> u16 {
        let any = self.random.u16();
        let end = self.end_mut(who);
        match end.host.identification {
            Identification::Zero => 0,
            Identification::Random => any,
            Identification::PerConnection if flags & (SYN | ACK) == SYN | ACK => 0,
            Identification::PerConnection => {
                end.identification = end.identification.wrapping_add(1);
                end.identification
            }
        }
    }

    /// How long a packet of one side, and its answer, take beyond the watcher.
    fn ways(&self, who: Who) -> (Duration, Duration) {
        match who {
            Ours => (self.between.far, self.between.near),
            Theirs => (self.between.near, self.between.far),
        }
    }

    fn end(&self, who: Who) -> &End {
        match who {
            Ours => &self.ours,
            Theirs => &self.theirs,
        }
    }

    fn end_mut(&mut self, who: Who) -> &mut End {
        match who {
            Ours => &mut self.ours,
            Theirs => &mut self.theirs,
        }
    }
}

/// The other side.
pub(crate) const fn other(who: Who) -> Who {
    match who {
        Ours => Theirs,
        Theirs => Ours,
    }
}
