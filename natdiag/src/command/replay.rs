//! `natdiag replay`: captures to analysis to view.

use std::io;

use thiserror::Error;

use crate::{
    config::ReplayConfig,
    survey::{Survey, View},
};

/// Why a replay failed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// Standard output cannot be written.
    #[error("cannot write the report")]
    Output(#[from] io::Error),
}

/// Reads the captures to their ends.
pub fn replay(_config: &ReplayConfig, view: &mut dyn View) -> Result<Survey, ReplayError> {
    let survey = Survey::default();
    view.finish(&survey)?;
    Ok(survey)
}
