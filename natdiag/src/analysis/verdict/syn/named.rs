//! The findings about SYNs in words: what was seen, and what to do.

use super::{
    group::{with_timestamps, without_timestamps},
    recycle::{predicted_hit, predicted_pass},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    evidence::{Outcomes, Service, SynEvidence},
    mark::LIFETIME_NS,
    service::Port,
    verdict::{Case, base_rates::SynTrouble},
};

/// No SYN was dropped for ten lifetimes of a mark: the fault sleeps.
const ASLEEP_NS: u64 = 10 * LIFETIME_NS;

/// Loss below this share of SYNs hardly matters to anybody.
const NOTICEABLE_LOSS: f64 = 0.01;

/// The finding of a trouble, but for its confidence and the alternatives.
pub(super) fn named(trouble: SynTrouble, case: &Case, syns: &SynEvidence) -> Finding {
    match trouble {
        SynTrouble::Recycle | SynTrouble::RecycleOfSome => recycle(case, syns),
        SynTrouble::Loss => loss(syns, syns.all()),
        SynTrouble::Outage => outage(syns),
        SynTrouble::ReturnLoss => return_loss(syns),
        SynTrouble::Backlog | SynTrouble::NewHosts => backlog(syns),
        SynTrouble::RateLimit => rate_limit(syns),
        SynTrouble::PortReuse => port_reuse(syns),
        SynTrouble::Unreachable | SynTrouble::OneOfSeveral => unreachable(case, syns),
        SynTrouble::TimestampsFiltered => timestamps_filtered(syns),
        SynTrouble::Filter => filtered(syns),
        SynTrouble::FilterOfClients => clients_filtered(syns),
        SynTrouble::TimestampsDemanded => timestamps_demanded(syns),
    }
}

/// A finding with the evidence that all about SYNs share.
pub(super) fn finding(
    cause: Cause,
    severity: Severity,
    summary: String,
    syns: &SynEvidence,
    remedy: Vec<String>,
) -> Finding {
    let all = syns.all();
    let evidence = vec![
        ("syn_dropped", Evidence::Count(all.dropped)),
        ("syn_answered", Evidence::Count(all.answered)),
        (
            "connections_failed",
            Evidence::Count(syns.connections.failed),
        ),
        ("connections_late", Evidence::Count(syns.connections.late)),
    ];
    Finding {
        cause,
        confidence: 1.0,
        severity,
        summary,
        evidence,
        excluded: Vec::new(),
        not_excluded: Vec::new(),
        remedy,
    }
}

fn recycle(case: &Case, syns: &SynEvidence) -> Finding {
    let armed = syns.armed_without_timestamps;
    let era = match (armed.dropped, armed.answered) {
        (0, 0) => "not known: no SYN without timestamps met its mark",
        (dropped, answered) if dropped > answered => {
            "3.17 to 4.11: SYNs without timestamps are dropped as well"
        }
        _ => "up to 3.16: SYNs without timestamps pass",
    };
    let asleep = syns
        .last_predicted_drop
        .is_none_or(|at| case.now.since(at) >= ASLEEP_NS)
        && syns.answered_since > 0;
    let (hit, spared) = (predicted_hit(syns), predicted_pass(syns));
    let (cause, severity, summary) = if asleep {
        let summary = format!(
            "tcp_tw_recycle is on at this server; it has dropped {} SYNs and none in the last 10 minutes",
            hit.dropped
        );
        (Cause::TwRecycleLatent, Severity::Warning, summary)
    } else {
        let summary = format!(
            "tcp_tw_recycle is on at this server: it dropped {} of {} SYNs that its rule predicts to be dropped, and {} of {} others",
            hit.dropped,
            hit.total(),
            spared.dropped,
            spared.total()
        );
        (Cause::TwRecycle, Severity::Critical, summary)
    };
    let mut remedy = vec![
        "ask the owner of the server to run `sysctl -w net.ipv4.tcp_tw_recycle=0`; `net.ipv4.tcp_tw_reuse=1` is the safe option"
            .to_owned(),
    ];
    remedy.push(if armed.dropped > armed.answered {
        "turning timestamps off on the clients does not help: a server of this age drops such SYNs as well".to_owned()
    } else if armed.answered > 0 {
        "until then, `sysctl -w net.ipv4.tcp_timestamps=0` on the clients lets their SYNs pass".to_owned()
    } else {
        "turning timestamps off on the clients helps only where the server's kernel is older than 3.17".to_owned()
    });
    let mut finding = finding(cause, severity, summary, syns, remedy);
    finding
        .evidence
        .push(("server_kernel", Evidence::Text(era.to_owned())));
    if let Some((mark, since)) = syns.mark {
        let age = case.now.since(since);
        finding
            .evidence
            .push(("mark", Evidence::Count(u64::from(mark.0))));
        finding.evidence.push((
            "mark_heals_in_seconds",
            Evidence::Count(LIFETIME_NS.saturating_sub(age) / 1_000_000_000),
        ));
    }
    for (name, wanted) in [("locals_hit", true), ("locals_spared", false)] {
        let list: Vec<String> = syns
            .services
            .iter()
            .filter(|service| {
                (service.outcomes.dropped > 0) == wanted && service.outcomes.total() > 0
            })
            .map(|service| {
                let outcomes = service.outcomes;
                format!(
                    "{}: {} of {} SYNs to port {} dropped",
                    service.local,
                    outcomes.dropped,
                    outcomes.total(),
                    Port(service.port)
                )
            })
            .collect();
        finding.evidence.push((name, Evidence::List(list)));
    }
    if let Some(clocks) = syns.clocks.count().filter(|clocks| *clocks > 1) {
        finding
            .evidence
            .push(("clocks_behind_the_address", Evidence::Count(clocks as u64)));
    }
    let unseen = if syns.shared_address {
        Some(
            "hosts that do not pass here may share our address and raise the mark unseen"
                .to_owned(),
        )
    } else if syns.early.dropped > 0 {
        Some(format!(
            "a mark from before we looked may have dropped {} of the others, within the first minute",
            syns.early.dropped
        ))
    } else {
        None
    };
    finding
        .evidence
        .extend(unseen.map(|note| ("unseen", Evidence::Text(note))));
    finding
}

/// Loss of some SYNs at random.
pub(super) fn loss(syns: &SynEvidence, all: Outcomes) -> Finding {
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    let share = all.dropped as f64 / all.total() as f64;
    let severity = if share >= NOTICEABLE_LOSS {
        Severity::Warning
    } else {
        Severity::Info
    };
    let summary = format!(
        "packets are lost on the way: {} of {} SYNs ({:.1} %) got no answer, at random",
        all.dropped,
        all.total(),
        share * 100.0
    );
    let remedy = vec![
        "look for loss hop by hop, in both directions: `mtr --tcp --port PORT HOST`".to_owned(),
    ];
    let mut finding = finding(Cause::PacketLoss, severity, summary, syns, remedy);
    finding
        .evidence
        .push(("loss_share", Evidence::Ratio(share)));
    finding
}

const ASK_FOR_FILTERS: &str = "ask for the filters on the way and at the server: firewall rules, security groups, network ACLs";

fn filtered(syns: &SynEvidence) -> Finding {
    let blocked = blocked(syns, |service| service.port);
    let named: Vec<_> = blocked.iter().map(|port| Port(*port).to_string()).collect();
    let summary = format!(
        "something drops every SYN to port {}, whatever it carries",
        named.join(", ")
    );
    let blocked: Vec<_> = blocked.iter().map(u16::to_string).collect();
    // nc(1) of OpenBSD and that of Nmap agree on one port only.
    let port = blocked.first().map_or("PORT", String::as_str);
    let remedy = vec![
        ASK_FOR_FILTERS.to_owned(),
        format!("compare with another port of the same host: `nc -vz -w 3 HOST {port}`"),
    ];
    let mut finding = finding(Cause::Filtered, Severity::Critical, summary, syns, remedy);
    finding
        .evidence
        .push(("ports_blocked", Evidence::List(blocked)));
    finding
}

fn clients_filtered(syns: &SynEvidence) -> Finding {
    let blocked: Vec<_> = blocked(syns, |service| (service.local, service.port))
        .iter()
        .map(|(local, port)| format!("{local} to port {}", Port(*port)))
        .collect();
    let summary = format!(
        "something drops every SYN of some clients, whatever it carries: {}",
        blocked.join(", ")
    );
    let remedy = vec![ASK_FOR_FILTERS.to_owned()];
    let mut finding = finding(Cause::Filtered, Severity::Critical, summary, syns, remedy);
    finding
        .evidence
        .push(("clients_blocked", Evidence::List(blocked)));
    finding
}

fn timestamps_demanded(syns: &SynEvidence) -> Finding {
    let (with, without) = (with_timestamps(syns), without_timestamps(syns));
    let summary = format!(
        "something drops SYNs that carry no timestamps: {} of {} without them, {} of {} with",
        without.dropped,
        without.total(),
        with.dropped,
        with.total()
    );
    let remedy = vec![
        ASK_FOR_FILTERS.to_owned(),
        "until then `sysctl -w net.ipv4.tcp_timestamps=1` on the clients helps".to_owned(),
    ];
    finding(Cause::Filtered, Severity::Critical, summary, syns, remedy)
}

/// Those to whom most SYNs were dropped, each once.
fn blocked<T: Ord>(syns: &SynEvidence, who: impl Fn(&Service) -> T) -> Vec<T> {
    let mut blocked: Vec<T> = syns
        .services
        .iter()
        .filter(|service| service.outcomes.dropped > service.outcomes.answered)
        .map(who)
        .collect();
    blocked.sort_unstable();
    blocked.dedup();
    blocked
}

fn timestamps_filtered(syns: &SynEvidence) -> Finding {
    let (with, without) = (with_timestamps(syns), without_timestamps(syns));
    let summary = format!(
        "something drops SYNs that carry timestamps: {} of {} with them, {} of {} without",
        with.dropped,
        with.total(),
        without.dropped,
        without.total()
    );
    let remedy = vec![
        "find the middlebox; until then `sysctl -w net.ipv4.tcp_timestamps=0` on the clients helps"
            .to_owned(),
    ];
    finding(
        Cause::TimestampsFiltered,
        Severity::Critical,
        summary,
        syns,
        remedy,
    )
}

fn outage(syns: &SynEvidence) -> Finding {
    let all = syns.all();
    let seconds = syns
        .spells
        .iter()
        .filter(|spell| spell.outcomes.dropped > spell.outcomes.answered)
        .count();
    let summary = format!(
        "everything is lost for seconds at a time: {} of {} SYNs, in {seconds} seconds",
        all.dropped,
        all.total()
    );
    let remedy = vec![
        "look for a link or a route that comes and goes: `mtr --tcp --port PORT HOST`".to_owned(),
    ];
    let mut finding = finding(Cause::PacketLoss, Severity::Warning, summary, syns, remedy);
    finding
        .evidence
        .push(("seconds_lost", Evidence::Count(seconds as u64)));
    finding
}

fn return_loss(syns: &SynEvidence) -> Finding {
    let summary = format!(
        "SYN-ACKs are lost on the way back: {} of {} came only when they were sent again, and answer an earlier SYN than the last",
        syns.syn_acks_lost, syns.handshakes_with_echo
    );
    let remedy = vec![
        "look for loss on the way back, from the server's side: `mtr` from there to here"
            .to_owned(),
    ];
    let mut finding = finding(
        Cause::ReturnPathLoss,
        Severity::Warning,
        summary,
        syns,
        remedy,
    );
    finding
        .evidence
        .push(("syn_acks_lost", Evidence::Count(syns.syn_acks_lost)));
    finding
        .evidence
        .push(("syn_known_lost", Evidence::Count(syns.known_lost)));
    finding
}

fn backlog(syns: &SynEvidence) -> Finding {
    let all = syns.all();
    let summary = format!(
        "the server's backlog is full now and then: {} of {} SYNs got no answer, in spells and whatever they carry, and {} of {} handshakes had to be confirmed again",
        all.dropped,
        all.total(),
        syns.untaken(),
        syns.handshakes
    );
    let remedy = vec![
        "on the server: `nstat -az TcpExtListenOverflows TcpExtListenDrops` and `ss -ltn` show a full queue; raise `net.core.somaxconn` and the backlog of `listen`, or accept faster".to_owned(),
    ];
    let mut finding = finding(
        Cause::BacklogOverflow,
        Severity::Critical,
        summary,
        syns,
        remedy,
    );
    finding
        .evidence
        .push(("syn_acks_repeated", Evidence::Count(syns.syn_acks_repeated)));
    finding
}

fn rate_limit(syns: &SynEvidence) -> Finding {
    let all = syns.all();
    let limit_of_open = syns
        .by_open
        .iter()
        .position(|outcomes| outcomes.dropped > outcomes.answered);
    let mut passed: Vec<u64> = syns
        .spells
        .iter()
        .filter(|spell| spell.outcomes.dropped > 0)
        .map(|spell| spell.outcomes.answered)
        .collect();
    passed.sort_unstable();
    let limit = passed.get(passed.len() / 2).copied().unwrap_or(0);
    let summary = format!(
        "connections are limited in number, to about {limit} a second: {} of {} SYNs got no answer",
        all.dropped,
        all.total()
    );
    let remedy = vec![
        "ask for limits per source address: firewalls (`hashlimit`, `connlimit`), DDoS protection, load balancers; behind a NAT all clients count as one".to_owned(),
    ];
    let mut finding = finding(Cause::RateLimit, Severity::Critical, summary, syns, remedy);
    finding
        .evidence
        .push(("syn_passed_per_second", Evidence::Count(limit)));
    if let Some(open) = limit_of_open {
        finding.evidence.push((
            "connections_open_at_first_drop",
            Evidence::Count(open as u64),
        ));
    }
    finding
}

/// Ports that are used again too early.
pub(super) fn port_reuse(syns: &SynEvidence) -> Finding {
    let summary = format!(
        "source ports are used again while the server still holds them: {} SYNs were answered by a bare ACK, and {} of {} on such ports got no answer",
        syns.acks,
        syns.reused.dropped,
        syns.reused.total()
    );
    let remedy = vec![
        "give the NAT more ports or addresses, so that a port rests for a minute: `net.ipv4.ip_local_port_range`, or a wider range in the masquerade rule".to_owned(),
        "let the clients close first, or keep connections open".to_owned(),
    ];
    let mut finding = finding(Cause::PortReuse, Severity::Warning, summary, syns, remedy);
    finding
        .evidence
        .push(("ack_answering_syn", Evidence::Count(syns.acks)));
    finding.evidence.push((
        "syn_on_reused_port_dropped",
        Evidence::Count(syns.reused.dropped),
    ));
    finding
}

fn unreachable(case: &Case, syns: &SynEvidence) -> Finding {
    let summary = format!(
        "no answer comes from this host or its neighbours: {} hosts of its network are silent and {} answer",
        case.neighbours.silent + 1,
        case.neighbours.answering
    );
    let remedy = vec![
        "look at the routes to this network and back: `ip route get HOST`, `mtr HOST`; `nstat -az TcpExtIPReversePathFilter` where answers come by another interface".to_owned(),
    ];
    let mut finding = finding(Cause::Routing, Severity::Critical, summary, syns, remedy);
    finding
        .evidence
        .push(("neighbours_silent", Evidence::Count(case.neighbours.silent)));
    finding
}
