use natdiag_common::{
    follow::SMALL_PACKET_OCTETS,
    wire::{
        seq::SeqNumber,
        tcp::{ACK, FIN, RST, SYN},
    },
};

use super::*;

const MS: u64 = 1_000_000;
const SECOND_MS: u64 = 1000;

/// One connection, played by hand: our numbers begin at 1, the host's at 1 as well.
struct Play {
    conversations: Conversations,
    ends: FlowEnds,
}

impl Play {
    fn new() -> Self {
        let ends = FlowEnds {
            local: Address::from_octets([1; 16]),
            remote: Address::from_octets([2; 16]),
            local_port: 40_000,
            remote_port: 443,
        };
        Self {
            conversations: Conversations::default(),
            ends,
        }
    }

    fn opened() -> Self {
        let mut play = Self::new();
        play.sent(0, SYN, 0, 0, 0);
        play.received(20, SYN | ACK, 0, 1, 0);
        play.sent(20, ACK, 1, 1, 0);
        play
    }

    fn sent(&mut self, ms: u64, flags: u8, seq: u32, ack: u32, data: u32) {
        self.segment(Direction::Egress, ms, flags, [seq, ack, data], 1000);
    }

    fn received(&mut self, ms: u64, flags: u8, seq: u32, ack: u32, data: u32) {
        self.segment(Direction::Ingress, ms, flags, [seq, ack, data], 1000);
    }

    fn segment(
        &mut self,
        direction: Direction,
        ms: u64,
        flags: u8,
        [seq, ack, data_octets]: [u32; 3],
        window: u16,
    ) {
        let segment = FollowedSegment {
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            flags,
            window,
            data_octets,
            is_large: data_octets + 40 > SMALL_PACKET_OCTETS,
            is_first_fragment: false,
            tsval: None,
        };
        self.conversations
            .segment(direction, &self.ends, &segment, Timestamp(ms * MS));
    }

    /// The same data at these times.
    fn tries(&mut self, times_ms: impl IntoIterator<Item = u64>, seq: u32, data: u32) {
        for ms in times_ms {
            self.sent(ms, ACK, seq, 1, data);
        }
    }

    /// The host is heard on another connection.
    fn heard(&mut self, ms: u64) {
        let port = std::mem::replace(&mut self.ends.local_port, 50_000);
        self.received(ms, SYN | ACK, 0, 1, 0);
        self.ends.local_port = port;
    }

    fn sums(&self) -> &ConversationSums {
        self.conversations.get(self.ends.remote).unwrap()
    }
}

fn fates(flights: &Flights) -> Vec<FlightFate> {
    use FlightFate::{Gone, Late, Short, Silent, Taken};
    let all = [Taken, Silent, Gone, Short, Late];
    all.into_iter()
        .flat_map(|fate| std::iter::repeat_n(fate, usize::try_from(flights.of(fate)).unwrap()))
        .collect()
}

/// Times of five tries with growing intervals.
fn backoff(from_ms: u64) -> [u64; 6] {
    [0, 200, 600, 1400, 3000, 6200].map(|ms| from_ms + ms)
}

#[test]
fn first_flight_is_taken_and_its_round_trip_is_timed() {
    let mut play = Play::opened();
    play.sent(21, ACK, 1, 1, 300);
    play.received(41, ACK, 1, 301, 0);
    play.received(50, ACK, 1, 301, 500);
    let sums = play.sums();
    assert_eq!(fates(&sums.first_of_one), [FlightFate::Taken]);
    assert_eq!(sums.connections, 1);
    assert_eq!(sums.responses, 1);
    let median = sums.round_trips.percentile_ns(50).unwrap();
    assert!(median.abs_diff(20 * MS) < MS / 4, "{median}");
}

#[test]
fn flight_that_nobody_acknowledges_is_silent_where_the_host_is_heard_and_gone_where_it_is_not() {
    for (is_heard, want) in [(true, FlightFate::Silent), (false, FlightFate::Gone)] {
        let mut play = Play::opened();
        for ms in backoff(21) {
            play.sent(ms, ACK, 1, 1, 300);
            if is_heard {
                play.heard(ms + 10);
            }
        }
        assert_eq!(fates(&play.sums().first_of_one), [want]);
        assert_eq!(play.sums().stuck(), 1);
    }
}

#[test]
fn silent_flight_stays_so_when_the_connection_is_given_up_and_the_host_was_heard_since() {
    let mut play = Play::opened();
    for ms in backoff(21) {
        play.sent(ms, ACK, 1, 1, 300);
        play.heard(ms + 10);
    }
    play.heard(9000);
    play.sent(9100, RST, 301, 0, 0);
    assert_eq!(fates(&play.sums().first_of_one), [FlightFate::Silent]);
}

#[test]
fn what_is_heard_behind_the_last_try_may_be_the_end_of_an_outage() {
    let mut play = Play::opened();
    play.tries(backoff(21), 1, 300);
    play.heard(9000);
    play.sent(9100, RST, 301, 0, 0);
    assert_eq!(fates(&play.sums().first_of_one), [FlightFate::Gone]);
}

#[test]
fn flight_of_which_the_tail_arrives_is_short() {
    let mut play = Play::opened();
    play.sent(21, ACK, 1, 1, 1400);
    play.sent(21, ACK, 1401, 1, 300);
    play.received(41, ACK, 1, 1, 0);
    play.tries(backoff(221), 1, 1400);
    let sums = play.sums();
    assert_eq!(fates(&sums.first_of_several), [FlightFate::Short]);
    assert_eq!(fates(&sums.first_large), [FlightFate::Short]);
}

#[test]
fn flight_that_is_acknowledged_at_last_was_late_and_no_longer_stuck() {
    let mut play = Play::opened();
    play.tries(backoff(21), 1, 300);
    assert_eq!(play.sums().stuck(), 1);
    play.received(7000, ACK, 1, 301, 0);
    assert_eq!(play.sums().stuck(), 0);
    assert_eq!(fates(&play.sums().first_of_one), [FlightFate::Late]);
}

#[test]
fn few_tries_are_loss_unless_we_gave_up() {
    for (ends, want) in [(0, 0), (FIN | ACK, 1), (RST | ACK, 1)] {
        let mut play = Play::opened();
        play.tries([21, 221, 621], 1, 300);
        if ends != 0 {
            play.sent(3000, ends, 301, 1, 0);
        }
        assert_eq!(play.sums().stuck(), want, "{ends}");
    }
}

#[test]
fn silence_before_a_flight_is_remembered_with_what_became_of_it() {
    let mut play = Play::opened();
    play.sent(21, ACK, 1, 1, 300);
    play.received(41, ACK, 1, 301, 0);
    play.sent(120 * SECOND_MS, ACK, 301, 1, 300);
    play.received(120 * SECOND_MS + 20, ACK, 1, 601, 0);
    for ms in backoff(520 * SECOND_MS) {
        play.sent(ms, ACK, 601, 1, 300);
        play.heard(ms + 10);
    }
    let idle = &play.sums().idle;
    assert_eq!((idle.lived(), idle.died()), (1, 1));
    assert_eq!(idle.longest_lived_ns(), Some(119_959 * MS));
    assert_eq!(idle.shortest_died_ns(), Some(399_980 * MS));
    play.received(600 * SECOND_MS, ACK, 1, 901, 0);
    assert_eq!(play.sums().idle.died(), 0, "it lived after all");
}

#[test]
fn keep_alive_asks_whether_the_connection_lives() {
    for is_answered in [true, false] {
        let mut play = Play::opened();
        play.sent(21, ACK, 1, 1, 300);
        play.received(41, ACK, 1, 301, 0);
        for number in 0..6 {
            let ms = (300 + number * 10) * SECOND_MS;
            play.sent(ms, ACK, 300, 1, 0);
            play.heard(ms + 600);
            if is_answered {
                play.received(ms + 20, ACK, 1, 301, 0);
            }
        }
        let idle = &play.sums().idle;
        let want = if is_answered { (6, 0) } else { (0, 1) };
        assert_eq!((idle.lived(), idle.died()), want);
        assert_eq!(play.sums().data.sent, 1, "it is no data");
    }
}

#[test]
fn connection_from_before_has_a_flight_and_no_silence() {
    let mut play = Play::new();
    for ms in backoff(9000) {
        play.sent(ms, ACK, 77, 1, 300);
        play.heard(ms + 10);
    }
    let sums = play.sums();
    assert_eq!(fates(&sums.unknown), [FlightFate::Silent]);
    assert_eq!(sums.stuck(), 1);
    assert_eq!(sums.idle.died(), 0);
}

#[test]
fn nothing_is_learnt_where_the_host_opened_it_or_has_not_taken_our_acknowledgment() {
    let mut play = Play::new();
    play.received(0, SYN, 0, 0, 0);
    play.sent(1, SYN | ACK, 0, 1, 0);
    play.tries(backoff(20), 1, 300);
    assert!(play.conversations.get(play.ends.remote).is_none());

    let mut play = Play::opened();
    play.tries(backoff(21), 1, 300);
    play.received(7000, SYN | ACK, 0, 1, 0);
    assert_eq!(play.sums().stuck(), 0, "its queue is full");
}

#[test]
fn what_others_send_makes_no_host_known() {
    let mut play = Play::new();
    for number in 0..100_000_u32 {
        let octets = [[9; 12].as_slice(), &number.to_be_bytes()].concat();
        play.ends.remote = Address::from_octets(octets.try_into().unwrap());
        for flags in [RST, ACK, SYN | ACK] {
            play.received(1, flags, 7, 9, 100);
        }
    }
    assert!(play.conversations.remotes.is_empty());
    assert_eq!(play.conversations.let_go(), 0);
}

#[test]
fn host_that_says_it_has_sent_nothing_leaves_a_request_unanswered() {
    for (name, missing, want) in [("nothing sent", 0, 1), ("something is missing", 1400, 0)] {
        let mut play = Play::opened();
        play.sent(21, ACK, 1, 1, 300);
        play.received(41, ACK, 1, 301, 0);
        play.sent(8000, FIN | ACK, 301, 1, 0);
        play.received(8020, ACK, 1 + missing, 302, 0);
        assert_eq!(play.sums().unanswered, want, "{name}");
    }
}

#[test]
fn closed_window_holds_data_back_and_is_no_stuck_flight() {
    let mut play = Play::opened();
    play.sent(21, ACK, 1, 1, 300);
    play.segment(Direction::Ingress, 41, ACK, [1, 301, 0], 0);
    for ms in backoff(300) {
        play.sent(ms, ACK, 300, 1, 0);
        play.segment(Direction::Ingress, ms + 20, ACK, [1, 301, 0], 0);
    }
    play.received(8041, ACK, 1, 301, 0);
    let sums = play.sums();
    assert_eq!(sums.stuck(), 0);
    assert_eq!(sums.windows_closed, 1);
    assert_eq!(sums.longest_closed_ns, 8000 * MS);
}

#[test]
fn connections_are_bounded_and_those_let_go_are_counted() {
    let mut play = Play::new();
    for number in 0..200_000_u32 {
        play.ends.local = Address::from_octets(
            [[7; 12].as_slice(), &number.to_be_bytes()]
                .concat()
                .try_into()
                .unwrap(),
        );
        play.sent(u64::from(number), SYN, 0, 0, 0);
    }
    assert!(play.conversations.let_go() >= 200_000 - 2 * CONNECTIONS as u64);
}
