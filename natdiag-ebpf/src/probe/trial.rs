//! A remedy on trial: SYNs to one remote host announce a smaller MSS, or no timestamps. Nothing else is touched, and
//! both ends settle with the handshake what holds for the connection: so the trial knows no connection, and may end at
//! any moment. It ends by itself at its deadline.

use aya_ebpf::programs::TcContext;
use natdiag_common::{
    Direction,
    wire::tcp::{ACK, SYN},
};

use crate::{
    maps,
    rewrite::{now_ns, replace, strip},
    segment::Segment,
};

/// Looks at a sent packet. `None` is one that stays as it is.
#[inline(always)]
pub(crate) fn sent(ctx: &TcContext) -> Option<()> {
    let trial = maps::trial()?;
    if now_ns() >= trial.deadline_ns {
        return None;
    }
    let segment = Segment::read(ctx, Direction::Egress)?;
    let opens = segment.has(SYN) && !segment.has(ACK);
    if !opens || segment.ends.remote.halves() != trial.remote.halves() {
        return None;
    }
    let mut is_changed = false;
    if trial.strip != 0
        && let Some(timestamps) = segment.timestamps
    {
        strip(ctx, &segment, timestamps)?;
        is_changed = true;
    }
    if trial.mss != 0 {
        is_changed |= clamp(ctx, &segment, trial.mss)?;
    }
    if is_changed {
        maps::count_tried_syn();
    }
    Some(())
}

/// Lowers the MSS that a SYN announces. It is never raised.
#[inline(always)]
fn clamp(ctx: &TcContext, segment: &Segment, most: u32) -> Option<bool> {
    let Some((offset, announced)) = segment.mss(ctx) else {
        return Some(false);
    };
    if u32::from(u16::from_be_bytes(announced)) <= most {
        return Some(false);
    }
    let most = (most as u16).to_be_bytes();
    replace(ctx, segment, offset + 2, announced, most)?;
    Some(true)
}
