//! `/proc/net/netstat`, `/proc/net/snmp` and `/proc/net/sockstat` (proc(5)): names and numbers.
//!
//! Which columns there are depends on the kernel, so that they are found by name. A column that a kernel does not
//! have is not zero but unknown.

use std::collections::BTreeMap;

/// Counters that tell something about dropped connections and fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the kernel's")]
pub enum Counter {
    PawsPassive,
    ListenDrops,
    ListenOverflows,
    ReqQueueFullDrop,
    ReqQueueFullDoCookies,
    SyncookiesSent,
    PawsEstab,
    PassiveOpens,
    ReasmRequests,
    ReasmOks,
    ReasmFails,
    ReasmTimeout,
    FragCreates,
}

impl Counter {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 13] = [
        Self::PawsPassive,
        Self::ListenDrops,
        Self::ListenOverflows,
        Self::ReqQueueFullDrop,
        Self::ReqQueueFullDoCookies,
        Self::SyncookiesSent,
        Self::PawsEstab,
        Self::PassiveOpens,
        Self::ReasmRequests,
        Self::ReasmOks,
        Self::ReasmFails,
        Self::ReasmTimeout,
        Self::FragCreates,
    ];

    /// Group and name in the kernel's files.
    const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::PawsPassive => ("TcpExt", "PAWSPassive"),
            Self::ListenDrops => ("TcpExt", "ListenDrops"),
            Self::ListenOverflows => ("TcpExt", "ListenOverflows"),
            Self::ReqQueueFullDrop => ("TcpExt", "TCPReqQFullDrop"),
            Self::ReqQueueFullDoCookies => ("TcpExt", "TCPReqQFullDoCookies"),
            Self::SyncookiesSent => ("TcpExt", "SyncookiesSent"),
            Self::PawsEstab => ("TcpExt", "PAWSEstab"),
            Self::PassiveOpens => ("Tcp", "PassiveOpens"),
            Self::ReasmRequests => ("Ip", "ReasmReqds"),
            Self::ReasmOks => ("Ip", "ReasmOKs"),
            Self::ReasmFails => ("Ip", "ReasmFails"),
            Self::ReasmTimeout => ("Ip", "ReasmTimeout"),
            Self::FragCreates => ("Ip", "FragCreates"),
        }
    }

    /// Its name, as nstat(8) prints it.
    #[must_use]
    pub fn name(self) -> String {
        let (group, name) = self.place();
        format!("{group}{name}")
    }

    /// Whether zero is worth a line.
    #[must_use]
    pub const fn decides(self) -> bool {
        matches!(
            self,
            Self::PawsPassive | Self::ListenDrops | Self::ListenOverflows
        )
    }

    /// What it counts.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::PawsPassive => "SYNs that tcp_tw_recycle dropped",
            Self::ListenDrops => "SYNs dropped, whatever the reason",
            Self::ListenOverflows => "connections dropped at a full accept queue",
            Self::ReqQueueFullDrop => "SYNs dropped at a full SYN queue",
            Self::ReqQueueFullDoCookies => "SYNs answered by a cookie only",
            Self::SyncookiesSent => "SYN cookies sent",
            Self::PawsEstab => "segments with an old timestamp",
            Self::PassiveOpens => "connections accepted",
            Self::ReasmRequests => "fragments received",
            Self::ReasmOks => "packets put together from fragments",
            Self::ReasmFails => "failures to put fragments together",
            Self::ReasmTimeout => "packets of which a fragment never came",
            Self::FragCreates => "fragments sent",
        }
    }
}

/// Numbers by group and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Adds the counters of `/proc/net/netstat` or `/proc/net/snmp`: pairs of lines, of names and of numbers, each led
    /// by the group. Numbers that are none (`Tcp: MaxConn` is -1) are left out.
    pub fn read_tables(&mut self, text: &str) {
        let mut lines = text.lines();
        while let (Some(names), Some(numbers)) = (lines.next(), lines.next()) {
            let (Some((group, names)), Some((same, numbers))) =
                (names.split_once(':'), numbers.split_once(':'))
            else {
                continue;
            };
            if group != same {
                continue;
            }
            for (name, number) in names.split_whitespace().zip(numbers.split_whitespace()) {
                if let Ok(number) = number.parse() {
                    self.0.insert(format!("{group}{name}"), number);
                }
            }
        }
    }

    /// One counter, if this kernel has it.
    #[must_use]
    pub fn value(&self, counter: Counter) -> Option<u64> {
        self.named(&counter.name())
    }

    /// A counter by its name, as nstat(8) prints it.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// Whether nothing was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How much a counter has risen. On 32 bit it is an `unsigned long` of 32 bits, which wraps.
#[must_use]
pub fn rise(earlier: u64, later: u64) -> u64 {
    match (
        later.checked_sub(earlier),
        u32::try_from(earlier),
        u32::try_from(later),
    ) {
        (Some(rise), _, _) => rise,
        (None, Ok(earlier), Ok(later)) => u64::from(later.wrapping_sub(earlier)),
        // It was set back.
        (None, _, _) => later,
    }
}

/// What `/proc/net/sockstat` says about TCP and fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sockets {
    /// TCP sockets in use.
    pub tcp_in_use: Option<u64>,
    /// TCP connections in TIME-WAIT.
    pub time_wait: Option<u64>,
    /// Packets of which not all fragments have come yet.
    pub fragment_queues: Option<u64>,
}

impl Sockets {
    /// Reads lines of a protocol and pairs of a name and a number.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let number = |group: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(group))?;
            let mut words = line.split_whitespace();
            words.find(|word| *word == name)?;
            words.next()?.parse().ok()
        };
        Self {
            tcp_in_use: number("TCP:", "inuse"),
            time_wait: number("TCP:", "tw"),
            fragment_queues: number("FRAG:", "inuse"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(text: &str) -> Counters {
        let mut counters = Counters::default();
        counters.read_tables(text);
        counters
    }

    #[test]
    fn column_is_found_by_name_and_absent_is_not_zero() {
        let counters = counters(
            "TcpExt: SyncookiesSent PAWSPassive ListenDrops\nTcpExt: 1 22 333\n\
             IpExt: InNoRoutes\nIpExt: 7\n",
        );
        assert_eq!(counters.value(Counter::PawsPassive), Some(22));
        assert_eq!(counters.value(Counter::ListenDrops), Some(333));
        assert_eq!(counters.value(Counter::ReqQueueFullDrop), None);
    }

    #[test]
    fn damaged_tables_give_what_can_be_read() {
        for (text, want) in [
            ("TcpExt: PAWSPassive ListenDrops\nTcpExt: 5\n", Some(5)),
            ("TcpExt: PAWSPassive\nTcpExt: five\n", None),
            ("TcpExt: PAWSPassive\nIp: 5\n", None),
            ("TcpExt: PAWSPassive\n", None),
            ("", None),
        ] {
            assert_eq!(counters(text).value(Counter::PawsPassive), want, "{text}");
        }
    }

    #[test]
    fn counter_of_32_bits_wraps_and_one_that_was_set_back_begins_anew() {
        for (earlier, later, want) in [(5, 12, 7), (u64::from(u32::MAX), 3, 4), (1 << 40, 3, 3)] {
            assert_eq!(rise(earlier, later), want, "{earlier} {later}");
        }
    }

    #[test]
    fn sockets_are_read_by_protocol() {
        let text = "sockets: used 290\nTCP: inuse 5 orphan 0 tw 317 alloc 7 mem 1\nUDP: inuse 2\n\
                    FRAG: inuse 4 memory 1280\n";
        let sockets = Sockets::parse(text);
        assert_eq!(sockets.tcp_in_use, Some(5));
        assert_eq!(sockets.time_wait, Some(317));
        assert_eq!(sockets.fragment_queues, Some(4));
        assert_eq!(Sockets::parse("TCP6: inuse 5\n"), Sockets::default());
    }
}
