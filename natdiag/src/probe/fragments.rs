//! The test for fragmentation and MTU holes: a large response, asked for with segments of several sizes. Pure: which size
//! to ask for next, and what became of the responses means.

use std::net::IpAddr;

use super::finding::Answer;
use crate::analysis::diagnosis::{Alternative, Cause, Evidence, Finding, Severity};

/// What fits any path: IPv4 must carry 576 octets (RFC 791), IPv6 1,280 (RFC 8200); less the headers of IP and TCP.
const SMALLEST_MSS_V4: u16 = 536;
const SMALLEST_MSS_V6: u16 = 1220;
/// Ethernet's 1,500 octets less the headers: the most that a search can find.
const USUAL_MSS_V4: u16 = 1460;
const USUAL_MSS_V6: u16 = 1440;
/// A clamp need not be more exact.
const CLOSE_ENOUGH: u16 = 16;
/// Responses of the default size, and of the smallest, before anything is concluded.
const REPEATS: usize = 2;
/// Headers of IP and TCP without options.
const HEADERS_V4: u64 = 40;
const HEADERS_V6: u64 = 60;
/// How sure a difference of the sizes is that showed each time.
const SURE: f64 = 0.97;

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server closed, or all that it had announced has come.
    Complete,
    /// Nothing more came.
    Stalled,
    /// The connection was reset.
    Reset,
    /// The connection did not come about.
    Unanswered,
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
        let of_default = self.of(None).count();
        if of_default < REPEATS {
            return Some(None);
        }
        if self.of(Some(self.smallest())).count() < REPEATS {
            return Some(Some(self.smallest()));
        }
        if !self.is_hole() {
            return None;
        }
        let (passing, failing) = self.bounds();
        let is_close = failing.saturating_sub(passing) <= CLOSE_ENOUGH;
        // The answer itself is tried once more: it is what gets recommended.
        let is_verified = self.of(Some(passing)).count() >= REPEATS;
        match (is_close, is_verified) {
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
            && self.of(small).next().is_some()
    }

    /// The largest MSS that passed.
    #[must_use]
    pub fn largest_passing(&self) -> u16 {
        self.bounds().0
    }

    /// Whether a response was whole: complete, or as long as the longest.
    fn passes(&self, response: &Response) -> bool {
        let longest = self.responses.iter().map(|response| response.octets).max();
        response.ending == Ending::Complete
            || (response.ending == Ending::Stalled
                && response.octets > 0
                && Some(response.octets) == longest)
    }

    /// The largest MSS that always passed, and the smallest that failed above it.
    fn bounds(&self) -> (u16, u16) {
        let asked = |passes: bool| {
            let of_kind = self
                .responses
                .iter()
                .filter(move |response| self.passes(response) == passes);
            of_kind.filter_map(|response| response.mss)
        };
        let failing = asked(false).min().unwrap_or(self.usual());
        let passing = asked(true).filter(|mss| *mss < failing).max();
        (passing.unwrap_or(self.smallest()), failing)
    }

    fn of(&self, mss: Option<u16>) -> impl Iterator<Item = &Response> {
        self.responses
            .iter()
            .filter(move |response| response.mss == mss)
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

/// Says what a test has found.
#[must_use]
pub fn answer(record: &FragmentsRecord, sighting: &Sighting) -> Answer {
    let mut finding = if sighting.fragments > 0 {
        fragmented(record, sighting)
    } else if record.is_hole() {
        hole(record, sighting)
    } else if let Some(sound) = sound(record, sighting) {
        return sound;
    } else {
        unclear(record)
    };
    finding.evidence.extend(evidence(record, sighting));
    Answer::Found(Box::new(finding))
}

/// Fragments came: what the analysis of live traffic says of them counts, with the clamp that cures it.
fn fragmented(record: &FragmentsRecord, sighting: &Sighting) -> Finding {
    let largest = sighting.largest_first_fragment_octets;
    let mss = largest.saturating_sub(record.headers());
    let named = sighting.findings.iter().find(|finding| {
        matches!(
            finding.cause,
            Cause::PathFragmentation | Cause::EndpointFragmentation
        )
    });
    let mut finding = named.cloned().unwrap_or_else(|| {
        new(
            Cause::PathFragmentation,
            SURE,
            Severity::Warning,
            format!(
                "its TCP arrives in fragments, of which the largest first one has {largest} octets; a managed NAT gateway drops them"
            ),
        )
    });
    finding.remedy.extend(clamp(record.address, mss));
    finding
}

fn hole(record: &FragmentsRecord, sighting: &Sighting) -> Finding {
    let mss = record.largest_passing();
    let open = format!(
        "responses in full-sized segments do not arrive, and with an MSS of {mss} octets they do"
    );
    let mut finding = match sighting.dont_fragment {
        // What may be cut on the way is not dropped for its size: it is cut, and then dropped.
        Some(false) => {
            let mut finding = new(
                Cause::PathFragmentation,
                SURE,
                Severity::Critical,
                format!(
                    "{open}: the server lets routers cut its packets, and something before this host drops the fragments, as a \
                     managed NAT gateway does"
                ),
            );
            finding.not_excluded.push(Alternative {
                cause: Cause::EndpointFragmentation,
                why: "from behind the NAT it cannot be seen whether the server or a router cuts the packets".to_owned(),
            });
            finding
        }
        Some(true) => {
            let mut finding = new(
                Cause::PmtuBlackHole,
                SURE,
                Severity::Critical,
                format!(
                    "{open}: the server forbids fragments, so its large packets are dropped whole, and the ICMP messages that \
                     would tell it do not reach it"
                ),
            );
            finding.excluded.push(Alternative {
                cause: Cause::PathFragmentation,
                why: "the server sends with Don't Fragment".to_owned(),
            });
            finding
        }
        None => {
            let mut finding = new(
                Cause::PmtuBlackHole,
                0.9,
                Severity::Critical,
                format!(
                    "{open}: some link on the way carries less, and the server does not learn of it"
                ),
            );
            finding.not_excluded.push(Alternative {
                cause: Cause::EndpointFragmentation,
                why: "fragments that something before this host drops leave the same trace"
                    .to_owned(),
            });
            finding
        }
    };
    finding.remedy = clamp(record.address, mss.into());
    finding
}

fn sound(record: &FragmentsRecord, sighting: &Sighting) -> Option<Answer> {
    let octets = record
        .responses
        .iter()
        .map(|response| response.octets)
        .max()?;
    let all_pass = record
        .responses
        .iter()
        .all(|response| record.passes(response));
    if !all_pass || octets <= u64::from(record.usual()) {
        return None;
    }
    let vantage = if sighting.is_behind_nat {
        "from behind the NAT"
    } else {
        "from here"
    };
    Some(Answer::Sound {
        confidence: SURE,
        summary: format!(
            "responses of {octets} octets arrive whole {vantage}, in segments of any size, and no fragments came"
        ),
    })
}

fn unclear(record: &FragmentsRecord) -> Finding {
    let octets = record
        .responses
        .iter()
        .map(|response| response.octets)
        .max();
    let of = |ending| {
        let responses = record.responses.iter();
        responses
            .filter(|response| response.ending == ending)
            .count()
    };
    let (unanswered, reset) = (of(Ending::Unanswered), of(Ending::Reset));
    let all = record.responses.len();
    let (summary, remedy) = if unanswered == all {
        (
            format!(
                "none of {all} connections came about, so nothing is known about large packets"
            ),
            "run `natdiag probe timestamps` against it, which tells why SYNs are not answered",
        )
    } else if octets.unwrap_or(0) <= u64::from(record.usual()) {
        (
            format!(
                "the response has {} octets, which fit one segment: too few to say anything about large packets",
                octets.unwrap_or(0)
            ),
            "name something larger: a URL with a path, or a `--payload` that asks for more than 1,500 octets",
        )
    } else {
        (
            format!(
                "of {all} connections some failed without regard to the size of their segments ({unanswered} without an answer, \
                 {reset} reset)"
            ),
            "test again; then `natdiag watch` while it happens",
        )
    };
    let mut finding = new(Cause::InsufficientEvidence, 1.0, Severity::Info, summary);
    finding.remedy = vec![remedy.to_owned()];
    finding
}

/// The rules that have the server send smaller segments to everybody behind this host.
fn clamp(address: IpAddr, mss: u64) -> Vec<String> {
    let (family, iptables) = match address {
        IpAddr::V4(_) => ("ip", "iptables"),
        IpAddr::V6(_) => ("ip6", "ip6tables"),
    };
    vec![
        format!(
            "clamp the MSS on the host that forwards for the clients, with nftables: `nft add rule inet filter forward {family} \
             daddr {address} tcp flags syn tcp option maxseg size set {mss}`"
        ),
        format!(
            "or with iptables: `{iptables} -t mangle -A FORWARD -d {address} -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss \
             {mss}`"
        ),
    ]
}

fn evidence(record: &FragmentsRecord, sighting: &Sighting) -> Vec<(&'static str, Evidence)> {
    let mut evidence = vec![
        ("tcp_fragments", Evidence::Count(sighting.fragments)),
        (
            "largest_first_fragment_octets",
            Evidence::Count(sighting.largest_first_fragment_octets),
        ),
    ];
    if record.is_hole() {
        let mss = record.largest_passing();
        evidence.push(("largest_passing_mss_octets", Evidence::Count(mss.into())));
    }
    if let Some(dont_fragment) = sighting.dont_fragment {
        let text = if dont_fragment { "set" } else { "clear" };
        evidence.push(("server_dont_fragment", Evidence::Text(text.to_owned())));
    }
    if !sighting.too_big.is_empty() {
        let mtus = sighting.too_big.iter().map(ToString::to_string).collect();
        evidence.push(("packet_too_big_mtus_octets", Evidence::List(mtus)));
    }
    evidence
}

fn new(cause: Cause, confidence: f64, severity: Severity, summary: String) -> Finding {
    Finding {
        cause,
        confidence,
        severity,
        summary,
        evidence: Vec::new(),
        excluded: Vec::new(),
        not_excluded: Vec::new(),
        remedy: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test of a path that carries segments up to `limit` only.
    fn tested(limit: u16, octets: u64) -> FragmentsRecord {
        let mut record = FragmentsRecord {
            address: "192.0.2.80".parse().unwrap(),
            responses: Vec::new(),
        };
        while let Some(mss) = record.next() {
            assert!(record.responses.len() < 20, "{record:?}");
            let passes = mss.unwrap_or(USUAL_MSS_V4) <= limit;
            record.responses.push(Response {
                mss,
                octets: if passes { octets } else { 0 },
                ending: if passes {
                    Ending::Complete
                } else {
                    Ending::Stalled
                },
            });
        }
        record
    }

    fn cause(record: &FragmentsRecord, sighting: &Sighting) -> Option<Cause> {
        match answer(record, sighting) {
            Answer::Sound { .. } => None,
            Answer::Found(finding) => Some(finding.cause),
        }
    }

    #[test]
    fn the_size_at_which_it_breaks_is_found() {
        for limit in [536, 537, 800, 1200, 1356, 1459] {
            let record = tested(limit, 20_000);
            let found = record.largest_passing();
            assert!(
                found <= limit && limit - found <= CLOSE_ENOUGH,
                "{limit}: {found}"
            );
            assert!(record.responses.len() <= 12, "{limit}");
        }
    }

    #[test]
    fn dont_fragment_tells_dropped_fragments_from_a_black_hole() {
        let record = tested(1360, 20_000);
        for (dont_fragment, want) in [
            (Some(false), Cause::PathFragmentation),
            (Some(true), Cause::PmtuBlackHole),
            (None, Cause::PmtuBlackHole),
        ] {
            let sighting = Sighting {
                dont_fragment,
                ..Sighting::default()
            };
            assert_eq!(cause(&record, &sighting), Some(want));
        }
    }

    #[test]
    fn whole_responses_are_sound_if_they_are_large() {
        let sighting = Sighting::default();
        assert_eq!(cause(&tested(1460, 20_000), &sighting), None);
        let small = tested(1460, 900);
        assert_eq!(cause(&small, &sighting), Some(Cause::InsufficientEvidence));
        let nothing = tested(0, 0);
        assert_eq!(
            cause(&nothing, &sighting),
            Some(Cause::InsufficientEvidence)
        );
    }

    #[test]
    fn the_clamp_fits_the_largest_fragment() {
        let sighting = Sighting {
            fragments: 12,
            largest_first_fragment_octets: 1396,
            ..Sighting::default()
        };
        let Answer::Found(finding) = answer(&tested(1460, 20_000), &sighting) else {
            panic!("fragments are not sound");
        };
        assert!(
            finding
                .remedy
                .iter()
                .any(|line| line.contains("size set 1356`"))
        );
        assert!(
            finding
                .remedy
                .iter()
                .any(|line| line.contains("--set-mss 1356`"))
        );
    }
}
