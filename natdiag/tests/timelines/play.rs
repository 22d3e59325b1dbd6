//! Plays a timeline: its frames take the way that frames from a wire or a capture take.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use natdiag::{
    analysis::{Analysis, diagnosis::Diagnosis, suspicion::SUSPICION_PERIOD_NS},
    event::{Event, Timestamp},
};
use natdiag_common::{
    LinkType,
    classify::{Keep, classify},
    counter::{Counter, Totals},
    follow,
    packet::{self, PacketMeta, Transport},
    record::Record,
    sample,
};

use crate::{
    script::Script,
    stage::{Sent, perform},
};

/// When the first line is: any time will do.
const START_NS: u64 = 1_700_000_000_000_000_000;
/// How long is watched after the last packet: until datagrams are given up.
const AFTERWARDS: Duration = Duration::from_secs(35);

/// Plays a timeline and says what natdiag says.
pub(crate) fn play(script: &Script) -> Result<Diagnosis> {
    let mut sent = Vec::new();
    for step in &script.steps {
        perform(step, &mut sent).with_context(|| format!("`{}`", step.what))?;
    }
    sent.sort_by_key(|sent| sent.time_us);
    let mut analysis = Analysis::default();
    if script.shows_ordinary {
        analysis.shows_ordinary();
    }
    let mut totals = Totals::ZERO;
    let mut now = Timestamp(START_NS);
    let mut suspected = now;
    for sent in &sent {
        now = Timestamp(START_NS + sent.time_us * 1000);
        let Some(packet) = packet::parse(sent.frame.as_slice(), LinkType::Ethernet)
            .map_err(|error| anyhow::anyhow!("{error:?}"))?
        else {
            bail!("no IP packet");
        };
        if now.since(suspected) >= SUSPICION_PERIOD_NS {
            suspected = now;
            analysis.advance(now);
            analysis.suspects(now);
        }
        look(&mut analysis, sent, &packet, script.shows_ordinary, now);
        let seen = classify(sent.frame.as_slice(), &packet, sent.direction);
        if let Some(tally) = seen.tally {
            totals.increment(Counter::Charged);
            analysis.count(tally.remote, &tally.counts(), now);
        }
        let is_ordinary = matches!(packet.transport, Transport::Tcp { .. }) && !packet.is_notable();
        if seen.keep != Keep::Never || (script.shows_ordinary && is_ordinary) {
            let record = Record::new(
                sent.frame.as_slice(),
                &packet,
                seen.tally,
                sent.direction,
                now.0,
            );
            analysis.observe(&Event::from_record(&record, 0).context("a record")?);
        }
        analysis.set_totals(&totals, now);
    }
    let end = now.plus(u64::try_from(AFTERWARDS.as_nanos())?);
    analysis.advance(end);
    Ok(analysis.diagnose(end, 100))
}

/// Has the segments of suspects looked at, and all of them where all are seen.
fn look(
    analysis: &mut Analysis,
    sent: &Sent,
    packet: &PacketMeta,
    is_captured: bool,
    now: Timestamp,
) {
    let frame = sent.frame.as_slice();
    let Some((segment, ports)) = follow::segment(frame, packet, packet.total_len) else {
        return;
    };
    let Some(ends) = sample::ends(frame, packet, sent.direction, ports) else {
        return;
    };
    if is_captured {
        analysis.converse(sent.direction, &ends, &segment, now);
    }
    if analysis.follows(ends.remote) {
        analysis.follow(sent.direction, &ends, &segment, now);
    }
}
