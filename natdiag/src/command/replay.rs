//! `natdiag replay`: captures to a report. Each capture is a source with an analysis of its own; snapshots of all are
//! taken at the same times.

mod progress;

use std::{io, time::Duration};

use self::progress::Progress;
use crate::{
    analysis::crossing::Crossing,
    capture::{Capture, CaptureError, Playback},
    command,
    config::ReplayConfig,
    names::Names,
    report::view::View,
    survey::{self, Survey},
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
    let progress = Progress::over(config);
    let mut playbacks = Vec::new();
    for file in &config.files {
        for capture in Capture::open_each(file, |stream| progress.watch(stream))? {
            let playback = Playback::new(capture, config.local.clone());
            playbacks.push(playback.with_filter(config.filter.clone()));
        }
    }
    let top = config.top.limit();
    let mut crossing = Crossing::default();
    let names = command::names(config.names);
    if playbacks.len() > 1 {
        for playback in &mut playbacks {
            playback.share_sightings();
        }
    }
    if let Some(interval) = config.interval {
        play_in_steps(&mut playbacks, interval, |playbacks| {
            view.interim(survey(playbacks, &mut crossing, top, &names))
                .map_err(ReplayError::View)
        })?;
    }
    for playback in &mut playbacks {
        playback.play(None)?;
    }
    progress.end();
    let survey = survey(&mut playbacks, &mut crossing, top, &names);
    command::wait_for_names(&survey);
    view.finish(&survey).map_err(ReplayError::View)?;
    Ok(survey)
}

/// Plays up to the last whole interval that any capture reaches, and calls `show` after each.
fn play_in_steps(
    playbacks: &mut [Playback],
    interval: Duration,
    mut show: impl FnMut(&mut [Playback]) -> Result<(), ReplayError>,
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

fn survey(
    playbacks: &mut [Playback],
    crossing: &mut Crossing,
    top: usize,
    names: &Names,
) -> Survey {
    // Played one after the other, but seen side by side.
    let mut sightings: Vec<_> = playbacks
        .iter_mut()
        .enumerate()
        .flat_map(|(source, playback)| {
            let sightings = playback.take_sightings().into_iter();
            sightings.map(move |sighting| (source, sighting))
        })
        .collect();
    sightings.sort_by_key(|(_, sighting)| sighting.time());
    for (source, sighting) in sightings {
        crossing.take(source, [sighting]);
    }
    for (source, playback) in playbacks.iter().enumerate() {
        crossing.watched(source, playback.span());
    }
    let start = playbacks.iter().filter_map(Playback::start).min();
    let end = playbacks.iter().map(Playback::now).max();
    crossing.advance(end.unwrap_or_default());
    let mut sources: Vec<_> = playbacks
        .iter()
        .map(|playback| playback.survey(top))
        .collect();
    survey::add_crossing(crossing, &mut sources);
    Survey {
        start: start.unwrap_or_default(),
        end: end.unwrap_or_default(),
        sources,
        blind_to: Vec::new(),
        own_cpu_ns: None,
        names: names.clone(),
    }
}
