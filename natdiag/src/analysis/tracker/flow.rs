//! One connection: its SYNs and its closing.

use natdiag_common::wire::seq::{SeqNumber, TsVal};

use crate::{
    analysis::evidence::{ConnectionFates, Fate, SynClass},
    event::{Segment, Timestamp},
};

/// One transmission of a SYN.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transmission {
    /// When it was sent.
    pub(super) sent: Timestamp,
    /// Its timestamp, if it carries one.
    pub(super) tsval: Option<TsVal>,
    /// Its number among the SYNs to this remote host.
    pub(super) number: u64,
    /// How it counts.
    pub(super) class: SynClass,
    /// What became of it.
    pub(super) fate: Fate,
}

/// What is remembered of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// Tells it from others with the same four-tuple.
    pub(super) id: u64,
    /// Sequence number of our SYN; `None` where that was not seen or the remote host opened the connection.
    pub(super) isn: Option<SeqNumber>,
    /// Sequence number of the remote host's SYN-ACK.
    pub(super) remote_isn: Option<SeqNumber>,
    /// When that came.
    pub(super) established_at: Option<Timestamp>,
    /// Our SYNs, until one is answered.
    pub(super) transmissions: Vec<Transmission>,
    /// What they count as together.
    pub(super) fates: ConnectionFates,
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

    /// Place of the transmission that a SYN-ACK with this timestamp echo answers. Without timestamps on either side it is
    /// the last; with an echo of none of them something rewrote it, and it cannot be said.
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

    /// Whether the remote host closed without having sent an octet.
    pub(super) fn remote_sent_nothing(&self) -> bool {
        self.remote_end.is_some() && self.remote_end == self.remote_isn.map(|isn| isn.plus(1))
    }
}
