//! Ports that refuse some SYNs and take others: no closed ports. When each was refused tells why: in one spell a
//! restart, beyond a number a limit, at random one of several servers or a forger. Each trouble that may be why has a
//! file.

mod injected;
mod one_of_several;
mod order;
mod rate_limit;
mod restart;
mod stopped;
#[cfg(test)]
mod tests;
mod trouble;

use self::{
    injected::INJECTED,
    one_of_several::ONE_OF_SEVERAL,
    rate_limit::RATE_LIMIT,
    restart::RESTART,
    stopped::STOPPED,
    trouble::{Named, Seen, Trouble},
};
use crate::analysis::{
    diagnosis::{Evidence, Finding},
    fates::{
        SynSums,
        refusals::{PortRefusals, RefusalSums},
    },
    verdict::{
        case::insufficient,
        contest::{Contest, NAMED},
    },
};

/// Refusals from which on their cause is named.
const SEVERAL: u64 = 2;

/// All that may refuse SYNs to a port that takes others.
static TROUBLES: [Trouble; 5] = [RESTART, STOPPED, ONE_OF_SEVERAL, RATE_LIMIT, INJECTED];

/// Ports that refuse some SYNs and take others.
pub(super) fn ports(syns: &SynSums) -> impl Iterator<Item = PortRefusals> {
    let known = syns.refusals.as_deref();
    let ports = known.map_or(&[][..], RefusalSums::ports);
    ports
        .iter()
        .filter(|port| port.by_reset > 0 && taken(syns, port) > 0)
        .copied()
}

/// SYNs to a port that were taken.
fn taken(syns: &SynSums, port: &PortRefusals) -> u64 {
    let refused = port.by_reset + port.by_error;
    syns.answered_at(port.port)
        .map_or(0, |answered| answered.saturating_sub(refused))
}

/// Why such ports refuse.
pub(super) fn findings(syns: &SynSums) -> Vec<Finding> {
    let mut findings = Vec::<Finding>::new();
    for port in ports(syns) {
        let series = order::series(syns, port.port);
        let found = why(&Seen {
            syns,
            port,
            taken: taken(syns, &port),
            series: &series,
        });
        if !findings.iter().any(|known| known.cause == found.cause) {
            findings.push(found);
        }
    }
    findings
}

fn contest(seen: &Seen) -> Contest<&'static Trouble> {
    Contest::of(
        TROUBLES
            .iter()
            .map(|trouble| (trouble, trouble.prior, trouble.ln_likelihood(seen))),
    )
}

fn why(seen: &Seen) -> Finding {
    let contest = contest(seen);
    let named: Option<(&Named, f64)> = contest.best().and_then(|(trouble, share)| {
        let named = trouble.named.as_ref()?;
        let is_named = share >= NAMED && seen.port.by_reset >= SEVERAL;
        is_named.then_some((named, share))
    });
    let alternatives = contest.alternatives(
        named.map(|(named, _)| named.cause),
        |trouble| Some(trouble.named.as_ref()?.cause),
        |trouble, share, is_excluded| match &trouble.named {
            Some(other) if is_excluded => (other.why_excluded)(seen),
            Some(other) => (other.why_left)(share),
            None => String::new(),
        },
    );
    let found = match named {
        Some((named, confidence)) => Finding {
            confidence,
            ..(named.finding)(seen, evidence(seen))
        },
        None => insufficient(
            format!(
                "port {} refused {} SYNs with a RST and took {}, and what was seen does not tell why",
                seen.port.port, seen.port.by_reset, seen.taken
            ),
            evidence(seen),
            vec![
                "watch longer: whether refusals come in one spell, or whenever many connections are opened, tells a restart from a limit".to_owned(),
            ],
        ),
    };
    Finding {
        excluded: alternatives.excluded,
        not_excluded: alternatives.not_excluded,
        ..found
    }
}

fn evidence(seen: &Seen) -> Vec<(&'static str, Evidence)> {
    vec![
        ("port", Evidence::Count(seen.port.port.into())),
        ("syn_refused", Evidence::Count(seen.port.by_reset)),
        ("syn_taken", Evidence::Count(seen.taken)),
        (
            "syn_refused_by_another_machine",
            Evidence::Count(seen.port.by_other),
        ),
    ]
}
