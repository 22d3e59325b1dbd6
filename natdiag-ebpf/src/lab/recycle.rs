//! The rule of `net.ipv4.tcp_tw_recycle=1`, painted in front of a server that no longer knows it.
//!
//! `net/ipv4/tcp_minisocks.c:tcp_time_wait` and `tcp_timewait_state_process` write the mark,
//! `net/ipv4/tcp_input.c:tcp_conn_request` and `net/ipv4/tcp_metrics.c:tcp_peer_is_proven` obey it (v4.9).
//! Every SYN meets it here, also one to a closed port, which the kernel would refuse first.

use aya_ebpf::{
    Global,
    btf_maps::{Array, LruHashMap},
    helpers::bpf_ktime_get_ns,
    macros::btf_map,
    programs::TcContext,
};
use natdiag_common::{
    Address,
    wire::{
        seq::{SeqNumber, TsVal},
        tcp::{ACK, FIN, RST, SYN},
    },
};

use crate::segment::Segment;

/// Longest time a peer's last timestamp still counts, in seconds.
/// Kernel: `TCP_PAWS_MSL`, include/net/tcp.h (v4.9).
const PAWS_MSL_SECS: u64 = 60;
/// How far back a timestamp may lie.
/// Kernel: `TCP_PAWS_WINDOW`, include/net/tcp.h (v4.9).
const PAWS_WINDOW: i32 = 1;
const NS_PER_SEC: u64 = 1_000_000_000;

/// Whether SYNs without timestamps are dropped too: 0 up to Linux 3.16, 1 from 3.17 to 4.11.
#[unsafe(no_mangle)]
static DROP_WITHOUT_TIMESTAMPS: Global<u8> = Global::new(0);

/// SYNs seen, and SYNs dropped.
#[btf_map]
static RECYCLE_SYNS: Array<u64, 2> = Array::new();
const SEEN: u32 = 0;
const DROPPED: u32 = 1;

#[btf_map]
static RECYCLE_MARKS: LruHashMap<Hosts, Mark, 4096> = LruHashMap::new();

#[btf_map]
static RECYCLE_CONNECTIONS: LruHashMap<FourTuple, Closing, 65536> = LruHashMap::new();

/// The key of the mark.
#[repr(C)]
#[derive(Clone, Copy)]
struct Hosts {
    server: Address,
    remote: Address,
}

/// The last timestamp of a remote host, and when it was written.
#[repr(C)]
#[derive(Clone, Copy)]
struct Mark {
    tsval: u32,
    reserved: u32,
    secs: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct FourTuple {
    hosts: Hosts,
    server_port: u16,
    remote_port: u16,
    /// Zero: padding would be part of the key.
    reserved: u32,
}

/// Who has closed a connection.
#[repr(C)]
#[derive(Clone, Copy)]
struct Closing {
    /// Number behind the FIN.
    fin_end: u32,
    /// [`BY_REMOTE`] or [`BY_SERVER`], whoever was first.
    first: u32,
}

const BY_REMOTE: u32 = 1;
const BY_SERVER: u32 = 2;

/// What becomes of a packet.
pub(crate) enum Verdict {
    Pass,
    Drop,
}

/// Looks at a segment on its way to the server.
#[inline(always)]
pub(crate) fn received(ctx: &TcContext) -> Option<Verdict> {
    let segment = Segment::read(ctx)?;
    let hosts = Hosts {
        server: segment.destination,
        remote: segment.source,
    };
    let four_tuple = FourTuple {
        hosts,
        server_port: segment.header.destination_port,
        remote_port: segment.header.source_port,
        reserved: 0,
    };
    let tsval = segment.timestamps.map(|[tsval, _]| tsval);
    if segment.has(SYN) && !segment.has(ACK) {
        return Some(judge(&hosts, &four_tuple, tsval));
    }
    if segment.has(RST) {
        let _ = RECYCLE_CONNECTIONS.remove(four_tuple);
        return None;
    }
    // SAFETY: the entry belongs to one connection, whose segments come one after the other.
    match unsafe { RECYCLE_CONNECTIONS.get(four_tuple) } {
        Some(closing) if closing.first == BY_SERVER => {
            if segment.header.ack.at_or_after(SeqNumber(closing.fin_end)) {
                remember(&hosts, tsval?);
            }
        }
        None if segment.has(FIN) => {
            let closing = Closing {
                fin_end: segment.end,
                first: BY_REMOTE,
            };
            let _ = RECYCLE_CONNECTIONS.insert(four_tuple, closing, 0);
        }
        Some(_) | None => {}
    }
    None
}

/// Looks at a segment on its way from the server.
#[inline(always)]
pub(crate) fn sent(ctx: &TcContext) -> Option<()> {
    let segment = Segment::read(ctx)?;
    if !segment.has(FIN) {
        return None;
    }
    let four_tuple = FourTuple {
        hosts: Hosts {
            server: segment.source,
            remote: segment.destination,
        },
        server_port: segment.header.source_port,
        remote_port: segment.header.destination_port,
        reserved: 0,
    };
    // SAFETY: the entry belongs to one connection, whose segments come one after the other.
    if let Some(closing) = unsafe { RECYCLE_CONNECTIONS.get(four_tuple) } {
        let answered = closing.first == BY_REMOTE
            && segment.header.ack.at_or_after(SeqNumber(closing.fin_end));
        if answered || closing.first == BY_SERVER {
            return None;
        }
    }
    let closing = Closing {
        fin_end: segment.end,
        first: BY_SERVER,
    };
    RECYCLE_CONNECTIONS.insert(four_tuple, closing, 0).ok()
}

/// Decides about a SYN.
#[inline(always)]
fn judge(hosts: &Hosts, four_tuple: &FourTuple, tsval: Option<u32>) -> Verdict {
    count(SEEN);
    // SAFETY: a mark is two numbers; one that changes meanwhile is a race that the kernel had as well.
    let mark = unsafe { RECYCLE_MARKS.get(hosts) };
    let dropped = match (mark, tsval) {
        (Some(mark), _) if !is_fresh(mark) => false,
        (Some(mark), Some(tsval)) => TsVal(mark.tsval).ahead_of(TsVal(tsval)) > PAWS_WINDOW,
        (Some(_), None) => DROP_WITHOUT_TIMESTAMPS.load() != 0,
        (None, _) => false,
    };
    if dropped {
        count(DROPPED);
        return Verdict::Drop;
    }
    let _ = RECYCLE_CONNECTIONS.remove(four_tuple);
    Verdict::Pass
}

/// Writes the mark, which only goes up while it is fresh.
#[inline(always)]
fn remember(hosts: &Hosts, tsval: u32) {
    // SAFETY: a mark is two numbers; one that changes meanwhile is a race that the kernel had as well.
    if let Some(mark) = unsafe { RECYCLE_MARKS.get(hosts) }
        && is_fresh(mark)
        && TsVal(mark.tsval).ahead_of(TsVal(tsval)) > 0
    {
        return;
    }
    let mark = Mark {
        tsval,
        reserved: 0,
        secs: now_secs(),
    };
    let _ = RECYCLE_MARKS.insert(hosts, mark, 0);
}

#[inline(always)]
fn is_fresh(mark: &Mark) -> bool {
    now_secs().wrapping_sub(mark.secs) < PAWS_MSL_SECS
}

#[inline(always)]
fn now_secs() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    now_ns / NS_PER_SEC
}

#[inline(always)]
fn count(index: u32) {
    if let Some(counter) = RECYCLE_SYNS.get_ptr_mut(index) {
        // SAFETY: the map returned the pointer. The server's packets are few; two CPUs may lose a count.
        unsafe { *counter += 1 };
    }
}
