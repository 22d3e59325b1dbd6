//! What is counted of one suspect.

/// Classes of silence: shorter than 1 s, then from each power of two of seconds up to the next; the last is open.
pub const SILENCES: usize = 11;

const SECOND_NS: u64 = 1_000_000_000;

/// What is counted of one suspect; the number is the place in [`FollowCounts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum FollowCounter {
    /// Segments with data sent in packets of at most [`SMALL_PACKET_OCTETS`](super::SMALL_PACKET_OCTETS).
    SentSmall,
    /// Small segments sent with nothing that had not been sent before.
    SentSmallRepeated,
    /// Segments with data sent in larger packets.
    SentLarge,
    /// Large segments sent with nothing that had not been sent before.
    SentLargeRepeated,
    /// Times that large segments which were outstanding were acknowledged: they got through.
    SentLargeAcknowledged,
    /// Small segments that were sent again and again, and not acknowledged meanwhile.
    SentSmallStuck,
    /// Large segments that were sent again and again, and not acknowledged meanwhile.
    SentLargeStuck,
    /// Segments with data received in small packets.
    ReceivedSmall,
    /// Small segments received with nothing that had not been received before.
    ReceivedSmallRepeated,
    /// Segments with data received in larger packets.
    ReceivedLarge,
    /// Large segments received with nothing that had not been received before.
    ReceivedLargeRepeated,
    /// Holes: something before a received segment is missing or late.
    Hole,
    /// Holes that were filled by what was sent again, and not just late.
    HoleFilled,
    /// Connections that we ended after a silence, and before a response had come and was acknowledged.
    GivenUp,
    /// Holes that were there when we gave the connection up, large enough for a large segment.
    HoleLeftLarge,
    /// Smaller ones.
    HoleLeftSmall,
    /// Segments received that lie outside any window.
    OutsideWindow,
    /// Segments received without data that acknowledge no more than the last one, while data is outstanding
    /// (RFC 5681, section 2).
    DuplicateAck,
    /// Segments sent with new data and a timestamp older than one sent before: the receiver's PAWS discards them
    /// (RFC 7323, section 5).
    SentOlderTimestamp,
    /// Segments received with new data and a timestamp older than one received before.
    ReceivedOlderTimestamp,
    /// RSTs received on open connections that answered nothing sent.
    ResetUnprovoked,
    /// Packets of connections that were not followed because another has the place.
    LeftOut,
}

/// Counters of one suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct FollowCounts {
    /// Indexed by [`FollowCounter`].
    pub counters: [u64; FollowCounter::COUNT],
    /// What was sent after a silence of this class and was answered by a RST.
    pub reset_after: [u64; SILENCES],
    /// What was sent after a silence of this class and was answered otherwise.
    pub answered_after: [u64; SILENCES],
}

impl FollowCounter {
    /// Number of counters.
    pub const COUNT: usize = Self::LeftOut as usize + 1;

    /// A name for each counter, in their order.
    pub const NAMES: [&str; Self::COUNT] = [
        "sent-small",
        "sent-small-repeated",
        "sent-large",
        "sent-large-repeated",
        "sent-large-acknowledged",
        "sent-small-stuck",
        "sent-large-stuck",
        "received-small",
        "received-small-repeated",
        "received-large",
        "received-large-repeated",
        "hole",
        "hole-filled",
        "given-up",
        "hole-left-large",
        "hole-left-small",
        "outside-window",
        "duplicate-ack",
        "sent-older-timestamp",
        "received-older-timestamp",
        "reset-unprovoked",
        "left-out",
    ];
}

impl FollowCounts {
    /// Nothing counted yet.
    pub const ZERO: Self = Self {
        counters: [0; FollowCounter::COUNT],
        reset_after: [0; SILENCES],
        answered_after: [0; SILENCES],
    };

    /// Value of one counter.
    #[must_use]
    pub fn value(&self, counter: FollowCounter) -> u64 {
        self.counters.get(counter as usize).copied().unwrap_or(0)
    }

    /// Raises one counter by one.
    #[inline(always)]
    pub fn increment(&mut self, counter: FollowCounter) {
        if let Some(value) = self.counters.get_mut(counter as usize) {
            *value = value.wrapping_add(1);
        }
    }

    /// Counts an answer to what was sent after a silence.
    #[inline(always)]
    pub fn answer(&mut self, silence_ns: u64, is_reset: bool) {
        let answers = if is_reset {
            &mut self.reset_after
        } else {
            &mut self.answered_after
        };
        if let Some(value) = answers.get_mut(silence_class(silence_ns)) {
            *value = value.wrapping_add(1);
        }
    }

    /// Adds the counters of another CPU, or of another suspicion.
    pub fn add(&mut self, other: &Self) {
        for (value, more) in self.words_mut().zip(other.words()) {
            *value = value.wrapping_add(more);
        }
    }

    /// Takes off what had been counted before.
    pub fn subtract(&mut self, before: &Self) {
        for (value, less) in self.words_mut().zip(before.words()) {
            *value = value.wrapping_sub(less);
        }
    }

    /// All counters, in their order.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        let Self {
            counters,
            reset_after,
            answered_after,
        } = self;
        counters
            .iter()
            .chain(reset_after)
            .chain(answered_after)
            .copied()
    }

    /// All counters, in their order, to be changed.
    pub fn words_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let Self {
            counters,
            reset_after,
            answered_after,
        } = self;
        counters.iter_mut().chain(reset_after).chain(answered_after)
    }
}

impl Default for FollowCounts {
    fn default() -> Self {
        Self::ZERO
    }
}

/// Class of a silence, below [`SILENCES`].
#[inline(always)]
#[must_use]
pub const fn silence_class(silence_ns: u64) -> usize {
    let mut class = 0;
    let mut bound_ns = SECOND_NS;
    while class < SILENCES - 1 && silence_ns >= bound_ns {
        class += 1;
        bound_ns <<= 1;
    }
    class
}
