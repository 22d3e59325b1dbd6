//! `natdiag replay`: captures to a report. Each capture is a source with an analysis of its own; snapshots of all are
//! taken at the same times.

use std::{io, time::Duration};

use crate::{
    capture::{Capture, CaptureError, Playback},
    config::ReplayConfig,
    survey::{Survey, View},
};

/// Why a replay came to no report.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A capture gives nothing.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The report cannot be shown.
    #[error("cannot write the report")]
    View(#[source] io::Error),
}

/// Plays all captures and shows the report. With an interval, also how things stood, in the time of the captures;
/// intervals in which no packet was seen are passed over.
///
/// # Errors
/// A capture gives nothing, or the report cannot be shown.
pub fn replay(config: &ReplayConfig, view: &mut dyn View) -> Result<Survey, ReplayError> {
    let mut playbacks = config
        .files
        .iter()
        .map(|file| Ok(Playback::new(Capture::open(file)?, config.local.clone())))
        .collect::<Result<Vec<_>, CaptureError>>()?;
    let top = config.top.limit();
    if let Some(interval) = config.interval {
        play_in_steps(&mut playbacks, interval, |playbacks| {
            view.interim(survey(playbacks, top))
                .map_err(ReplayError::View)
        })?;
    }
    for playback in &mut playbacks {
        playback.play(None)?;
    }
    let survey = survey(&playbacks, top);
    view.finish(&survey).map_err(ReplayError::View)?;
    Ok(survey)
}

/// Plays up to the last whole interval that any capture reaches, and calls `show` after each.
fn play_in_steps(
    playbacks: &mut [Playback],
    interval: Duration,
    mut show: impl FnMut(&[Playback]) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    let interval_ns = u64::try_from(interval.as_nanos())
        .unwrap_or(u64::MAX)
        .max(1);
    let Some(start) = playbacks.iter().filter_map(Playback::start).min() else {
        return Ok(());
    };
    let mut is_shown = true;
    while let Some(next) = playbacks.iter().filter_map(Playback::next_time).min() {
        if !is_shown {
            show(playbacks)?;
        }
        let begun = next.since(start) / interval_ns;
        let end = start.plus(interval_ns.saturating_mul(begun.saturating_add(1)));
        for playback in &mut *playbacks {
            playback.play(Some(end))?;
        }
        is_shown = false;
    }
    Ok(())
}

fn survey(playbacks: &[Playback], top: usize) -> Survey {
    let start = playbacks.iter().filter_map(Playback::start).min();
    let end = playbacks.iter().map(Playback::now).max();
    Survey {
        start: start.unwrap_or_default(),
        end: end.unwrap_or_default(),
        sources: playbacks
            .iter()
            .map(|playback| playback.survey(top))
            .collect(),
        blind_to: Vec::new(),
        own_cpu_ns: None,
    }
}
