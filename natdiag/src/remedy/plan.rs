//! What is tried, as typed: `ADDRESS,mss=N` or `ADDRESS,no-timestamps`.

use std::{fmt, net::IpAddr, str::FromStr};

use thiserror::Error;

/// Sizes that a clamp may have: what every IPv4 path carries (RFC 791), and what a jumbo frame holds.
const LEAST_MSS: u16 = 536;
const MOST_MSS: u16 = 8_960;

/// What is done to the SYNs of new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// They announce this MSS at most, in octets.
    Mss(u16),
    /// They carry no timestamps.
    WithoutTimestamps,
}

/// A remedy, and towards whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialPlan {
    /// The remote host.
    pub remote: IpAddr,
    /// The remedy.
    pub remedy: Remedy,
}

/// Why a text says no remedy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// There is no comma.
    #[error(
        "write the remote host and the remedy, such as `203.0.113.80,mss=1360` or `203.0.113.80,no-timestamps`"
    )]
    Form,
    /// The address is none.
    #[error("`{0}` is no address; a trial is towards one remote host")]
    Address(String),
    /// The address is no host's.
    #[error("`{0}` is no host's address; a trial is towards one remote host")]
    NoHost(IpAddr),
    /// The remedy is unknown.
    #[error("`{0}` is no remedy; write `mss=N` or `no-timestamps`")]
    Remedy(String),
    /// The MSS is no size for a clamp.
    #[error("an MSS of `{0}` is not tried; write a number from {LEAST_MSS} to {MOST_MSS}")]
    Mss(String),
}

impl FromStr for TrialPlan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let (address, remedy) = text.split_once(',').ok_or(PlanError::Form)?;
        let remote: IpAddr = address
            .trim()
            .parse()
            .map_err(|_| PlanError::Address(address.to_owned()))?;
        if remote.is_multicast() || remote.is_unspecified() {
            return Err(PlanError::NoHost(remote));
        }
        Ok(Self {
            remote,
            remedy: remedy.trim().parse()?,
        })
    }
}

impl FromStr for Remedy {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        match text.split_once('=') {
            None if text == "no-timestamps" => Ok(Self::WithoutTimestamps),
            Some(("mss", number)) => match number.parse() {
                Ok(mss @ LEAST_MSS..=MOST_MSS) => Ok(Self::Mss(mss)),
                _ => Err(PlanError::Mss(number.to_owned())),
            },
            _ => Err(PlanError::Remedy(text.to_owned())),
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mss(mss) => write!(f, "an MSS of {mss} octets at most"),
            Self::WithoutTimestamps => f.write_str("no timestamps"),
        }
    }
}

impl fmt::Display for TrialPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on new connections to {}", self.remedy, self.remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_and_remedy_are_read() {
        for (text, remote, remedy) in [
            ("203.0.113.80,mss=1360", "203.0.113.80", Remedy::Mss(1360)),
            (
                "2001:db8::80, no-timestamps",
                "2001:db8::80",
                Remedy::WithoutTimestamps,
            ),
        ] {
            let remote = remote.parse().unwrap();
            assert_eq!(text.parse(), Ok(TrialPlan { remote, remedy }), "{text}");
        }
    }

    #[test]
    fn what_is_no_trial_is_refused_by_name() {
        for (text, says) in [
            ("203.0.113.80", "write the remote host and the remedy"),
            ("server.test,mss=1360", "`server.test` is no address"),
            ("203.0.113.0/24,mss=1360", "`203.0.113.0/24` is no address"),
            ("224.0.0.1,mss=1360", "`224.0.0.1` is no host's"),
            ("203.0.113.80,mss=100", "`100` is not tried"),
            ("203.0.113.80,mss=x", "`x` is not tried"),
            (
                "203.0.113.80,raise-timestamps",
                "`raise-timestamps` is no remedy",
            ),
        ] {
            let error = text.parse::<TrialPlan>().expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
