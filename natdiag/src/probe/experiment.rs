//! Runs a test on one address: asks the planner, makes the connection, and so on to the end.

use std::net::IpAddr;

use super::{
    connection::Record,
    connector::{ConnectError, Connector},
    outcome::Posterior,
    plan::{Bounds, Planner},
};

/// What a test on one address has found.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The connections.
    pub record: Record,
    /// How sure each cause is.
    pub posterior: Posterior,
    /// Whether the server never closes first, whatever was tried.
    pub not_armable: bool,
    /// Whether it was ended before its time.
    pub interrupted: bool,
}

/// Tests an address. Before each connection `progress` sees how things stand, and how long the pause is.
///
/// # Errors
/// No connections can be made. An interruption is none: what was found until then is returned.
pub fn run(
    address: IpAddr,
    bounds: Bounds,
    random: fastrand::Rng,
    connector: &mut dyn Connector,
    progress: &mut dyn FnMut(&Record, u64),
) -> Result<Experiment, ConnectError> {
    let mut planner = Planner::new(bounds, random);
    let mut record = Record {
        address,
        connections: Vec::new(),
    };
    let mut began_ns = None;
    let mut interrupted = false;
    while let Some(step) = planner.next(&record, connector.now_ns()) {
        progress(&record, step.pause_ns);
        let made = (|| {
            if let Some(began_ns) = began_ns {
                connector.wait_until(step.pause_ns + began_ns)?;
            }
            began_ns = Some(connector.now_ns());
            connector.attempt(&step.attempt)
        })();
        match made {
            Ok(connection) => record.connections.push(connection),
            Err(ConnectError::Skipped(error)) => {
                tracing::debug!(%error, arm = step.attempt.arm.as_str(), "left out");
            }
            Err(ConnectError::Interrupted) => {
                interrupted = true;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Experiment {
        posterior: Posterior::of(&record),
        not_armable: planner.is_not_armable(),
        record,
        interrupted,
    })
}

#[cfg(test)]
mod tests;
