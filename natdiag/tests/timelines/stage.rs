//! The frames that a line of a timeline sends.

use std::net::IpAddr;

use anyhow::{Result, bail};
use natdiag_common::{
    Direction,
    testkit::{Packet, Payload, Segment, fragmentation_needed, icmp, raw, tcp},
    wire::tcp::{CWR, ECE, SYN},
};

use crate::script::Step;

/// Sequence numbers of the SYN and of the SYN-ACK, where a line says nothing else.
const ISN: u32 = 1000;
const SERVER_ISN: u32 = 500_000;
/// Time to live as it arrives from the server and as it leaves.
const REMOTE_TTL: u32 = 52;
const LOCAL_TTL: u32 = 63;
/// What is sent by a line.
pub(crate) struct Sent {
    pub(crate) time_us: u64,
    pub(crate) direction: Direction,
    pub(crate) frame: Vec<u8>,
}

/// Adds the packets of one line.
pub(crate) fn perform(step: &Step, sent: &mut Vec<Sent>) -> Result<()> {
    match step.what.as_str() {
        "served" => {
            at(step, sent, 0.0, syn)?;
            at(step, sent, 20.0, syn_ack)?;
            at(step, sent, 60.0, fin_in)?;
            at(step, sent, 61.0, fin_out)
        }
        "closed" => {
            at(step, sent, 0.0, syn)?;
            at(step, sent, 20.0, syn_ack)?;
            at(step, sent, 60.0, fin_out)?;
            at(step, sent, 80.0, last_fin)
        }
        "blocked" => {
            for late in [0.0, 1000.0, 3000.0] {
                at(step, sent, late, syn)?;
            }
            Ok(())
        }
        "spoken" => {
            at(step, sent, 0.0, syn)?;
            at(step, sent, 20.0, syn_ack)?;
            at(step, sent, 21.0, data_out)?;
            at(step, sent, 41.0, data_in)?;
            at(step, sent, 60.0, fin_in)?;
            at(step, sent, 61.0, fin_out)
        }
        "syn" => at(step, sent, 0.0, syn),
        "data-out" => at(step, sent, 0.0, data_out),
        "data-in" => at(step, sent, 0.0, data_in),
        "syn-ack" => at(step, sent, 0.0, syn_ack),
        "fin-in" => at(step, sent, 0.0, fin_in),
        "fin-out" => at(step, sent, 0.0, fin_out),
        "rst-in" => at(step, sent, 0.0, rst_in),
        "rst-out" => at(step, sent, 0.0, rst_out),
        "syn-in" => at(step, sent, 0.0, syn_in),
        "refused" => at(step, sent, 0.0, refused),
        "icmp-error" => icmp_error(step, sent),
        "fragments" => fragments(step, sent),
        other => bail!("nobody knows how to send `{other}`"),
    }
}

/// What one line sends at one time: its segment, and which way.
struct Piece {
    segment: Segment,
    direction: Direction,
}

fn at(
    step: &Step,
    sent: &mut Vec<Sent>,
    late_ms: f64,
    piece: impl Fn(&Step, u32) -> Result<Piece>,
) -> Result<()> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time within a test"
    )]
    let late = late_ms as u32;
    let Piece { segment, direction } = piece(step, late)?;
    let (local, remote) = (step.local()?, step.end("to")?);
    let frame = match direction {
        Direction::Egress => wrap(
            step,
            &segment.ports(local.port(), remote.port()),
            (local.ip(), remote.ip()),
            LOCAL_TTL,
        )?,
        Direction::Ingress => wrap(
            step,
            &segment.ports(remote.port(), local.port()),
            (remote.ip(), local.ip()),
            REMOTE_TTL,
        )?,
    };
    sent.push(Sent {
        time_us: step.time_us + u64::from(late) * 1000,
        direction,
        frame,
    });
    Ok(())
}

fn wrap(step: &Step, segment: &Segment, (from, to): (IpAddr, IpAddr), ttl: u32) -> Result<Vec<u8>> {
    let ttl = u8::try_from(step.number("ttl", ttl)?)?;
    Ok(match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let id = u16::try_from(step.number("id", 0)?)?;
            let packet = segment.in_ipv4(from, to).ttl(ttl).identification(id);
            if step.text("df") == Some("no") {
                packet.frame()
            } else {
                packet.dont_fragment().frame()
            }
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => segment.in_ipv6(from, to).hop_limit(ttl).frame(),
        _ => bail!("the ends are of two families"),
    })
}

/// With timestamps where common stacks put them: on a SYN behind SACK permitted, else behind two no-operations.
fn with_timestamps(segment: Segment, ts: Option<u32>, ecr: u32) -> Segment {
    match ts {
        Some(ts) => segment.raw_options(&[1, 1]).timestamps(ts, ecr),
        None => segment,
    }
}

fn syn(step: &Step, late: u32) -> Result<Piece> {
    let ts = step.clock("ts")?.map(|ts| ts.wrapping_add(late));
    let segment = tcp()
        .seq(step.number("isn", ISN)?)
        .syn()
        .mss(u16::try_from(step.number("our-mss", 1460)?)?);
    let segment = asking(step, segment);
    Ok(Piece {
        segment: match ts {
            Some(ts) => segment.sack_permitted().timestamps(ts, 0),
            None => segment,
        },
        direction: Direction::Egress,
    })
}

/// A SYN that asks for what its line says.
fn asking(step: &Step, mut syn: Segment) -> Segment {
    if step.is("ecn") {
        syn = syn.flags(SYN | ECE | CWR);
    }
    if step.is("multipath") {
        // MP_CAPABLE without a key (RFC 8684, section 3.1).
        syn = syn.option(30, &[0x01, 0x81]);
    }
    if step.is("fast-open") {
        // A request for a cookie (RFC 7413, section 4.1.1).
        syn = syn.option(34, &[]);
    }
    syn
}

/// The server's clock: `server-ts`, or one that suits nobody.
fn server_ts(step: &Step, late: u32) -> Result<u32> {
    Ok(step.clock("server-ts")?.unwrap_or(4_242).wrapping_add(late))
}

fn syn_ack(step: &Step, late: u32) -> Result<Piece> {
    let ecr = if step.is("ecr") {
        step.clock("ecr")?
    } else {
        step.clock("ts")?
    };
    let segment = tcp()
        .seq(step.number("server-isn", SERVER_ISN)?)
        .syn()
        .ack(
            step.number("isn", ISN)?
                .wrapping_add(1 + step.number("astray", 0)?),
        )
        .mss(u16::try_from(step.number("mss", 1460)?)?);
    let segment = match ecr.filter(|_| !step.is("stripped")) {
        Some(ecr) => segment
            .sack_permitted()
            .timestamps(server_ts(step, late)?, ecr),
        None => segment,
    };
    Ok(Piece {
        segment,
        direction: Direction::Ingress,
    })
}

/// A segment of the server that echoes our timestamp, if we have one.
fn answering(segment: Segment, step: &Step, late: u32, ecr: Option<u32>) -> Result<Segment> {
    Ok(match ecr {
        Some(ecr) => with_timestamps(segment, Some(server_ts(step, late)?), ecr),
        None => segment,
    })
}

/// The server's FIN behind `octets` of response, of which the last `tail` come with it.
fn fin_in(step: &Step, late: u32) -> Result<Piece> {
    fin_of_server(step, late, step.number("acked", 100)?)
}

/// The server's FIN once it has seen ours.
fn last_fin(step: &Step, late: u32) -> Result<Piece> {
    fin_of_server(step, late, 101)
}

fn fin_of_server(step: &Step, late: u32, acked: u32) -> Result<Piece> {
    let tail = step.number("tail", 0)?;
    let octets = step.number("octets", 200)?;
    let segment = tcp()
        .seq(step.number("server-isn", SERVER_ISN)? + 1 + octets - tail)
        .fin()
        .ack(step.number("isn", ISN)? + 1 + acked)
        .data_len(tail as usize);
    let ecr = step.clock("ts")?.map(|ts| ts.wrapping_add(late));
    Ok(Piece {
        segment: answering(segment, step, late, ecr)?,
        direction: Direction::Ingress,
    })
}

/// Our FIN behind a request of 100 octets; `got` of the response have arrived.
fn fin_out(step: &Step, late: u32) -> Result<Piece> {
    let got = match step.text("got") {
        Some(_) => step.number("got", 0)?,
        // The server's FIN too, unless we close first.
        None => step.number("octets", 200)? + u32::from(step.what != "closed"),
    };
    let segment = tcp()
        .seq(step.number("isn", ISN)? + 1 + step.number("sent", 100)?)
        .fin()
        .ack(step.number("server-isn", SERVER_ISN)? + 1 + got);
    let ts = step.clock("ts")?.map(|ts| ts.wrapping_add(late));
    Ok(Piece {
        segment: with_timestamps(segment, ts, 4_242),
        direction: Direction::Egress,
    })
}

/// A part of the request, `octets` from `at` on (0 to 100), where `got` of the response have arrived.
fn data_out(step: &Step, late: u32) -> Result<Piece> {
    let (at, octets) = (step.number("at", 0)?, step.number("request", 100)?);
    let segment = tcp()
        .seq(step.number("isn", ISN)?.wrapping_add(1 + at))
        .ack(
            step.number("server-isn", SERVER_ISN)?
                .wrapping_add(1 + step.number("got", 0)?),
        )
        .data_len(octets as usize);
    let ts = step.clock("ts")?.map(|ts| ts.wrapping_add(late));
    Ok(Piece {
        segment: with_timestamps(segment, ts, 4_242),
        direction: Direction::Egress,
    })
}

/// A part of the response, `octets` from `at` on, that acknowledges `acked` of the request. Of no octets, a bare
/// acknowledgment; `window=` says how much it takes.
fn data_in(step: &Step, late: u32) -> Result<Piece> {
    let (at, octets) = (step.number("at", 0)?, step.number("octets", 200)?);
    let segment = tcp()
        .seq(step.number("server-isn", SERVER_ISN)?.wrapping_add(1 + at))
        .ack(
            step.number("isn", ISN)?
                .wrapping_add(1 + step.number("acked", 100)?),
        )
        .window(u16::try_from(step.number("window", 64_240)?)?)
        .data_len(octets as usize);
    let ecr = step.clock("ts")?.map(|ts| ts.wrapping_add(late));
    Ok(Piece {
        segment: answering(segment, step, late, ecr)?,
        direction: Direction::Ingress,
    })
}

/// A RST behind `octets` of response; `bare` without ACK.
fn rst_in(step: &Step, _late: u32) -> Result<Piece> {
    let segment = tcp()
        .seq(step.number("server-isn", SERVER_ISN)? + 1 + step.number("octets", 0)?)
        .rst()
        .window(u16::try_from(step.number("window", 0)?)?);
    let segment = if step.is("bare") {
        segment
    } else {
        segment.ack(step.number("isn", ISN)? + 101)
    };
    Ok(Piece {
        segment,
        direction: Direction::Ingress,
    })
}

/// Our RST at `seq=`; with `aborts` behind `sent=` octets and with ACK.
fn rst_out(step: &Step, _late: u32) -> Result<Piece> {
    let segment = if step.is("aborts") {
        tcp()
            .seq(step.number("isn", ISN)? + 1 + step.number("sent", 100)?)
            .rst()
            .ack(step.number("server-isn", SERVER_ISN)? + 1)
    } else {
        tcp().seq(step.number("seq", 77)?).rst()
    };
    Ok(Piece {
        segment,
        direction: Direction::Egress,
    })
}

/// A SYN from the remote host to us.
fn syn_in(step: &Step, _late: u32) -> Result<Piece> {
    Ok(Piece {
        segment: tcp().seq(step.number("isn", ISN)?).syn(),
        direction: Direction::Ingress,
    })
}

fn refused(step: &Step, _late: u32) -> Result<Piece> {
    Ok(Piece {
        segment: tcp().seq(0).rst().ack(step.number("isn", ISN)? + 1),
        direction: Direction::Ingress,
    })
}

/// An `ICMP` error about our SYN: `code` of type 3; with `mtu`, about a large packet.
fn icmp_error(step: &Step, sent: &mut Vec<Sent>) -> Result<()> {
    let (local, remote) = (step.local()?, step.end("to")?);
    let (IpAddr::V4(from), IpAddr::V4(to)) = (local.ip(), remote.ip()) else {
        bail!("written for IPv4 only");
    };
    let quoted = tcp()
        .seq(step.number("isn", ISN)?)
        .syn()
        .ports(local.port(), remote.port())
        .in_ipv4(from, to)
        .octets();
    let message = match step.text("mtu") {
        Some(mtu) => fragmentation_needed(mtu.parse()?, &quoted),
        None => icmp(3, u8::try_from(step.number("code", 1)?)?).quoting(&quoted),
    };
    sent.push(Sent {
        time_us: step.time_us,
        direction: Direction::Ingress,
        frame: message.in_ipv4([192, 0, 2, 1].into(), from).frame(),
    });
    Ok(())
}

/// A datagram of `octets` from the server in fragments of `mtu`; without the last one if `cut`, without the first if
/// `headless`, only the first if `first-only`.
fn fragments(step: &Step, sent: &mut Vec<Sent>) -> Result<()> {
    let (local, remote) = (step.local()?, step.end("to")?);
    let protocol = u8::try_from(step.number("protocol", 6)?)?;
    let data = vec![0x50; step.number("octets", 2000)? as usize];
    let mtu = step.number("mtu", 1500)? as usize;
    let id = step.number("id", step.number)?;
    let payload = raw(protocol, &data);
    let mut frames: Vec<Vec<u8>> = match (remote.ip(), local.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let packet = payload
                .in_ipv4(from, to)
                .identification(u16::try_from(id & 0xffff)?);
            let packet = if step.text("df") == Some("yes") {
                packet.dont_fragment()
            } else {
                packet
            };
            packet.fragments(mtu).iter().map(Packet::frame).collect()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let packet = payload.in_ipv6(from, to).identification(id);
            packet.fragments(mtu).iter().map(Packet::frame).collect()
        }
        _ => bail!("the ends are of two families"),
    };
    if step.is("cut") {
        frames.pop();
    }
    if step.is("first-only") {
        frames.truncate(1);
    }
    if step.is("headless") {
        frames.remove(0);
    }
    for (place, frame) in (0..).zip(frames) {
        sent.push(Sent {
            time_us: step.time_us + place * 10,
            direction: Direction::Ingress,
            frame,
        });
    }
    Ok(())
}
