//! A NAT, firewall or load balancer forgot the connection while it was idle, and says nothing: what is sent then is
//! lost.

use super::{
    seen::Seen,
    trouble::{Named, SEVERAL, Trouble, counted, ln_few_tails, ln_stray_first, ln_stray_in_use},
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    fates::Outcomes,
    verdict::likelihood::{Rate, ln_mixture, ln_series},
};

/// After the limit all are forgotten, but those that something kept awake unseen.
const AFTER: Rate = Rate::new(9.8, 0.2);
/// Before the limit none is.
const BEFORE: Rate = Rate::new(0.05, 49.95);
/// The limits that are weighed: the logarithm of time is evenly believed in, between these.
const SHORTEST_NS: f64 = 1e9;
const LONGEST_NS: f64 = 86_400e9;
const LIMITS: u32 = 160;

/// Limits that are known, in seconds: documented defaults.
const KNOWN: [(u64, &str); 6] = [
    (60, "an AWS Application Load Balancer (60 s)"),
    (240, "an Azure load balancer or NAT gateway (4 min)"),
    (
        350,
        "an AWS NAT gateway, Network Load Balancer or EC2 connection tracking (350 s)",
    ),
    (600, "a GCP load balancer or firewall (10 min)"),
    (1200, "GCP Cloud NAT (20 min)"),
    (3600, "a firewall with the usual hour"),
];

pub(super) const IDLE: Trouble = Trouble {
    name: "idle",
    // Every NAT and firewall forgets, and half of them say nothing.
    prior: 0.35,
    ln_first: ln_stray_first,
    ln_silence,
    ln_in_use: ln_stray_in_use,
    ln_tails: ln_few_tails,
    cause: Cause::IdleTimeout,
    why_excluded: |seen| {
        let sums = seen.sums;
        if sums.idle.died() == 0 {
            "no connection died after a silence".to_owned()
        } else {
            format!(
                "what was idle as long or longer lived, {} times",
                lived_as_long(seen)
            )
        }
    },
    named: Some(Named {
        is_founded: |seen| seen.sums.idle.died() >= SEVERAL && has_lived(seen),
        severity: Severity::Critical,
        summary,
        remedy,
    }),
};

fn ln_silence(seen: Seen) -> f64 {
    let idle = &seen.sums.idle;
    if idle.died() == 0 {
        // A limit that no connection has reached.
        return super::trouble::ln_stray_silence(seen);
    }
    let step = (LONGEST_NS / SHORTEST_NS).ln() / f64::from(LIMITS);
    let limits: Vec<(f64, f64)> = (0..LIMITS)
        .map(|number| {
            let limit_ns = SHORTEST_NS * (step * f64::from(number)).exp();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a day of nanoseconds"
            )]
            let (before, after) = idle.split(limit_ns as u64);
            let ln = ln_series(BEFORE, outcomes(before)) + ln_series(AFTER, outcomes(after));
            (1.0 / f64::from(LIMITS), ln)
        })
        .collect();
    // What is known of the silences is that of those that died silently; of others it is not.
    let others = Outcomes {
        dropped: seen.after_silence().dropped.saturating_sub(idle.died()),
        answered: 0,
    };
    ln_mixture(&limits) + super::trouble::ln_stray(others)
}

const fn outcomes([dropped, answered]: [u64; 2]) -> Outcomes {
    Outcomes { dropped, answered }
}

/// Whether connections that were less idle lived, so that idleness is what tells them apart.
fn has_lived(seen: Seen) -> bool {
    let in_use = seen.in_use_small().plus(seen.in_use_large());
    let first = seen.first_of_one().plus(seen.first_of_several());
    seen.sums.idle.lived() + in_use.answered + first.answered >= SEVERAL
}

fn lived_as_long(seen: Seen) -> u64 {
    let idle = &seen.sums.idle;
    let shortest = idle.shortest_died_ns().unwrap_or(u64::MAX);
    let (_, [_, lived]) = idle.split(shortest);
    lived
}

const fn seconds(ns: u64) -> u64 {
    ns / 1_000_000_000
}

fn summary(seen: Seen) -> String {
    let idle = &seen.sums.idle;
    let died = idle.died();
    let after = idle.shortest_died_ns().map_or(0, seconds);
    let lived = match idle.longest_lived_ns().map(seconds) {
        Some(lived) if lived < after => {
            format!("those that were idle for {lived} s or less went on unharmed")
        }
        _ => "connections in use went on unharmed".to_owned(),
    };
    format!(
        "idle connections are forgotten on the way, and nobody says so: {} hung after {after} s of silence or more, while {lived}{}",
        counted(died, "connection", "connections"),
        known(seen)
    )
}

/// The known limits between the longest silence that lived and the shortest that died.
fn known(seen: Seen) -> String {
    let idle = &seen.sums.idle;
    let from = idle.longest_lived_ns().map_or(0, seconds);
    let to = idle.shortest_died_ns().map_or(0, seconds);
    let fitting: Vec<&str> = KNOWN
        .iter()
        .filter(|(limit, _)| from.max(to / 4) <= *limit && *limit <= to)
        .map(|(_, name)| *name)
        .collect();
    if fitting.is_empty() {
        String::new()
    } else {
        format!("; fits {}", fitting.join(", "))
    }
}

fn remedy(seen: Seen) -> Vec<String> {
    const USUAL_SECONDS: u64 = 60;
    let limit = seen.sums.idle.longest_lived_ns().map_or(0, seconds);
    let shortest = seen.sums.idle.shortest_died_ns().map_or(0, seconds);
    let safe = if limit > 0 { limit } else { shortest / 2 };
    let seconds = (safe / 2).clamp(1, USUAL_SECONDS);
    vec![
        format!(
            "keep idle connections awake, on the client: `sysctl -w net.ipv4.tcp_keepalive_time={seconds} net.ipv4.tcp_keepalive_intvl=10`, and `SO_KEEPALIVE` (`TCP_KEEPIDLE={seconds}`) in the application or its driver"
        ),
        format!(
            "or have the connection pool drop what was idle for {safe} s, and raise the limit of the NAT, firewall or load balancer between"
        ),
    ]
}
