//! Which interfaces there are, and their addresses.

use std::net::IpAddr;

use super::failure::DaemonError;
use crate::{
    host::{
        address,
        link::{self, Link},
        route,
    },
    value::pattern::InterfacePattern,
};

/// The interfaces of this network namespace, and the addresses of each.
pub(super) fn present() -> Result<Vec<(Link, Vec<IpAddr>)>, DaemonError> {
    let links = link::all().map_err(DaemonError::Links)?;
    let mut addresses = address::by_interface().map_err(DaemonError::Links)?;
    Ok(links
        .into_iter()
        .map(|link| {
            let of_link = addresses.remove(&link.name).unwrap_or_default();
            (link, of_link)
        })
        .collect())
}

/// The interface of the default route, if there is one yet.
pub(super) fn of_default_route() -> Result<Option<InterfacePattern>, DaemonError> {
    let name = route::default_interface().map_err(DaemonError::Links)?;
    Ok(name.map(InterfacePattern::Name))
}
