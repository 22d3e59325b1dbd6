//! Folders that hold `proc` and `etc` as kernels of several ages write them, with their columns in their order.

use std::{fs, path::Path};

use tempfile::TempDir;

/// A root folder with two looks at the counters, ten seconds apart.
pub(super) struct Tree {
    folder: TempDir,
    columns: Columns,
    starts: Vec<(&'static str, u64)>,
    rises: Vec<(&'static str, u64)>,
}

/// The columns of one kernel (`snmp4_net_list`, `snmp4_ipstats_list`, `snmp4_tcp_list`, `net/ipv4/proc.c`).
#[derive(Clone, Copy)]
struct Columns {
    tcp_ext: &'static str,
    ip: &'static str,
    tcp: &'static str,
}

const IP: &str = "Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards \
                  InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs \
                  FragFails FragCreates";
const TCP: &str = "RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab \
                   InSegs OutSegs RetransSegs InErrs OutRsts";

const SOCKSTAT: &str = "sockets: used 290\nTCP: inuse 5 orphan 0 tw 317 alloc 7 mem 1\nUDP: inuse 2 mem 2\n\
                        RAW: inuse 0\nFRAG: inuse 0 memory 0\n";

const LINUX_2_6_32: Columns = Columns {
    tcp_ext: "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned \
              OutOfWindowIcmps LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSPassive PAWSActive PAWSEstab \
              DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops TCPPrequeued \
              TCPDirectCopyFromBacklog TCPDirectCopyFromPrequeue TCPPrequeueDropped TCPHPHits TCPHPHitsToUser \
              TCPPureAcks TCPHPAcks",
    ip: IP,
    tcp: TCP,
};
const LINUX_3_10: Columns = Columns {
    tcp_ext: "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned \
              OutOfWindowIcmps LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSPassive PAWSActive PAWSEstab \
              DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops TCPPrequeued TCPHPHits \
              TCPBacklogDrop TCPMinTTLDrop TCPDeferAcceptDrop IPReversePathFilter TCPTimeWaitOverflow \
              TCPReqQFullDoCookies TCPReqQFullDrop TCPRetransFail TCPRcvCoalesce",
    ip: IP,
    tcp: "RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs \
          OutSegs RetransSegs InErrs OutRsts InCsumErrors",
};
const LINUX_6_1: Columns = Columns {
    tcp_ext: "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned \
              OutOfWindowIcmps LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSActive PAWSEstab DelayedACKs \
              DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops TCPHPHits TCPPureAcks TCPHPAcks \
              TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop TCPDeferAcceptDrop IPReversePathFilter \
              TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop TCPRetransFail TCPRcvCoalesce",
    ip: IP,
    tcp: LINUX_3_10.tcp,
};

impl Tree {
    pub(super) fn linux_2_6_32() -> Self {
        // No namespace has a file of its own yet.
        Self::new("2.6.32-754.el6.x86_64", LINUX_2_6_32).without("proc/self")
    }

    pub(super) fn linux_3_10() -> Self {
        Self::new("3.10.0-1160.el7.x86_64", LINUX_3_10)
    }

    pub(super) fn linux_4_4() -> Self {
        Self::new("4.4.0-210-generic", LINUX_3_10)
    }

    pub(super) fn linux_4_9() -> Self {
        Self::new("4.9.115", LINUX_3_10)
    }

    pub(super) fn linux_6_1() -> Self {
        Self::new("6.1.0-18-amd64", LINUX_6_1).file("proc/sys/net/ipv4/tcp_tw_reuse", "2\n")
    }

    fn new(release: &str, columns: Columns) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            columns,
            starts: Vec::new(),
            rises: Vec::new(),
        }
        .release(release)
        .file("collected", "2026-01-01T00:00:00Z\n")
        .file("proc/self/ns/net", "net:[4026531956]\n")
        .file("proc/sys/net/core/netdev_max_backlog", "1000\n")
        .file("proc/sys/net/ipv4/tcp_tw_reuse", "0\n")
        .file("proc/sys/net/ipv4/tcp_timestamps", "1\n")
        .file("proc/net/sockstat", SOCKSTAT)
        .file("later/proc/net/sockstat", SOCKSTAT)
        .file("later/seconds", "10\n")
        .with_counters()
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn release(self, release: &str) -> Self {
        self.file("proc/sys/kernel/osrelease", &format!("{release}\n"))
    }

    pub(super) fn tw_recycle(self, value: i64) -> Self {
        self.file("proc/sys/net/ipv4/tcp_tw_recycle", &format!("{value}\n"))
    }

    /// Another network namespace, which has no settings of devices.
    pub(super) fn in_container(self) -> Self {
        self.without("proc/sys/net/core/netdev_max_backlog")
            .file("proc/sys/net/core/somaxconn", "128\n")
    }

    pub(super) fn starts(mut self, numbers: &[(&'static str, u64)]) -> Self {
        self.starts = numbers.to_vec();
        self.with_counters()
    }

    pub(super) fn rises(mut self, numbers: &[(&'static str, u64)]) -> Self {
        self.rises = numbers.to_vec();
        self.with_counters()
    }

    pub(super) fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(super) fn without(self, path: &str) -> Self {
        let path = self.folder.path().join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        self
    }

    fn with_counters(self) -> Self {
        let (starts, rises) = (self.starts.clone(), self.rises.clone());
        let number = |name: &str, is_later: bool| {
            let of = |numbers: &[(&str, u64)]| {
                let found = numbers.iter().find(|(known, _)| *known == name);
                found.map_or(0, |(_, number)| *number)
            };
            of(&starts) + if is_later { of(&rises) } else { 0 }
        };
        let table = |group: &str, columns: &str, is_later| {
            let numbers: Vec<_> = columns
                .split_whitespace()
                .map(|name| match name {
                    "MaxConn" => "-1".to_owned(),
                    name => number(name, is_later).to_string(),
                })
                .collect();
            let names: Vec<_> = columns.split_whitespace().collect();
            format!(
                "{group}: {}\n{group}: {}\n",
                names.join(" "),
                numbers.join(" ")
            )
        };
        let Columns { tcp_ext, ip, tcp } = self.columns;
        let mut tree = self;
        for (folder, is_later) in [("proc/net", false), ("later/proc/net", true)] {
            let netstat = table("TcpExt", tcp_ext, is_later);
            let snmp = table("Ip", ip, is_later) + &table("Tcp", tcp, is_later);
            tree = tree
                .file(&format!("{folder}/netstat"), &netstat)
                .file(&format!("{folder}/snmp"), &snmp);
        }
        tree
    }
}
