//! Settings from the command line and from the configuration file.

use std::{io, path::Path};

use super::failure::DaemonError;
use crate::{
    cli::daemon::{DaemonArgs, Settings},
    config::daemon::{self, DaemonConfig},
    host::regular,
    value::place::DEFAULT_FILE,
};

/// What the command line asks for, and where it says nothing, the file.
pub(super) fn load(args: &DaemonArgs) -> Result<DaemonConfig, DaemonError> {
    let file = match &args.config {
        Some(path) => parse(path, &text(path)?)?,
        None => match text(Path::new(DEFAULT_FILE)) {
            Ok(text) => parse(Path::new(DEFAULT_FILE), &text)?,
            Err(DaemonError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Settings::default()
            }
            Err(error) => return Err(error),
        },
    };
    Ok(args.settings.clone().or(file).try_into()?)
}

/// What a file asks for.
pub(super) fn read(path: &Path) -> Result<DaemonConfig, DaemonError> {
    Ok(parse(path, &text(path)?)?.try_into()?)
}

fn text(path: &Path) -> Result<String, DaemonError> {
    let text = regular::read(path).and_then(|octets| {
        String::from_utf8(octets).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    text.map_err(|source| DaemonError::Read {
        path: path.to_owned(),
        source,
    })
}

fn parse(path: &Path, text: &str) -> Result<Settings, DaemonError> {
    daemon::parse(text).map_err(|source| DaemonError::File {
        path: path.to_owned(),
        source,
    })
}
