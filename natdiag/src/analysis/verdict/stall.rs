//! Connections open, and then data does not get through: what keeps it, as competing hypotheses. Each has a file.

mod application;
mod black_hole;
mod contents;
mod loss;
mod paws;
mod seen;
mod trouble;

pub(super) use self::seen::{SEVERAL, Seen, Stalls};

use self::{
    application::APPLICATION,
    black_hole::BLACK_HOLE,
    contents::CONTENTS,
    loss::LOSS,
    paws::PAWS,
    trouble::{Named, Trouble},
};
use super::{
    contest::{Alternatives, Contest, NAMED},
    finding,
};
use crate::analysis::diagnosis::{Cause, Finding};

/// All that may keep data of open connections from getting through.
static TROUBLES: [Trouble; 5] = [APPLICATION, LOSS, BLACK_HOLE, CONTENTS, PAWS];

/// The finding that explains what is seen, if one does. Of those that data does not tell well enough none is named.
pub(super) fn explained(seen: &Seen) -> Option<Finding> {
    let contest = contest(&seen.stalls);
    let (trouble, confidence) = contest.best().filter(|(_, share)| *share >= NAMED)?;
    let accused = trouble.accused.as_ref()?;
    let named = accused.named.as_ref()?;
    if !(named.is_founded)(seen) {
        return None;
    }
    let alternatives = alternatives(&contest, &seen.stalls, Some((accused.cause, named)));
    Some(Finding {
        confidence,
        excluded: alternatives.excluded,
        not_excluded: alternatives.not_excluded,
        ..finding(
            accused.cause,
            named.severity,
            (named.summary)(seen),
            (named.evidence)(seen),
            named.remedy.iter().map(ToString::to_string).collect(),
        )
    })
}

/// The causes that are left, or ruled out, where none is named.
pub(super) fn candidates(stalls: &Stalls) -> Alternatives {
    alternatives(&contest(stalls), stalls, None)
}

fn contest(stalls: &Stalls) -> Contest<&'static Trouble> {
    Contest::of(
        TROUBLES
            .iter()
            .map(|trouble| (trouble, trouble.prior, trouble.ln_likelihood(stalls))),
    )
}

fn alternatives(
    contest: &Contest<&'static Trouble>,
    stalls: &Stalls,
    named: Option<(Cause, &Named)>,
) -> Alternatives {
    let excludes_others = named.and_then(|(_, named)| named.excludes_others);
    contest.alternatives(
        named.map(|(cause, _)| cause),
        |trouble| Some(trouble.accused.as_ref()?.cause),
        |trouble, share, is_excluded| match &trouble.accused {
            Some(other) if is_excluded => excludes_others.unwrap_or(other.why_excluded)(stalls),
            Some(other) => (other.why_left)(share),
            None => String::new(),
        },
    )
}

#[cfg(test)]
mod tests;
