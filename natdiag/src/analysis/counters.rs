//! The counters of a remote host as reports name them.

use natdiag_common::counter::{FragmentPosition, FragmentProtocol, RemoteCounter};

use super::{diagnosis::RemoteCounters, fates::SynSums, fragments::Datagrams, table::Counts};

/// Brings the counters of all parts together under the names of the report.
pub(super) fn counters(
    counts: &Counts,
    syns: Option<&SynSums>,
    datagrams: Datagrams,
) -> RemoteCounters {
    let value = |counter| counts.value(counter);
    let mut counters = RemoteCounters {
        fragments_tcp: counts.fragments_of(FragmentProtocol::Tcp),
        fragments_udp: counts.fragments_of(FragmentProtocol::Udp),
        fragments_icmp: counts.fragments_of(FragmentProtocol::Icmp),
        fragments_other: counts.fragments_of(FragmentProtocol::Other),
        fragments_first: counts.fragments_at(FragmentPosition::First),
        fragments_middle: counts.fragments_at(FragmentPosition::Middle),
        fragments_last: counts.fragments_at(FragmentPosition::Last),
        fragments_atomic: value(RemoteCounter::FragmentAtomic)
            + value(RemoteCounter::AtomicSegmentReceived),
        fragments_dont_fragment: value(RemoteCounter::FragmentDontFragment),
        fragments_sent: value(RemoteCounter::FragmentSent)
            + value(RemoteCounter::AtomicSegmentSent),
        datagrams_complete: datagrams.complete.iter().sum(),
        datagrams_incomplete: datagrams.incomplete.iter().sum(),
        datagrams_unobserved: datagrams.unobserved + value(RemoteCounter::DatagramUnobserved),
        largest_first_fragment_octets: value(RemoteCounter::LargestFirstTcpOctets)
            .max(value(RemoteCounter::LargestFirstOtherOctets)),
        syn_sent: value(RemoteCounter::SynSent),
        syn_received: value(RemoteCounter::SynReceived),
        syn_ack_received: value(RemoteCounter::SynAckReceived),
        syn_ack_sent: value(RemoteCounter::SynAckSent),
        rst_answering_syn: value(RemoteCounter::RstAnsweringSyn),
        rst_established: value(RemoteCounter::RstEstablished),
        rst_sent: value(RemoteCounter::RstSent),
        packet_too_big: value(RemoteCounter::PacketTooBig),
        icmp_errors: value(RemoteCounter::IcmpError),
        ..RemoteCounters::default()
    };
    if let Some(syns) = syns {
        let without = syns.without_timestamps.plus(syns.armed_without_timestamps);
        counters.syn_retransmitted = syns.retransmitted;
        counters.ack_answering_syn = syns.acks;
        counters.syn_predicted_drop_dropped = syns.predicted_drop.dropped;
        counters.syn_predicted_drop_answered = syns.predicted_drop.answered;
        counters.syn_predicted_pass_dropped = syns.predicted_pass.dropped;
        counters.syn_predicted_pass_answered = syns.predicted_pass.answered;
        counters.syn_without_timestamps_dropped = without.dropped;
        counters.syn_without_timestamps_answered = without.answered;
        counters.syn_without_timestamps_armed_dropped = syns.armed_without_timestamps.dropped;
        counters.syn_without_timestamps_armed_answered = syns.armed_without_timestamps.answered;
        counters.syn_ambiguous = syns.ambiguous;
        // As if the input ended now.
        counters.syn_undecided = syns.undecided + syns.pending;
    }
    counters
}
