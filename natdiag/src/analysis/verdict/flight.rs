//! Connections open, and what we send on them is not taken: after a silence, as a first flight of several segments, as
//! large segments, or by chance. Competing hypotheses, each in a file.

mod black_hole;
mod contents;
mod first;
mod idle;
mod loss;
mod seen;
mod trouble;

use self::{
    black_hole::BLACK_HOLE,
    contents::CONTENTS,
    first::FIRST,
    idle::IDLE,
    loss::LOSS,
    seen::Seen,
    trouble::{Named, Trouble},
};
use super::{
    Case,
    case::{finding, insufficient},
    contest::{Alternatives, Contest, NAMED},
};
use crate::analysis::diagnosis::{Cause, Finding};

/// All that may keep what we send from being taken.
static TROUBLES: [Trouble; 5] = [IDLE, FIRST, BLACK_HOLE, LOSS, CONTENTS];

/// Whether anything is to be explained here.
pub(super) fn has_symptom(case: &Case) -> bool {
    case.conversations.is_some_and(|sums| sums.stuck() > 0)
}

/// What keeps what we send from being taken. Where it `is_explained` by what SYNs have shown, it is not said that
/// nobody knows.
pub(super) fn findings(case: &Case, is_explained: bool) -> Option<Finding> {
    let seen = Seen::of(case).filter(|seen| seen.stuck() > 0)?;
    let contest = contest(seen);
    let best = contest.best().filter(|(_, share)| *share >= NAMED);
    let named = best.and_then(|(trouble, share)| {
        let named = trouble.named.as_ref()?;
        (named.is_founded)(seen).then_some((trouble.cause, named, share))
    });
    match named {
        Some((cause, named, confidence)) => {
            let alternatives = alternatives(seen, &contest, Some(cause));
            Some(Finding {
                confidence,
                excluded: alternatives.excluded,
                not_excluded: alternatives.not_excluded,
                ..named.finding(cause, seen)
            })
        }
        None if is_explained => None,
        None => Some(not_known(seen, &contest)),
    }
}

impl Named {
    /// What is said where it is named, without confidence and alternatives.
    fn finding(&self, cause: Cause, seen: Seen) -> Finding {
        finding(
            cause,
            self.severity,
            (self.summary)(seen),
            seen.evidence(),
            (self.remedy)(seen),
        )
    }
}

fn not_known(seen: Seen, contest: &Contest<&'static Trouble>) -> Finding {
    let stuck = seen.stuck();
    let heard = if seen.heard_meanwhile() == 0 {
        "and the host was not heard at all meanwhile, so that it or the way to it was down"
    } else {
        "while the host spoke on other connections"
    };
    let summary = format!(
        "{} hung: what was sent was repeated again and again and not acknowledged, {heard}",
        trouble::counted(stuck, "open connection", "open connections")
    );
    let remedy = vec![
        "watch longer, so that it shows what these connections have in common: how long they were idle, how much they sent at once".to_owned(),
        "`ss -tino dst HOST` shows the retransmissions of such a connection while it hangs".to_owned(),
    ];
    Finding {
        not_excluded: alternatives(seen, contest, None).not_excluded,
        ..insufficient(summary, seen.evidence(), remedy)
    }
}

fn contest(seen: Seen) -> Contest<&'static Trouble> {
    Contest::of(
        TROUBLES
            .iter()
            .map(|trouble| (trouble, trouble.prior, trouble.ln_likelihood(seen))),
    )
}

fn alternatives(
    seen: Seen,
    contest: &Contest<&'static Trouble>,
    named: Option<Cause>,
) -> Alternatives {
    contest.alternatives(
        named,
        |trouble| Some(trouble.cause),
        |trouble, share, is_excluded| {
            if is_excluded {
                (trouble.why_excluded)(seen)
            } else {
                super::contest::fits(share)
            }
        },
    )
}

#[cfg(test)]
mod tests;
