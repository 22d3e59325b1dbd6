//! A map of the kernel as one of aya's types, and what keeps it from being used.

use std::io;

use aya::maps::{Map, MapData, MapError, RingBuf};
use bytes::Buf as _;
use natdiag_common::Address;
use thiserror::Error;

use super::gauge::RingGauge;

/// Why a map cannot be used.
#[derive(Debug, Error)]
pub enum MapsError {
    /// The object has no such map, or it was taken before.
    #[error("the BPF object has no map `{0}`")]
    Missing(&'static str),
    /// The map is not what it should be, or the kernel refuses to read or write it.
    #[error("cannot use the BPF map `{map}`")]
    Refused {
        /// Which.
        map: &'static str,
        /// Why.
        #[source]
        source: MapError,
    },
    /// The positions of a ring cannot be read.
    #[error("cannot see how full the BPF ring `{map}` is")]
    Positions {
        /// Which.
        map: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl MapsError {
    /// The kernel's refusal, of this map.
    pub(super) fn refused(map: &'static str) -> impl FnOnce(MapError) -> Self {
        move |source| Self::Refused { map, source }
    }
}

/// Looks at how full a ring is.
pub(super) fn gauge(
    map: &'static str,
    ring: &RingBuf<MapData>,
    octets: u32,
) -> Result<RingGauge, MapsError> {
    RingGauge::new(ring, octets).map_err(|source| MapsError::Positions { map, source })
}

/// A map as one of aya's types.
pub(super) fn typed<M: TryFrom<Map, Error = MapError>>(
    name: &'static str,
    map: impl FnOnce(&'static str) -> Result<Map, MapsError>,
) -> Result<M, MapsError> {
    M::try_from(map(name)?).map_err(MapsError::refused(name))
}

/// Reads an address from the first of these octets, of which there are enough.
pub(super) fn address(octets: &mut &[u8]) -> Address {
    let mut address = [0; Address::LEN];
    octets.copy_to_slice(&mut address);
    Address::from_octets(address)
}
