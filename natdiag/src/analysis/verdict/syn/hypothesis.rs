//! How likely each trouble makes what was observed. A likelihood is a product over channels that do not overlap: fates
//! of SYNs, SYN-ACKs that were lost, SYN-ACKs that came again, reused four-tuples, clocks, neighbours.

use super::{
    authentication,
    channel::{ln_aborts, ln_clocks, ln_lost_answers, ln_neighbours, ln_repeats, ln_reuse},
    group::{by_port, ln_filter, ln_four_tuple, ln_selective, with_timestamps, without_timestamps},
    limit::{ln_limit, ln_open_limit},
    option, port_limit, port_race,
    rates::{BACKGROUND, EXCEPTIONS, LOSS, MOSTLY, NOW_AND_THEN, OPEN, STRAY_LOSS, outcomes},
    recycle::{ln_recycle, ln_recycle_of_some},
    spell::{ln_nearly_full, ln_outage},
    unknown,
};
use crate::analysis::{
    diagnosis::Cause,
    evidence::{Outcomes, SynEvidence},
    verdict::{
        Case,
        base_rates::{SYN_TROUBLES, SynTrouble},
        data,
        likelihood::{Rate, ln_known, ln_mixture, ln_series, normalise},
    },
};

/// Connections that wait in a queue that is always full wait long; elsewhere most are served at once.
const WAITS: Rate = Rate::new(4.0, 1.0);
const PROMPT: Rate = Rate::new(0.5, 2.5);
/// Where the queue is full now and then, some do.
const SOME_WAIT: Rate = Rate::new(1.0, 2.0);

/// How often none of the rules of chance, spells, queues and limits is quite that of a host: two queues in a row, a limit
/// that others use up too, an application that is slow now and then. What the fates then say for one of these and
/// against another is an accident of the rules, and only priors are left. In the simulation, of limits and queues that
/// were taken for each other or for loss by odds of a hundred to one and more, there were about as many as with this.
const MISFIT: f64 = 0.01;

/// The cause that a trouble goes by.
pub(super) const fn cause(trouble: SynTrouble) -> Cause {
    match trouble {
        SynTrouble::Recycle | SynTrouble::RecycleOfSome => Cause::TwRecycle,
        SynTrouble::Loss | SynTrouble::Outage => Cause::PacketLoss,
        SynTrouble::ReturnLoss => Cause::ReturnPathLoss,
        SynTrouble::Filter | SynTrouble::FilterOfClients | SynTrouble::TimestampsDemanded => {
            Cause::Filtered
        }
        SynTrouble::TimestampsFiltered => Cause::TimestampsFiltered,
        SynTrouble::Unreachable | SynTrouble::OneOfSeveral => Cause::Routing,
        SynTrouble::Backlog | SynTrouble::NewHosts => Cause::BacklogOverflow,
        SynTrouble::RateLimit => Cause::RateLimit,
        SynTrouble::PortReuse => Cause::PortReuse,
        SynTrouble::Authentication => Cause::SynAuthentication,
        SynTrouble::OptionDropped => Cause::SynOptionDropped,
        SynTrouble::PortLimit => Cause::NatPortExhaustion,
        SynTrouble::PortRace => Cause::NatPortRace,
        SynTrouble::Unknown => Cause::InsufficientEvidence,
    }
}

/// Probability of each trouble, given what was observed.
pub(super) fn posterior(case: &Case, syns: &SynEvidence) -> Vec<(SynTrouble, f64)> {
    let in_order = InOrder::of(syns);
    let lns: Vec<f64> = SYN_TROUBLES
        .iter()
        .map(|(trouble, prior)| prior.ln() + ln_likelihood(*trouble, case, syns, &in_order))
        .collect();
    SYN_TROUBLES
        .iter()
        .map(|(trouble, _)| *trouble)
        .zip(normalise(&lns))
        .collect()
}

/// The same where the rules that are alike may not fit: what no observation tells apart is shared out by priors. What
/// all of them have together stays.
pub(super) fn with_misfit(posterior: &[(SynTrouble, f64)]) -> Vec<(SynTrouble, f64)> {
    let all_alike = |shares: &[(SynTrouble, f64)]| -> f64 {
        let alike = shares.iter().filter(|(trouble, _)| is_alike(*trouble));
        alike.map(|(_, share)| share).sum()
    };
    let (whole, priors) = (all_alike(posterior), all_alike(&SYN_TROUBLES));
    posterior
        .iter()
        .zip(SYN_TROUBLES)
        .map(|((trouble, share), (_, prior))| {
            if is_alike(*trouble) {
                let by_prior = whole * prior / priors;
                (*trouble, (1.0 - MISFIT) * share + MISFIT * by_prior)
            } else {
                (*trouble, *share)
            }
        })
        .collect()
}

/// Whether a trouble drops SYNs by a rule that depends on when they come, and on nothing that they carry.
const fn is_alike(trouble: SynTrouble) -> bool {
    matches!(
        trouble,
        SynTrouble::Loss
            | SynTrouble::Outage
            | SynTrouble::Backlog
            | SynTrouble::RateLimit
            | SynTrouble::PortLimit
            | SynTrouble::PortRace
    )
}

/// What several troubles are likely by: rules of which each makes the fate of a SYN depend on those before.
struct InOrder {
    outage: f64,
    nearly_full: f64,
    limit: f64,
    open_limit: f64,
    ports: [f64; 3],
}

impl InOrder {
    fn of(syns: &SynEvidence) -> Self {
        Self {
            outage: ln_outage(syns),
            nearly_full: ln_nearly_full(syns),
            limit: ln_limit(syns),
            open_limit: ln_open_limit(syns),
            ports: port_limit::ln_ports(syns),
        }
    }
}

fn ln_likelihood(trouble: SynTrouble, case: &Case, syns: &SynEvidence, in_order: &InOrder) -> f64 {
    ln_fates(trouble, syns, in_order)
        + ln_lost_answers(trouble, syns)
        + ln_repeats(trouble, syns)
        + ln_aborts(trouble, syns)
        + ln_reuse(trouble, syns)
        + ln_clocks(trouble, syns)
        + ln_neighbours(trouble, case.neighbours, syns)
        + data::ln_likelihood(trouble, case, syns)
}

fn ln_fates(trouble: SynTrouble, syns: &SynEvidence, in_order: &InOrder) -> f64 {
    let all = syns.all();
    match trouble {
        SynTrouble::Recycle => ln_recycle(syns),
        SynTrouble::RecycleOfSome => ln_recycle_of_some(syns),
        SynTrouble::Loss => ln_series(LOSS, all),
        SynTrouble::ReturnLoss => {
            // A SYN that the server is known to have missed was not answered at all; of the others the answer was lost.
            let missed = outcomes(syns.known_lost.min(all.dropped), 0);
            let late = syns.syn_acks_lost.min(all.answered);
            let answers = outcomes(all.dropped - missed.dropped + late, all.answered - late);
            ln_known(NOW_AND_THEN, missed) + ln_series(LOSS, answers)
        }
        SynTrouble::Outage => in_order.outage,
        // An application that stands still takes nothing, as in an outage, and those that found room wait for it; only a full
        // SYN queue makes nobody wait, which needs a server without SYN cookies. Where the application accepts at a steady
        // pace, a full queue lets just as many pass, after a wait; where it serves one at a time, so many are open and no
        // more.
        SynTrouble::Backlog => {
            let wait = ln_series(WAITS, syns.served) - ln_series(PROMPT, syns.served);
            let some_wait = ln_series(SOME_WAIT, syns.served) - ln_series(PROMPT, syns.served);
            ln_mixture(&[
                (0.27, in_order.outage + some_wait),
                (0.03, in_order.outage),
                (0.22, in_order.nearly_full + some_wait),
                (0.03, in_order.nearly_full),
                (0.42, in_order.limit + wait),
                (0.03, in_order.open_limit + wait),
            ])
        }
        SynTrouble::RateLimit => ln_mixture(&[
            (0.55, in_order.limit),
            (0.35, in_order.open_limit),
            (0.1, in_order.ports[0]),
        ]),
        // A port that does not rest looks like a limit of open connections.
        SynTrouble::PortLimit => ln_mixture(&[
            (0.2, in_order.ports[0]),
            (0.4, in_order.ports[1]),
            (0.4, in_order.ports[2]),
        ]),
        SynTrouble::PortRace => port_race::ln_fates(syns),
        SynTrouble::Authentication => authentication::ln_fates(syns),
        SynTrouble::OptionDropped => option::ln_fates(syns),
        SynTrouble::Unknown => unknown::ln_unknown(syns),
        SynTrouble::NewHosts => {
            let (first, rest) = (syns.first_contact, all.less(syns.first_contact));
            // Known hosts are let in: where they are not, loss has come beside it.
            ln_series(MOSTLY, first)
                + ln_mixture(&[
                    (0.9, ln_known(STRAY_LOSS, rest)),
                    (0.1, ln_series(BACKGROUND, rest)),
                ])
        }
        SynTrouble::Filter => ln_filter(by_port(&syns.services)),
        SynTrouble::FilterOfClients => {
            ln_filter(syns.services.iter().map(|service| service.outcomes))
        }
        SynTrouble::TimestampsFiltered => {
            ln_selective(with_timestamps(syns), without_timestamps(syns))
        }
        SynTrouble::TimestampsDemanded => {
            ln_selective(without_timestamps(syns), with_timestamps(syns))
        }
        SynTrouble::Unreachable => ln_known(1.0 - EXCEPTIONS, all),
        SynTrouble::OneOfSeveral => ln_four_tuple(syns),
        // Of ports that were used before we looked, any may have come again too early.
        SynTrouble::PortReuse => ln_mixture(&[
            (0.5, ln_series(BACKGROUND, all)),
            (
                0.5,
                ln_series(BACKGROUND, all.less(syns.unseen_use)) + ln_series(OPEN, syns.unseen_use),
            ),
        ]),
    }
}

/// Probability that SYNs beside the named trouble are lost at random, and not just now and then.
pub(super) fn loss_beside(others: Outcomes) -> f64 {
    let lns = [
        0.5_f64.ln() + ln_series(LOSS, others),
        0.5_f64.ln() + ln_known(NOW_AND_THEN, others),
    ];
    normalise(&lns).first().copied().unwrap_or(0.0)
}
