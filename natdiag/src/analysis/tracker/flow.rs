//! One connection: its SYNs and its closing.

use natdiag_common::wire::{
    seq::{SeqNumber, TsVal},
    tcp::ACK,
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    RemoteState,
    talk::{Again, Talk},
};
use crate::{
    analysis::fates::{
        ConnectionFates, Fate, SynClass, hops::hops, refusals::Refusal, resets::signal,
    },
    event::{Event, Segment, Timestamp},
};

/// Octets that timestamps take of each segment (RFC 7323, appendix A).
const TIMESTAMPS_OCTETS: u32 = 12;

/// Longest time between two looks at one packet. No host sends anything again so soon: it waits a second for the answer
/// to a SYN, and for that to a SYN-ACK (RFC 6298, section 2).
pub(super) const SEEN_AGAIN_NS: u64 = 100_000_000;

/// One transmission of a SYN.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Transmission {
    /// When it was sent.
    pub(super) sent: Timestamp,
    /// Its timestamp, if it carries one.
    pub(super) tsval: Option<TsVal>,
    /// Identification of its IP packet.
    pub(super) identification: u32,
    /// Its number among the SYNs to this remote host.
    pub(super) number: u64,
    /// How it counts.
    pub(super) class: SynClass,
    /// What became of it.
    pub(super) fate: Fate,
}

impl Transmission {
    /// Whether a SYN of the same connection is this very packet, seen again: a mirror port, or an interface and the
    /// bridge that it belongs to, show a packet twice.
    pub(super) fn is_seen_again(&self, event: &Event, tsval: Option<TsVal>) -> bool {
        self.tsval == tsval
            && self.identification == event.identification
            && event.time.since(self.sent) < SEEN_AGAIN_NS
    }
}

/// The first RST of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reset {
    /// Its sequence number.
    pub(super) seq: SeqNumber,
    /// Its time to live.
    pub(super) ttl: u8,
    /// As what it counts; `None` where it ended the handshake.
    pub(super) signals: Option<u8>,
}

/// The RST that refused the SYN of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    /// As what it counts.
    pub(super) refusal: Refusal,
    /// How many transmissions of the SYN there had been.
    pub(super) transmissions: usize,
    /// Its time to live.
    pub(super) ttl: u8,
}

/// What the header of a packet looks like that the remote host itself has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Baseline {
    ttl: u8,
    dont_fragment: bool,
    is_numbered: bool,
}

impl Baseline {
    /// That of one packet.
    pub(super) const fn of(event: &Event) -> Self {
        Self {
            ttl: event.ttl,
            dont_fragment: event.dont_fragment,
            is_numbered: event.identification != 0,
        }
    }

    /// Its time to live.
    pub(super) const fn ttl(self) -> u8 {
        self.ttl
    }

    /// In what a RST differs from it.
    pub(super) fn signals(self, event: &Event, reset: &Segment) -> u8 {
        let is_bare = !reset.has(ACK);
        let other = Self::of(event);
        let mut signals = 0;
        if hops(other.ttl) != hops(self.ttl) {
            signals |= signal::OTHER_TTL;
        }
        // Linux numbers the packets of an open socket and leaves SYN-ACKs and RSTs without a socket at 0.
        let is_misnumbered = is_bare && other.is_numbered && !self.is_numbered;
        // Whoever has no socket for a connection has no window for it either
        // (`net/ipv4/tcp_ipv4.c:tcp_v4_send_reset`, v6.1).
        let has_window = is_bare && reset.window != 0;
        if other.dont_fragment != self.dont_fragment || is_misnumbered || has_window {
            signals |= signal::OTHER_HEADER;
        }
        signals
    }
}

/// What is remembered of one connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Flow {
    /// Tells it from others with the same four-tuple.
    pub(super) id: u64,
    /// Sequence number of our SYN; `None` where that was not seen or the remote host opened the connection.
    pub(super) isn: Option<SeqNumber>,
    /// Sequence number of the remote host's SYN-ACK.
    pub(super) remote_isn: Option<SeqNumber>,
    /// Whether it lived though that was not seen.
    pub(super) answer_unseen: bool,
    /// When the SYN-ACK came.
    pub(super) established_at: Option<Timestamp>,
    /// Our SYNs, until one is answered: nearly always one.
    pub(super) transmissions: SmallVec<[Transmission; 1]>,
    /// What they count as together.
    pub(super) fates: ConnectionFates,
    /// Time to live of our SYN.
    pub(super) syn_ttl: u8,
    /// MSS that our SYN offered.
    pub(super) syn_mss: Option<u16>,
    /// What the header of the SYN-ACK looked like.
    pub(super) answer: Option<Baseline>,
    /// Timestamp of our SYN, and of the SYN-ACK.
    pub(super) tsval: Option<TsVal>,
    pub(super) remote_tsval: Option<TsVal>,
    /// Whether it counts as open.
    pub(super) is_open: bool,
    /// Whether the SYN-ACK came again though it had arrived.
    pub(super) again: Again,
    /// What was said behind it.
    pub(super) talk: Talk,
    /// Whether a SYN-ACK came that acknowledges another number than that of our SYN.
    pub(super) is_misnumbered: bool,
    /// The RST that ended it.
    pub(super) reset: Option<Reset>,
    /// The RST that refused its SYN.
    pub(super) refused: Option<Refused>,
    /// Whether we have ended it by a RST: what the remote host resets then is over.
    pub(super) is_aborted: bool,
    /// Whether that RST counts as one of this machine.
    pub(super) is_own: bool,
    /// The acknowledgment number of the remote host's FIN where it closed first, and when that came.
    pub(super) remote_fin: Option<(SeqNumber, Timestamp)>,
    /// Whether the remote host reset it soon after.
    pub(super) is_reset_after_close: bool,
    /// Whether the four-tuple belonged to a connection that the remote host had closed shortly before.
    pub(super) reuses_time_wait: bool,
    /// Sequence number behind our FIN, and its timestamp.
    pub(super) fin_sent: Option<(SeqNumber, Option<TsVal>)>,
    /// Sequence number of the remote host's FIN, behind its last octet.
    pub(super) remote_end: Option<SeqNumber>,
    /// Whether our FIN told that a request got no response.
    pub(super) unanswered: bool,
    /// When the remote host closed first.
    pub(super) remote_closed_at: Option<Timestamp>,
}

impl Flow {
    /// A connection of which nothing was seen but perhaps the SYN.
    pub(super) fn new(id: u64, isn: Option<SeqNumber>) -> Self {
        Self {
            id,
            isn,
            ..Self::default()
        }
    }

    /// Counts as open no longer; `now` is when it was closed, where that was seen.
    pub(super) fn leave(&mut self, state: &mut RemoteState, now: Option<Timestamp>) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        state.open = state.open.saturating_sub(1);
        let taken = self
            .transmissions
            .iter()
            .find(|it| it.fate == Fate::Answered);
        if let (Some(taken), Some(now)) = (taken, now) {
            state.sums.recent.close(taken.number, now);
        }
    }

    /// Whether the fate of a SYN is still open.
    pub(super) fn is_pending(&self) -> bool {
        let mut transmissions = self.transmissions.iter();
        transmissions.any(|transmission| transmission.fate == Fate::Pending)
    }

    /// Whether either side has closed it.
    pub(super) fn is_closing(&self) -> bool {
        self.fin_sent.is_some() || self.remote_end.is_some()
    }

    /// How old it was when both sides had closed it, if they have by `now` and no RST came between.
    pub(super) fn orderly_ns(&self, now: Timestamp) -> Option<u64> {
        let is_over = self.fin_sent.is_some() && self.remote_end.is_some() && self.reset.is_none();
        is_over.then(|| self.established_at.map(|at| now.since(at)))?
    }

    /// Whether a FIN is longer than our own MSS lets a packet be, and may be fragmented: somebody before us has put
    /// fragments together. Segments that the receiving card merges keep Don't Fragment.
    pub(super) fn is_reassembled(&self, event: &Event) -> bool {
        /// Octets of an IPv4 and a TCP header without options (RFC 6691).
        const IPV4_TCP_HEADERS: u32 = 40;
        event.source.is_ipv4()
            && !event.dont_fragment
            && event.fragment.is_none()
            && self
                .syn_mss
                .is_some_and(|mss| event.total_len > u32::from(mss) + IPV4_TCP_HEADERS)
    }

    /// As what the RST that ended it counts.
    pub(super) fn reset_signals(&mut self) -> Option<&mut u8> {
        self.reset.as_mut()?.signals.as_mut()
    }

    /// Place of the transmission that a SYN-ACK with this timestamp echo answers. Without timestamps on either side it
    /// is the last; with an echo of none of them something rewrote it, and it cannot be said.
    pub(super) fn taken(&self, echo: Option<TsVal>) -> Option<usize> {
        let last = self.transmissions.len().checked_sub(1)?;
        match (echo, self.transmissions.first()?.tsval) {
            (Some(echo), Some(_)) => self
                .transmissions
                .iter()
                .rposition(|transmission| transmission.tsval == Some(echo)),
            (None, _) | (_, None) => Some(last),
        }
    }

    /// Whether a request that we sent got its response, as our FIN tells: it acknowledges what we received. `None`
    /// where that cannot be said: no request, no handshake seen, nothing sent by the remote host, or less than
    /// `patience_ns` waited.
    pub(super) fn response(&self, fin: &Segment, now: Timestamp, patience_ns: u64) -> Option<bool> {
        let (isn, remote_isn, established_at) = (self.isn?, self.remote_isn?, self.established_at?);
        let request_octets = fin
            .seq
            .0
            .wrapping_sub(isn.plus(1).0)
            .wrapping_add(fin.payload_len);
        let received_all = match self.remote_end {
            Some(end) => fin.ack.at_or_after(end),
            None => fin.ack != remote_isn.plus(1),
        };
        if received_all {
            return Some(true);
        }
        (request_octets != 0 && now.since(established_at) >= patience_ns).then_some(false)
    }

    /// Whether of a long response only the end came, as our FIN tells: it does not acknowledge what the remote host's
    /// FIN stands behind. A full-size segment at least is missing.
    pub(super) fn has_hole(&self, fin: &Segment) -> bool {
        /// MSS of a host that offers none (RFC 9293, section 3.7.1).
        const DEFAULT_MSS: u16 = 536;
        let mss = self.syn_mss.unwrap_or(DEFAULT_MSS);
        self.remote_end.is_some_and(|end| {
            let missing = end.0.wrapping_sub(fin.ack.0);
            end.at_or_after(fin.ack) && missing >= u32::from(mss) - TIMESTAMPS_OCTETS
        })
    }

    /// Whether the remote host closed without having sent an octet.
    pub(super) fn remote_sent_nothing(&self) -> bool {
        self.remote_end.is_some() && self.remote_end == self.remote_isn.map(|isn| isn.plus(1))
    }
}
