//! Changes the timestamps of the test's connections on the way out, and changes them back on the way in, so that the
//! host's own TCP notices nothing. The checksum follows each change (RFC 1624).

use aya_ebpf::{helpers::bpf_get_socket_cookie, programs::TcContext};
use natdiag_common::{
    Direction,
    probe::{ProbeConnection, SET, STRIP},
    wire::tcp::{ACK, RST, SYN},
};

use crate::{
    maps,
    rewrite::{now_ns, replace, strip},
    segment::{Segment, Timestamps},
};

/// Place of data offset and flags in a TCP header.
const FLAGS_OFFSET: usize = 12;

/// Looks at a sent packet. `None` is one of somebody else, which stays as it is.
#[inline(always)]
pub(crate) fn sent(ctx: &TcContext) -> Option<()> {
    // SAFETY: the kernel hands a valid context over.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.skb.skb.cast()) };
    let connection = maps::connection_of_socket(cookie)?;
    let segment = Segment::read(ctx, Direction::Egress)?;
    if segment.has(SYN) {
        note_syn(connection, &segment, cookie);
    }
    if let Some(timestamps) = segment.timestamps {
        change(ctx, connection, &segment, timestamps)?;
    }
    if connection.refuse != 0 && segment.has(ACK) && !segment.has(SYN) {
        refuse(ctx, &segment)?;
    }
    Some(())
}

/// Looks at a received packet. `None` is one of somebody else, which stays as it is.
#[inline(always)]
pub(crate) fn received(ctx: &TcContext) -> Option<()> {
    let segment = Segment::read(ctx, Direction::Ingress)?;
    let connection = maps::connection_between(&segment.ends)?;
    note_answer(connection, &segment);
    let timestamps = segment.timestamps?;
    if connection.mode == SET && segment.has(ACK) {
        replace(
            ctx,
            &segment,
            timestamps.offset + 6,
            timestamps.tsecr.to_be_bytes(),
            timestamps
                .tsecr
                .wrapping_sub(connection.shift)
                .to_be_bytes(),
        )?;
    }
    Some(())
}

#[inline(always)]
fn note_syn(connection: &mut ProbeConnection, segment: &Segment, cookie: u64) {
    if connection.syns_sent == 0 {
        connection.syn_sent_ns = now_ns();
        connection.isn = segment.header.seq.0;
        if let Some(Timestamps { tsval, .. }) = segment.timestamps {
            if connection.mode == SET {
                connection.shift = connection.wanted_tsval.wrapping_sub(tsval);
            }
            connection.first_tsval = tsval.wrapping_add(connection.shift);
        }
        maps::note_ends(&segment.ends, cookie);
    }
    connection.syns_sent += 1;
}

#[inline(always)]
fn note_answer(connection: &mut ProbeConnection, segment: &Segment) {
    let acknowledges = segment.header.ack.0 == connection.isn.wrapping_add(1);
    let answers = connection.syn_acks == 0 && connection.resets == 0;
    if segment.has(SYN) && segment.has(ACK) && acknowledges {
        connection.syn_acks += 1;
        if segment.timestamps.is_some() {
            connection.syn_acks_with_timestamps += 1;
        }
    } else if answers && segment.has(RST) {
        connection.resets += 1;
    } else if answers {
        connection.stray_segments += 1;
        return;
    }
    if connection.answered_ns == 0 {
        connection.answered_ns = now_ns();
        connection.ttl = u32::from(segment.ttl);
    }
}

/// Shifts the timestamp of a segment, or takes the option out of a SYN.
#[inline(always)]
fn change(
    ctx: &TcContext,
    connection: &mut ProbeConnection,
    segment: &Segment,
    timestamps: Timestamps,
) -> Option<()> {
    let Timestamps { offset, tsval, .. } = timestamps;
    match connection.mode {
        SET => {
            let shifted = tsval.wrapping_add(connection.shift);
            connection.last_tsval = shifted;
            let value = offset + 2;
            replace(
                ctx,
                segment,
                value,
                tsval.to_be_bytes(),
                shifted.to_be_bytes(),
            )
        }
        STRIP => strip(ctx, segment, timestamps),
        _ => {
            connection.last_tsval = tsval;
            Some(())
        }
    }
}

/// Makes a RST of what would complete the handshake: in the window, as its sequence number is the next one (RFC 9293,
/// section 3.10.7.4). The server drops the half-open connection, and writes no timestamp down.
#[inline(always)]
fn refuse(ctx: &TcContext, segment: &Segment) -> Option<()> {
    let data_offset = (segment.header.data_offset_octets as u8) << 2;
    let flags_offset = segment.offset + FLAGS_OFFSET;
    // The low half of the first octet is reserved, and Linux leaves it zero (RFC 9293, section 3.1).
    replace(
        ctx,
        segment,
        flags_offset,
        [data_offset, segment.header.flags],
        [data_offset, RST | ACK],
    )
}
