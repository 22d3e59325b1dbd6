//! The test for fragmentation and MTU holes: a large response, asked for with segments of several sizes. Pure: which
//! size to ask for next. What became of the responses means is said by `answer`.

pub mod answer;
mod clamp;

use std::net::IpAddr;

use crate::analysis::{
    diagnosis::Finding,
    fates::Outcomes,
    verdict::{
        contest::{CERTAIN, Contest},
        likelihood::{LOSS, ln_known, ln_series},
    },
};

/// What fits any path: IPv4 must carry 576 octets (RFC 791), IPv6 1,280 (RFC 8200); less the headers of IP and TCP.
const SMALLEST_MSS_V4: u16 = 536;
const SMALLEST_MSS_V6: u16 = 1220;
/// Ethernet's 1,500 octets less the headers: the most that a search can find.
const USUAL_MSS_V4: u16 = 1460;
const USUAL_MSS_V6: u16 = 1440;
/// Kernels announce no less (`TCP_MIN_MSS`, include/net/tcp.h).
const LEAST_MSS: u16 = 88;
/// A clamp need not be more exact.
const CLOSE_ENOUGH: u16 = 16;
/// Responses of the default size, and of the smallest, before anything is concluded.
const REPEATS: usize = 2;
/// Connections that do not come about, before the search ends: alone, and beside others that do.
const UNOPENED_ALONE: usize = 4;
const UNOPENED: usize = 10;
/// Refusals that end it.
const REFUSALS: usize = 2;
/// Headers of IP and TCP without options.
const HEADERS_V4: u64 = 40;
const HEADERS_V6: u64 = 60;
/// What two handshakes of TLS may differ by: signatures have no fixed length.
const SLACK_OCTETS: u64 = 64;
/// Share of responses that do not do what their size foretells.
const EXCEPTIONS: f64 = 0.002;
/// Whether the size of a response decides, or chance: either is as likely before anything was seen.
const EVEN: f64 = 0.5;

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server closed, or all that it had announced has come.
    Complete,
    /// Nothing more came.
    Stalled,
    /// The connection was reset.
    Reset,
    /// The connection did not come about: its SYNs had no answer.
    Unanswered,
    /// The connection did not come about: its SYN was answered by a RST.
    Refused,
}

impl Ending {
    /// Whether there was a connection. Without one, nothing is known about the size of anything.
    #[must_use]
    pub const fn is_of_connection(self) -> bool {
        !matches!(self, Self::Unanswered | Self::Refused)
    }
}

/// A response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// The MSS that was asked for; none is the default.
    pub mss: Option<u16>,
    /// Octets received.
    pub octets: u64,
    /// How it ended.
    pub ending: Ending,
    /// First fragments that were seen of it.
    pub fragments: u64,
    /// The largest of them, as an IP packet.
    pub largest_fragment_octets: u32,
}

/// What the datapath saw of the remote host meanwhile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sighting {
    /// TCP fragments received.
    pub fragments: u64,
    /// The largest first fragment, as an IP packet.
    pub largest_first_fragment_octets: u64,
    /// Whether the server's data forbids fragments, by its FINs.
    pub dont_fragment: Option<bool>,
    /// MTUs in ICMP messages to us that a packet of ours was too big.
    pub too_big: Vec<u32>,
    /// What the analysis of live traffic says of it.
    pub findings: Vec<Finding>,
    /// Whether this host is behind a NAT.
    pub is_behind_nat: bool,
}

/// The test on one address, as far as it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentsRecord {
    /// The address.
    pub address: IpAddr,
    /// The responses, in their order.
    pub responses: Vec<Response>,
}

impl FragmentsRecord {
    /// The MSS to ask for next: `None` is the end, `Some(None)` the default.
    #[must_use]
    pub fn next(&self) -> Option<Option<u16>> {
        if self.is_closed() {
            return None;
        }
        let of_default = self.of(None).count();
        if of_default < REPEATS {
            return Some(None);
        }
        if self.of(Some(self.smallest())).count() < REPEATS {
            return Some(Some(self.smallest()));
        }
        if let Some(mss) = self.uncut_mss() {
            // It is what gets recommended: it must have been seen.
            return (!self.is_verified(mss)).then_some(Some(mss));
        }
        if !self.is_hole() {
            return None;
        }
        let (passing, failing) = self.bounds();
        let is_close = failing.saturating_sub(passing) <= CLOSE_ENOUGH;
        match (is_close, self.is_verified(passing)) {
            (false, _) => Some(Some(passing + (failing - passing) / 2)),
            (true, false) => Some(Some(passing)),
            (true, true) => None,
        }
    }

    /// Whether the default size fails each time, and the smallest passes each time.
    #[must_use]
    pub fn is_hole(&self) -> bool {
        let small = Some(self.smallest());
        let fails = |response: &Response| !self.passes(response);
        self.of(None).all(fails)
            && self.of(small).all(|response| self.passes(response))
            && [None, small]
                .map(|mss| self.of(mss).next())
                .iter()
                .all(Option::is_some)
    }

    /// How many connections did not come about.
    #[must_use]
    pub fn unopened(&self) -> usize {
        self.responses.len() - self.opened().count()
    }

    /// How many SYNs were answered by a RST.
    #[must_use]
    pub fn refused(&self) -> usize {
        let responses = self.responses.iter();
        responses
            .filter(|response| response.ending == Ending::Refused)
            .count()
    }

    /// Whether the server opens no connection, or so few that asking on is of no use.
    fn is_closed(&self) -> bool {
        let most = if self.opened().next().is_some() {
            UNOPENED
        } else if self.refused() > 0 {
            REFUSALS
        } else {
            UNOPENED_ALONE
        };
        self.unopened() >= most
    }

    /// Those of connections that came about.
    fn opened(&self) -> impl Iterator<Item = &Response> {
        self.responses
            .iter()
            .filter(|response| response.ending.is_of_connection())
    }

    /// The largest MSS that passed.
    #[must_use]
    pub fn largest_passing(&self) -> u16 {
        self.bounds().0
    }

    /// The MSS at which nothing is cut any more, where something is: what fits the largest fragment, or any path.
    #[must_use]
    pub fn uncut_mss(&self) -> Option<u16> {
        let largest = self.largest_fragment_octets()?;
        let fitting = u64::from(largest).saturating_sub(self.headers());
        let fitting = u16::try_from(fitting).unwrap_or(u16::MAX);
        let is_cut = |response: &Response| response.fragments > 0 || !self.passes(response);
        [fitting.min(self.usual()), self.smallest()]
            .into_iter()
            .find(|mss| *mss >= LEAST_MSS && !self.of(Some(*mss)).any(is_cut))
    }

    /// The largest first fragment that was seen, as an IP packet.
    #[must_use]
    pub fn largest_fragment_octets(&self) -> Option<u32> {
        let cut = self
            .responses
            .iter()
            .filter(|response| response.fragments > 0);
        cut.map(|response| response.largest_fragment_octets).max()
    }

    /// How many responses of this size came whole.
    #[must_use]
    pub fn whole(&self, mss: u16) -> usize {
        self.of(Some(mss))
            .filter(|response| self.passes(response))
            .count()
    }

    /// How sure it is that the size decides, and not chance, where the large responses fail and small ones do not.
    #[must_use]
    pub fn confidence_of_hole(&self) -> f64 {
        let mut outcomes = Outcomes::default();
        for response in self.opened() {
            if self.passes(response) {
                outcomes.answered += 1;
            } else {
                outcomes.dropped += 1;
            }
        }
        let as_foretold = Outcomes {
            dropped: 0,
            answered: outcomes.answered + outcomes.dropped,
        };
        let by_size = ln_known(EXCEPTIONS, as_foretold);
        let by_chance = ln_series(LOSS, outcomes);
        let contest = Contest::of([(true, EVEN, by_size), (false, EVEN, by_chance)]);
        contest.share_of(|is_size| is_size).min(CERTAIN)
    }

    fn is_verified(&self, mss: u16) -> bool {
        self.of(Some(mss)).count() >= REPEATS
    }

    /// Whether a response was whole: complete, or as long as the longest.
    fn passes(&self, response: &Response) -> bool {
        let octets = self.responses.iter().map(|response| response.octets);
        let longest = octets.max().unwrap_or(0);
        response.ending == Ending::Complete
            || (response.ending == Ending::Stalled
                && response.octets > 0
                && response.octets + SLACK_OCTETS >= longest)
    }

    /// The largest MSS that always passed, and the smallest that failed above it.
    fn bounds(&self) -> (u16, u16) {
        let asked = |passes: bool| {
            let of_kind = self
                .opened()
                .filter(move |response| self.passes(response) == passes);
            of_kind.filter_map(|response| response.mss)
        };
        let failing = asked(false).min().unwrap_or(self.usual());
        let passing = asked(true).filter(|mss| *mss < failing).max();
        (passing.unwrap_or(self.smallest()), failing)
    }

    fn of(&self, mss: Option<u16>) -> impl Iterator<Item = &Response> {
        self.opened().filter(move |response| response.mss == mss)
    }

    const fn smallest(&self) -> u16 {
        match self.address {
            IpAddr::V4(_) => SMALLEST_MSS_V4,
            IpAddr::V6(_) => SMALLEST_MSS_V6,
        }
    }

    const fn usual(&self) -> u16 {
        match self.address {
            IpAddr::V4(_) => USUAL_MSS_V4,
            IpAddr::V6(_) => USUAL_MSS_V6,
        }
    }

    const fn headers(&self) -> u64 {
        match self.address {
            IpAddr::V4(_) => HEADERS_V4,
            IpAddr::V6(_) => HEADERS_V6,
        }
    }
}

#[cfg(test)]
mod tests;
