//! From a survey to the metrics of Prometheus. Pure. The number of series is bounded: labels come from closed sets, and
//! a remote host has series of its own only while a finding about it lasts, as many hosts as were asked for.

use natdiag_common::counter::Counter;
use prometheus::{
    Encoder as _, TextEncoder,
    proto::{Counter as Total, Gauge, LabelPair, Metric, MetricFamily, MetricType},
};

use crate::{
    analysis::{
        diagnosis::{EstablishedSums, RemoteCounters},
        table::DEFAULT_CAPACITY,
    },
    changes::{Changes, Place},
    cost::InterfaceCost,
    report::wording,
    survey::{SourceSurvey, Survey},
};

const NS_PER_SEC: f64 = 1e9;

/// What metrics are made of.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// How things stand.
    pub survey: &'a Survey,
    /// The findings that last.
    pub changes: &'a Changes,
    /// Remote hosts that have series of their own, at most.
    pub remotes: usize,
    /// Events that could not be written.
    pub events_lost: u64,
    /// What watching takes.
    pub costs: &'a [InterfaceCost],
}

/// The metrics in the text format 0.0.4.
///
/// # Errors
/// A family is not well formed.
pub fn text(snapshot: &Snapshot<'_>) -> prometheus::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut families = families(snapshot);
    // The encoder takes none without a sample.
    families.retain(|family| !family.get_metric().is_empty());
    TextEncoder::new().encode(&families, &mut text)?;
    Ok(text)
}

/// All families.
#[must_use]
pub fn families(snapshot: &Snapshot<'_>) -> Vec<MetricFamily> {
    let mut families = of_run(snapshot);
    families.extend(of_interfaces(snapshot));
    families.extend(of_established(snapshot.survey));
    families.extend(of_remotes(snapshot));
    families.extend(of_costs(snapshot.costs));
    families
}

fn of_run(snapshot: &Snapshot<'_>) -> Vec<MetricFamily> {
    let survey = snapshot.survey;
    let mut build = gauges("natdiag_build_info", "The version, as a label; always 1.");
    add(&mut build, &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let mut start = gauges(
        "natdiag_start_time_seconds",
        "When watching began, since 1970.",
    );
    add(&mut start, &[], seconds(survey.start.0));
    let mut judged = gauges(
        "natdiag_judged_time_seconds",
        "When these metrics were taken, since 1970; it stands still where natdiag does.",
    );
    add(&mut judged, &[], seconds(survey.end.0));
    let mut lost = totals(
        "natdiag_events_lost_total",
        "Events about findings that could not be written.",
    );
    add(&mut lost, &[], count(snapshot.events_lost));
    let mut cpu = totals(
        "natdiag_cpu_seconds_total",
        "CPU time that natdiag has used outside the kernel's programs.",
    );
    add(
        &mut cpu,
        &[],
        seconds(survey.own_cpu_ns.unwrap_or_default()),
    );
    let mut capacity = gauges(
        "natdiag_remotes_capacity",
        "Remote hosts that an interface has room for.",
    );
    add(&mut capacity, &[], count(DEFAULT_CAPACITY as u64));
    vec![build, start, judged, lost, cpu, capacity]
}

fn of_interfaces(snapshot: &Snapshot<'_>) -> Vec<MetricFamily> {
    let mut packets = totals(
        "natdiag_packets_total",
        "Packets that the hooks saw, after GRO and before TSO where these are TC hooks.",
    );
    let mut malformed = totals(
        "natdiag_malformed_packets_total",
        "Packets that could not be read to their end.",
    );
    let mut missed = totals(
        "natdiag_missed_total",
        "What natdiag could not observe: records (ring full, budget of a host used up), counts of remote hosts, SYNs.",
    );
    let mut remotes = gauges("natdiag_remotes", "Remote hosts known.");
    let mut overflow = totals(
        "natdiag_remotes_overflow_total",
        "Remote hosts that were let go, or that there was no room for.",
    );
    let mut findings = gauges("natdiag_findings", "Findings that last.");
    for source in &snapshot.survey.sources {
        let interface = ("interface", source.name.as_str());
        let totals = &source.diagnosis.totals;
        for (direction, counter) in [
            ("ingress", Counter::PacketsIngress),
            ("egress", Counter::PacketsEgress),
        ] {
            let labels = [interface, ("direction", direction)];
            add(&mut packets, &labels, count(totals.value(counter)));
        }
        add(&mut malformed, &[interface], count(totals.malformed()));
        for (what, value) in missed_by(source) {
            add(&mut missed, &[interface, ("what", what)], count(value));
        }
        let known = source.diagnosis.remotes_known as u64;
        add(&mut remotes, &[interface], count(known));
        let let_go = source.diagnosis.overflow_remotes;
        add(&mut overflow, &[interface], count(let_go));
    }
    for ((interface, cause), number) in snapshot.changes.open() {
        let labels = [("interface", interface), ("cause", cause.as_str())];
        add(&mut findings, &labels, count(number));
    }
    vec![packets, malformed, missed, remotes, overflow, findings]
}

fn of_established(survey: &Survey) -> Vec<MetricFamily> {
    let mut one_in = gauges(
        "natdiag_established_one_in",
        "Established connections are looked at segment by segment, one in so many.",
    );
    let mut segments = totals(
        "natdiag_established_segments_total",
        "Segments of established connections that were looked at.",
    );
    let mut missed = totals(
        "natdiag_established_segments_missed_total",
        "Segments of established connections that should have been looked at and found no room.",
    );
    for source in &survey.sources {
        let interface = [("interface", source.name.as_str())];
        if let Some(looked_at) = source.looked_at {
            add(&mut one_in, &interface, f64::from(looked_at.one_in));
            add(&mut segments, &interface, count(looked_at.segments));
            add(&mut missed, &interface, count(looked_at.missed));
        }
    }
    vec![one_in, segments, missed]
}

fn of_costs(costs: &[InterfaceCost]) -> Vec<MetricFamily> {
    let mut used = gauges(
        "natdiag_ring_used_bytes",
        "The most that waited in a ring of the kernel's programs since the last judgement.",
    );
    let mut size = gauges("natdiag_ring_size_bytes", "What a ring has room for.");
    let mut entries = gauges("natdiag_map_entries", "Entries of a map that are in use.");
    let mut capacity = gauges("natdiag_map_capacity", "Entries that a map has room for.");
    let mut time = totals(
        "natdiag_bpf_run_seconds_total",
        "Run time of the kernel's programs, while the kernel measured it.",
    );
    let mut runs = totals(
        "natdiag_bpf_runs_total",
        "Runs of the kernel's programs, while the kernel counted them.",
    );
    for cost in costs {
        let interface = ("interface", cost.interface.as_str());
        for ring in &cost.rings {
            let labels = [interface, ("ring", ring.name)];
            add(&mut used, &labels, count(ring.used));
            add(&mut size, &labels, count(ring.capacity));
        }
        for map in &cost.maps {
            let labels = [interface, ("map", map.name)];
            add(&mut entries, &labels, count(map.used));
            add(&mut capacity, &labels, count(map.capacity));
        }
        for program in &cost.programs {
            let labels = [interface, ("program", program.program.as_str())];
            add(&mut time, &labels, seconds(program.time_ns));
            add(&mut runs, &labels, count(program.count));
        }
    }
    vec![used, size, entries, capacity, time, runs]
}

fn missed_by(source: &SourceSurvey) -> [(&'static str, u64); 4] {
    let totals = &source.diagnosis.totals;
    [
        ("records-ring", totals.value(Counter::MissedRecordsRing)),
        ("records-budget", totals.value(Counter::MissedRecordsBudget)),
        ("remotes", totals.value(Counter::MissedRemotes)),
        ("syns", source.diagnosis.syns_not_followed),
    ]
}

fn of_remotes(snapshot: &Snapshot<'_>) -> Vec<MetricFamily> {
    let mut syns = totals(
        "natdiag_remote_syns_total",
        "SYNs to a remote host with a finding, by what tcp_tw_recycle would do and by what became of them.",
    );
    let mut fragments = totals(
        "natdiag_remote_fragments_total",
        "Fragments received from a remote host with a finding.",
    );
    let mut round_trips = gauges(
        "natdiag_remote_round_trip_seconds",
        "From data to its acknowledgment, of the connections with a remote host with a finding that were looked at.",
    );
    let mut segments = totals(
        "natdiag_remote_segments_total",
        "Segments with data on these connections, and those of them that were sent or came again.",
    );
    let with_findings = snapshot.survey.sources.iter().flat_map(|source| {
        source.diagnosis.remotes.iter().filter_map(move |remote| {
            let place = Place {
                interface: source.name.clone(),
                remote: Some(remote.address),
            };
            snapshot.changes.is_open(&place).then_some((source, remote))
        })
    });
    for (source, remote) in with_findings.take(snapshot.remotes) {
        let address = remote.address.to_string();
        let place = [("interface", source.name.as_str()), ("remote", &address)];
        for (predicted, observed, value) in fates(&remote.counters) {
            let labels = [
                &place[..],
                &[("predicted", predicted), ("observed", observed)],
            ];
            add(&mut syns, &labels.concat(), count(value));
        }
        for (protocol, value) in fragments_by(&remote.counters) {
            let labels = [&place[..], &[("protocol", protocol)]];
            add(&mut fragments, &labels.concat(), count(value));
        }
        let Some(established) = &remote.established else {
            continue;
        };
        if let Some((median, of_ninety)) = established.round_trip_ns {
            for (quantile, ns) in [("0.5", median), ("0.9", of_ninety)] {
                let labels = [&place[..], &[("quantile", quantile)]];
                add(&mut round_trips, &labels.concat(), seconds(ns));
            }
        }
        for (direction, again, value) in segments_by(established) {
            let labels = [&place[..], &[("direction", direction), ("again", again)]];
            add(&mut segments, &labels.concat(), count(value));
        }
    }
    vec![syns, fragments, round_trips, segments]
}

fn fates(counters: &RemoteCounters) -> [(&'static str, &'static str, u64); 6] {
    [
        ("drop", "dropped", counters.syn_predicted_drop_dropped),
        ("drop", "answered", counters.syn_predicted_drop_answered),
        ("pass", "dropped", counters.syn_predicted_pass_dropped),
        ("pass", "answered", counters.syn_predicted_pass_answered),
        ("none", "dropped", counters.syn_without_timestamps_dropped),
        ("none", "answered", counters.syn_without_timestamps_answered),
    ]
}

fn segments_by(sums: &EstablishedSums) -> [(&'static str, &'static str, u64); 4] {
    [
        ("egress", "no", sums.data_sent),
        ("egress", "yes", sums.data_sent_again),
        (
            "ingress",
            "no",
            sums.data_received.saturating_sub(sums.data_received_again),
        ),
        ("ingress", "yes", sums.data_received_again),
    ]
}

fn fragments_by(counters: &RemoteCounters) -> [(&'static str, u64); 4] {
    [
        ("tcp", counters.fragments_tcp),
        ("udp", counters.fragments_udp),
        ("icmp", counters.fragments_icmp),
        ("other", counters.fragments_other),
    ]
}

fn gauges(name: &str, help: &str) -> MetricFamily {
    family(name, help, MetricType::GAUGE)
}

fn totals(name: &str, help: &str) -> MetricFamily {
    family(name, help, MetricType::COUNTER)
}

fn family(name: &str, help: &str, of_type: MetricType) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(of_type);
    family
}

fn add(family: &mut MetricFamily, labels: &[(&str, &str)], value: f64) {
    let labels = labels.iter().map(|(name, value)| {
        let mut label = LabelPair::default();
        label.set_name((*name).to_owned());
        label.set_value(wording::clean(value).into_owned());
        label
    });
    let mut metric = Metric::from_label(labels.collect());
    if family.get_field_type() == MetricType::COUNTER {
        let mut total = Total::default();
        total.set_value(value);
        metric.set_counter(total);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    family.mut_metric().push(metric);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus has no other numbers, and 2^53 is more than is ever counted"
)]
fn count(value: u64) -> f64 {
    value as f64
}

fn seconds(ns: u64) -> f64 {
    count(ns) / NS_PER_SEC
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cost::{Fill, Runs},
        report::fixture,
    };

    /// What an interface takes, whose programs the kernel measures.
    fn cost() -> InterfaceCost {
        let fill = |name, used, capacity| Fill {
            name,
            used,
            capacity,
        };
        InterfaceCost {
            interface: "ens5".to_owned(),
            rings: vec![fill("records", 1520, 1 << 24), fill("spills", 0, 1 << 24)],
            maps: vec![fill("remote-slots", 7, 2048), fill("suspects", 1, 16)],
            programs: vec![Runs {
                program: "natdiag_tc_in".to_owned(),
                count: 1_000_000,
                time_ns: 25_000_000,
            }],
        }
    }

    fn of(survey: &Survey, remotes: usize) -> String {
        of_all(survey, remotes, &[])
    }

    fn of_all(survey: &Survey, remotes: usize, costs: &[InterfaceCost]) -> String {
        let mut changes = Changes::default();
        changes.compare(survey, u64::MAX);
        let text = text(&Snapshot {
            survey,
            changes: &changes,
            remotes,
            events_lost: 2,
            costs,
        });
        String::from_utf8(text.unwrap())
            .unwrap()
            .replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }

    #[test]
    fn metrics_read_well() {
        insta::assert_snapshot!("metrics", of_all(&fixture::tw_recycle(), 50, &[cost()]));
    }

    #[test]
    fn run_time_is_absent_where_the_kernel_does_not_measure_it() {
        let unmeasured = InterfaceCost {
            programs: Vec::new(),
            ..cost()
        };
        let text = of_all(&fixture::healthy(), 50, &[unmeasured]);
        assert!(!text.contains("natdiag_bpf_"), "{text}");
    }

    #[test]
    fn every_metric_is_in_the_guide() {
        let guide = include_str!("../../../docs/operations.md");
        let text = of_all(&fixture::tw_recycle(), 50, &[cost()]);
        let names: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        assert!(names.len() > 15, "{names:?}");
        for name in names {
            let is_there = guide
                .lines()
                .any(|line| line.starts_with('|') && line.contains(&format!("`{name}")));
            assert!(is_there, "{name} is not in docs/operations.md");
        }
    }

    #[test]
    fn addresses_are_labels_only_of_hosts_with_findings_and_only_so_many() {
        let healthy = of(&fixture::healthy(), 50);
        assert!(!healthy.contains("remote="), "{healthy}");
        let off = of(&fixture::tw_recycle(), 0);
        assert!(!off.contains("remote="), "{off}");
        assert!(
            off.contains("natdiag_findings{interface=\"ens5\",cause=\"tw-recycle\"} 1"),
            "{off}"
        );
    }
}
