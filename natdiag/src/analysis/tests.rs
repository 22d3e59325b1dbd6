mod accusation;

use natdiag_common::{
    Address, LinkType,
    classify::classify,
    counter::{Counter, RemoteCounter, RemoteCounts, Totals},
    packet,
    record::Record,
    testkit::{CLIENT_V6, Payload as _, SERVER_V6, tcp},
};

use super::{
    diagnosis::{Cause, Finding, Severity},
    timeline::{Client, MS},
    *,
};

const SERVER: &str = "203.0.113.80";

/// Plays events in the order of their times, counts what the kernel would count, and returns the findings about the
/// server.
fn findings(mut events: Vec<Event>) -> Vec<Finding> {
    events.sort_by_key(|event| event.time);
    let end = events
        .last()
        .map_or(Timestamp(0), |event| event.time.plus(5000 * MS));
    let mut analysis = Analysis::default();
    for event in &events {
        analysis.count(
            SERVER.parse::<IpAddr>().unwrap().into(),
            &one(RemoteCounter::SynSent),
            event.time,
        );
        analysis.observe(event);
    }
    analysis.advance(end);
    let diagnosis = analysis.diagnose(end, 10);
    diagnosis
        .remotes
        .into_iter()
        .find(|remote| remote.address.to_string() == SERVER)
        .unwrap()
        .findings
}

fn one(counter: RemoteCounter) -> RemoteCounts {
    let mut counts = RemoteCounts::ZERO;
    counts.words[counter as usize] = 1;
    counts
}

fn causes(findings: &[Finding]) -> Vec<Cause> {
    findings.iter().map(|finding| finding.cause).collect()
}

fn alternatives(list: &[diagnosis::Alternative]) -> Vec<Cause> {
    list.iter().map(|alternative| alternative.cause).collect()
}

/// One client makes the marks, another lies below them; each opens a connection every half second.
fn rivals(
    connections: u16,
    blocked: impl Fn(Client, u64, u32) -> Vec<Event>,
    second: &str,
) -> Vec<Event> {
    (0..connections)
        .flat_map(|number| {
            let ms = u64::from(number) * 500;
            let clock = u32::from(number) * 500;
            let first = if second.starts_with("10.") {
                "10.60.1.2"
            } else {
                second
            };
            let mut events = Client::new(1000 + number)
                .from(first)
                .closed_by_server(ms, 90_000_000 + clock);
            events.extend(blocked(
                Client::new(5000 + number).from(second),
                ms + 250,
                1000 + clock,
            ));
            events
        })
        .collect()
}

#[test]
fn drops_that_follow_the_mark_are_tw_recycle() {
    let events = rivals(
        12,
        |client, ms, tsval| client.blocked(ms, Some(tsval)),
        "203.0.113.1",
    );
    let findings = findings(events);
    assert_eq!(causes(&findings), [Cause::TwRecycle]);
    assert!(findings[0].confidence > 0.999, "{}", findings[0].confidence);
    let excluded = alternatives(&findings[0].excluded);
    assert!(
        excluded.contains(&Cause::PacketLoss) && excluded.contains(&Cause::Filtered),
        "{excluded:?}"
    );
}

#[test]
fn on_the_private_side_a_filter_of_the_client_hit_is_not_excluded() {
    let events = rivals(
        60,
        |client, ms, tsval| client.blocked(ms, Some(tsval)),
        "10.60.1.3",
    );
    let findings = findings(events);
    assert_eq!(causes(&findings), [Cause::TwRecycle]);
    assert!(alternatives(&findings[0].not_excluded).contains(&Cause::Filtered));
}

#[test]
fn below_the_mark_and_answered_is_health() {
    let answered = |client: Client, ms, tsval| client.closed_by_server(ms, tsval);
    assert_eq!(findings(rivals(20, answered, "203.0.113.1")), []);
}

#[test]
fn silence_of_one_port_is_a_filter() {
    let mut events: Vec<Event> = (0..8)
        .flat_map(|n| {
            Client::new(100 + n)
                .to_port(443)
                .blocked(u64::from(n) * 400, Some(7))
        })
        .collect();
    events
        .extend((0..8).flat_map(|n| Client::new(300 + n).closed_by_server(u64::from(n) * 400, 50)));
    let findings = findings(events);
    assert_eq!(causes(&findings), [Cause::Filtered]);
    assert!(findings[0].confidence >= verdict::NAMED);
}

#[test]
fn drops_at_random_are_packet_loss() {
    // One SYN in ten is lost, in no order, and its repetition gets through.
    let events = (0..400_u16).flat_map(|n| {
        let client = Client::new(n);
        let ms = u64::from(n) * 700;
        let late = if u32::from(n) * 7919 % 97 < 10 {
            1000
        } else {
            0
        };
        let mut events = if late > 0 {
            vec![client.syn(ms, None)]
        } else {
            Vec::new()
        };
        events.extend([
            client.syn(ms + late, None),
            client.syn_ack(ms + late + 1, None),
        ]);
        events
    });
    let findings = findings(events.collect());
    assert_eq!(causes(&findings), [Cause::PacketLoss]);
    assert!(alternatives(&findings[0].excluded).contains(&Cause::Filtered));
}

#[test]
fn one_connection_with_a_symptom_proves_nothing() {
    let findings = findings(Client::new(1).blocked(0, Some(7)));
    assert_eq!(causes(&findings), [Cause::InsufficientEvidence]);
    assert!(findings[0].not_excluded.len() > 1);
}

#[test]
fn a_closed_port_is_refused() {
    let client = Client::new(1);
    let findings = findings(vec![client.syn(0, Some(7)), client.refused(1)]);
    assert_eq!(causes(&findings), [Cause::Refused]);
}

#[test]
fn one_refused_syn_harms_nobody_and_those_of_who_tries_again_do() {
    for (refused, want) in [
        (1, Severity::Info),
        (2, Severity::Info),
        (3, Severity::Warning),
    ] {
        let mut analysis = Analysis::default();
        let server = SERVER.parse::<IpAddr>().unwrap();
        for number in 0..refused {
            let client = Client::new(number + 1);
            let ms = u64::from(number) * 100;
            analysis.count(server.into(), &one(RemoteCounter::SynSent), Timestamp(ms));
            analysis.observe(&client.syn(ms, Some(7)));
            analysis.observe(&client.refused(ms + 1));
        }
        let now = Timestamp(1000 * MS);
        let remote = analysis.table.get(server.into()).unwrap();
        let bound = analysis.severity(remote, analysis.tracker.sums(server), now);
        let findings = analysis.remote(server.into(), &analysis.others(now), now);
        let found = findings.unwrap().findings[0].severity;
        assert_eq!((found, bound), (want, Some(want)), "{refused}");
    }
}

#[test]
fn behind_a_nat_requests_without_response_mean_blind() {
    let events = (0..4_u16).flat_map(|n| {
        let client = Client::new(n).from("10.60.1.2");
        let ms = u64::from(n) * 100;
        [
            client.syn(ms, Some(7)),
            client.syn_ack(ms + 1, Some(7)),
            client.fin_sent(ms + 4000, 29, 0, Some(4007)),
        ]
    });
    assert_eq!(causes(&findings(events.collect())), [Cause::Blind]);
}

#[test]
fn a_fault_that_has_not_shown_for_ten_minutes_is_latent() {
    let mut events = rivals(
        12,
        |client, ms, tsval| client.blocked(ms, Some(tsval)),
        "203.0.113.1",
    );
    let healed = Client::new(9);
    events.extend([
        healed.syn(700_000, Some(7)),
        healed.syn_ack(700_001, Some(7)),
    ]);
    assert_eq!(causes(&findings(events)), [Cause::TwRecycleLatent]);
}

#[test]
fn an_answer_in_an_atomic_fragment_is_an_answer() {
    let syn = tcp().ports(40000, 443).seq(7).syn();
    let answer = tcp().ports(443, 40000).seq(9).ack(8).syn();
    let answer = answer.in_ipv6(SERVER_V6, CLIENT_V6).atomic_fragment();
    let mut analysis = Analysis::default();
    for (ms, direction, frame) in [
        (
            0,
            Direction::Egress,
            syn.in_ipv6(CLIENT_V6, SERVER_V6).frame(),
        ),
        (10, Direction::Ingress, answer.frame()),
    ] {
        let frame = frame.as_slice();
        let packet = packet::parse(frame, LinkType::Ethernet).unwrap().unwrap();
        let tally = classify(frame, &packet, direction).tally;
        let record = Record::new(frame, &packet, tally, direction, ms * MS);
        let tally = record.tally().unwrap();
        analysis.count(tally.remote, &tally.counts(), Timestamp(ms * MS));
        analysis.observe(&Event::from_record(&record, 0).unwrap());
    }
    let end = Timestamp(60_000 * MS);
    analysis.advance(end);
    let [remote] = analysis.diagnose(end, 1).remotes.try_into().unwrap();
    let counters = remote.counters;
    assert_eq!((counters.syn_sent, counters.syn_ack_received), (1, 1));
    let datagrams = counters.datagrams_complete + counters.datagrams_incomplete;
    assert_eq!((counters.fragments_atomic, datagrams), (1, 0));
    let syns = analysis.tracker.sums(remote.address).unwrap().all();
    assert_eq!((syns.answered, syns.dropped), (1, 0));
}

#[test]
fn missed_records_lower_the_confidence_and_too_many_are_a_finding() {
    let mut analysis = Analysis::default();
    let mut totals = Totals::ZERO;
    totals.increment(Counter::Charged);
    totals.increment(Counter::MissedRecordsRing);
    analysis.set_totals(&totals, Timestamp(1));
    let diagnosis = analysis.diagnose(Timestamp(1), 1);
    assert_eq!(causes(&diagnosis.findings), [Cause::InsufficientEvidence]);
}

#[test]
fn nothing_relevant_is_too_little() {
    let diagnosis = Analysis::default().diagnose(Timestamp(1), 1);
    assert_eq!(causes(&diagnosis.findings), [Cause::InsufficientEvidence]);
}

#[test]
fn a_table_full_of_forged_hosts_is_no_all_clear_and_hides_no_server() {
    let mut analysis = Analysis::with_capacity(16);
    for last in 1..=100 {
        let forged = Address::from_ipv4([198, 51, 100, last]);
        analysis.count(forged, &one(RemoteCounter::RstAnsweringSyn), Timestamp(1));
    }
    let mut totals = Totals::ZERO;
    totals.counters[Counter::Charged as usize] = 100;
    analysis.set_totals(&totals, Timestamp(1));
    let findings = analysis.diagnose(Timestamp(1), 10).findings;
    assert_eq!(causes(&findings), [Cause::InsufficientEvidence]);
    assert!(
        findings[0].summary.contains("92 packets"),
        "{}",
        findings[0].summary
    );
    let server: IpAddr = SERVER.parse().unwrap();
    for event in rivals(
        12,
        |client, ms, tsval| client.blocked(ms, Some(tsval)),
        "203.0.113.1",
    ) {
        analysis.count(server.into(), &one(RemoteCounter::SynSent), event.time);
        analysis.observe(&event);
    }
    let diagnosis = analysis.diagnose(Timestamp(20_000 * MS), 10);
    let found = diagnosis.remotes.first().unwrap();
    assert_eq!(
        (found.address, causes(&found.findings)),
        (server, vec![Cause::TwRecycle])
    );
}

#[test]
fn a_filter_that_nothing_matches_is_no_all_clear() {
    let server: IpAddr = SERVER.parse().unwrap();
    for (remotes, ports, want) in [
        (vec!["203.0.113.80"], vec![], false),
        (vec![], vec![80], false),
        (vec!["198.51.100.9"], vec![], true),
        (vec!["203.0.113.64/28"], vec![], true),
        (vec![], vec![9], true),
    ] {
        let filter = Filter {
            remotes: remotes.iter().map(|text| text.parse().unwrap()).collect(),
            ports,
            ..Filter::default()
        };
        let mut analysis = Analysis::default();
        analysis.narrow(filter.clone());
        let mut totals = Totals::ZERO;
        for event in Client::new(1).closed_by_server(0, 9000) {
            if filter.admits_remote(server) {
                analysis.count(server.into(), &one(RemoteCounter::SynSent), event.time);
            }
            if filter.admits(&event) {
                analysis.observe(&event);
            }
            totals.increment(Counter::Charged);
        }
        // Of a later fragment the port is not known.
        let fragment = Event {
            direction: Direction::Ingress,
            content: Content::Other,
            ..Client::new(1).syn(50, None)
        };
        if filter.admits(&fragment) {
            analysis.observe(&fragment);
        }
        analysis.set_totals(&totals, Timestamp(100 * MS));
        let findings = analysis.diagnose(Timestamp(100 * MS), 10).findings;
        let is_unmatched = findings.iter().any(|finding| {
            finding.cause == Cause::InsufficientEvidence && finding.summary.contains("the filter")
        });
        assert_eq!(is_unmatched, want, "{filter}: {findings:?}");
    }
}

/// The first finding about a host that sent fragments of TCP, the first as large as said, perhaps after a SYN-ACK with
/// MSS 1460.
fn fragmenting(source: &str, first_octets: u16, mss_seen: bool) -> Finding {
    let mut analysis = Analysis::default();
    let mut counts = one(RemoteCounter::FragmentTcpFirst);
    counts.words[RemoteCounter::FragmentTcpLast as usize] = 1;
    counts.words[RemoteCounter::LargestFirstTcpOctets as usize] = first_octets;
    let remote: IpAddr = source.parse().unwrap();
    analysis.count(remote.into(), &counts, Timestamp(1));
    if mss_seen {
        let client = Client {
            remote,
            ..Client::new(1)
        };
        analysis.observe(&client.syn(0, None));
        analysis.observe(&client.syn_ack(1, None));
    }
    let diagnosis = analysis.diagnose(Timestamp(2), 10);
    diagnosis.remotes[0].findings[0].clone()
}

#[test]
fn the_largest_first_fragment_tells_endpoint_from_path() {
    for (source, octets, mss_seen, want) in [
        (SERVER, 1396, true, Cause::PathFragmentation),
        (SERVER, 1491, true, Cause::PathFragmentation),
        (SERVER, 1492, true, Cause::EndpointFragmentation),
        (SERVER, 1500, true, Cause::EndpointFragmentation),
        ("2001:db8::80", 1280, false, Cause::EndpointFragmentation),
    ] {
        let finding = fragmenting(source, octets, mss_seen);
        assert_eq!(finding.cause, want, "{source} {octets}");
        assert!(finding.confidence >= verdict::NAMED, "{source} {octets}");
    }
}

#[test]
fn without_a_syn_ack_the_maker_of_fragments_is_not_named() {
    let finding = fragmenting(SERVER, 1396, false);
    assert_eq!(finding.cause, Cause::InsufficientEvidence);
    let open = alternatives(&finding.not_excluded);
    assert_eq!(
        open,
        [Cause::PathFragmentation, Cause::EndpointFragmentation]
    );
}

#[test]
fn later_fragments_alone_name_nobody_and_offer_no_clamp() {
    let mut analysis = Analysis::default();
    let remote: IpAddr = SERVER.parse().unwrap();
    analysis.count(
        remote.into(),
        &one(RemoteCounter::FragmentTcpLast),
        Timestamp(1),
    );
    let findings = analysis.diagnose(Timestamp(2), 10).remotes[0]
        .findings
        .clone();
    assert_eq!(causes(&findings), [Cause::InsufficientEvidence]);
    assert!(!findings[0].remedy.join(" ").contains("maxseg"));
}

#[test]
fn loss_behind_a_nat_is_not_blamed_on_marks_that_nobody_saw() {
    // Four of five SYNs are lost; clients close first, so that there is never a mark.
    let events = (0..200_u16).flat_map(|n| {
        let client = Client::new(n).from("10.60.1.2");
        let ms = u64::from(n) * 100;
        let mut events = vec![client.syn(ms, Some(u32::from(n)))];
        if n % 5 == 0 {
            events.push(client.syn_ack(ms + 1, Some(u32::from(n))));
        }
        events
    });
    let findings = findings(events.collect());
    assert!(
        !causes(&findings).contains(&Cause::TwRecycle),
        "{findings:#?}"
    );
}

#[test]
fn a_host_with_a_finding_is_shown_even_at_top_zero() {
    let mut analysis = Analysis::default();
    analysis.count(
        Address::from_ipv4([192, 0, 2, 1]),
        &one(RemoteCounter::FragmentUdpFirst),
        Timestamp(1),
    );
    analysis.count(
        Address::from_ipv4([192, 0, 2, 2]),
        &one(RemoteCounter::SynSent),
        Timestamp(1),
    );
    assert_eq!(analysis.diagnose(Timestamp(1), 0).remotes.len(), 1);
}

#[test]
fn top_bounds_the_remotes_shown_and_the_worst_come_first() {
    let mut analysis = Analysis::default();
    for last in 1..=20 {
        let counter = if last == 13 {
            RemoteCounter::FragmentTcpFirst
        } else {
            RemoteCounter::SynSent
        };
        for _ in 0..last {
            analysis.count(
                Address::from_ipv4([192, 0, 2, last]),
                &one(counter),
                Timestamp(1),
            );
        }
    }
    let shown: Vec<String> = analysis
        .diagnose(Timestamp(1), 3)
        .remotes
        .iter()
        .map(|remote| remote.address.to_string())
        .collect();
    assert_eq!(
        shown,
        ["192.0.2.13", "192.0.2.20", "192.0.2.19", "192.0.2.18"]
    );
}
