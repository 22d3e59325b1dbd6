//! Healthy conversations of every habit that clients and servers have: who closes first, how long nobody speaks, how
//! much is said in one go, and what stacks say in between.

use std::time::Duration;

use natdiag_common::{
    testkit::Random,
    wire::tcp::{ACK, FIN, RST, SYN},
};

use crate::{
    host::{Neighbourhood, pick, us},
    packet::Packet,
    talk::{
        PSH, Talk,
        Who::{self, Ours, Theirs},
        other,
    },
};

/// When the first conversation begins, since 1970.
const START: Duration = Duration::from_secs(1_700_000_000);
/// Before a client asks a connection that is idle whether it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(45);
/// Between two probes of a window that is closed (`TCP_RTO_MIN`, Linux).
const WINDOW_PROBE: Duration = Duration::from_millis(200);

/// Conversations with one remote host, in the order in which they begin.
pub(crate) fn conversations(random: &mut Random, number: u16, count: usize) -> Vec<Vec<Packet>> {
    let neighbourhood = Neighbourhood::draw(random, number);
    let most_apart_ms = pick(random, &[20, 300, 4_000]);
    let mut now = START + us(u64::from(random.u32()) % 1_000_000);
    let mut port = 20_000 + random.u16() % 10_000;
    let mut conversations = Vec::new();
    for _ in 0..count {
        now += Duration::from_millis(1 + random.below(most_apart_ms) as u64);
        port += 1 + random.u16() % 7;
        let client = random.below(neighbourhood.clients.len());
        let mut talk = Talk::new(&neighbourhood, random, client, port, now);
        hold(&mut talk);
        conversations.push(talk.packets());
    }
    conversations
}

fn hold(talk: &mut Talk) {
    talk.shake_hands();
    if talk.random.once_in(6) {
        wait_before_the_request(talk);
    }
    // Some are opened ahead of need, and never used.
    if !talk.random.once_in(15) {
        speak(talk);
    }
    close(talk);
}

/// A client that opens a connection ahead of need. A server that defers accepting repeats its SYN-ACK once.
fn wait_before_the_request(talk: &mut Talk) {
    let mut time = Duration::from_millis(pick(talk.random, &[300, 1_500, 5_000, 12_000]));
    if let Some(deferred) = talk.between.defers_accept
        && time > deferred
    {
        talk.rest(deferred);
        talk.say_again(Theirs, SYN | ACK, 1);
        talk.say(Ours, ACK, 0);
        time -= deferred;
    }
    talk.rest(time);
}

fn speak(talk: &mut Talk) {
    let requests = pick(talk.random, &[1, 1, 1, 2, 3, 12]);
    for request in 0..requests {
        if request > 0 {
            pause(talk);
        }
        match talk.random.below(12) {
            // The server speaks first, as for SMTP and SSH.
            0 => talk.say(Theirs, ACK | PSH, 60),
            // An upload.
            1 => {
                let octets = pick_octets(talk);
                talk.stream(Ours, octets);
            }
            2 => answer_behind_a_closed_window(talk),
            // Something small goes to and fro.
            3 => {
                for _ in 0..4 {
                    talk.say(Ours, ACK | PSH, 5);
                    talk.say(Theirs, ACK | PSH, 9);
                }
            }
            _ => {
                let octets = 40 + talk.random.below(900);
                talk.say(Ours, ACK | PSH, octets);
                think(talk);
                let octets = pick_octets(talk);
                talk.stream(Theirs, octets);
            }
        }
    }
}

fn pick_octets(talk: &mut Talk) -> usize {
    let most = pick(talk.random, &[200, 1_500, 6_000, 6_000, 40_000]);
    1 + talk.random.below(most)
}

/// The server takes its time, and acknowledges first where that is long.
fn think(talk: &mut Talk) {
    let time = Duration::from_millis(pick(talk.random, &[0, 0, 15, 120, 900]));
    if time > Duration::from_millis(40) {
        talk.rest(Duration::from_millis(40));
        talk.say(Theirs, ACK, 0);
    }
    talk.rest(time);
}

/// Nobody speaks; where that is long, the client asks whether the other end is alive.
fn pause(talk: &mut Talk) {
    let seconds = pick(talk.random, &[0, 0, 0, 1, 4, 46, 100]);
    let mut left = Duration::from_millis(1_000 * seconds + 3);
    while left > KEEP_ALIVE {
        talk.rest(KEEP_ALIVE);
        left -= KEEP_ALIVE;
        // Linux leaves data out of it (`tcp_xmit_probe_skb`).
        talk.say_again(Ours, ACK, 1);
        talk.say(Theirs, ACK, 0);
    }
    talk.rest(left);
}

/// A slow reader: its window closes, is asked for, and opens.
fn answer_behind_a_closed_window(talk: &mut Talk) {
    talk.say(Ours, ACK | PSH, 120);
    talk.stream(Theirs, 9_000);
    talk.offer(Ours, 0);
    talk.rest(us(500));
    talk.say(Ours, ACK, 0);
    for _ in 0..=talk.random.below(2) {
        talk.rest(WINDOW_PROBE);
        talk.say_again(Theirs, ACK, 1);
        talk.say(Ours, ACK, 0);
    }
    talk.offer(Ours, 32_000);
    talk.rest(us(70_000));
    talk.say(Ours, ACK, 0);
    talk.stream(Theirs, 4_000);
}

fn close(talk: &mut Talk) {
    let first = if talk.random.once_in(2) { Ours } else { Theirs };
    match talk.random.below(12) {
        // It is open when the capture ends.
        0 => {}
        // The client has what it wants, and says so by a RST, as browsers and load generators do.
        1 => talk.say(Ours, RST | ACK, 0),
        2 => close_at_once(talk, first),
        3 => close_halves(talk, first),
        4 => {
            // A timeout of keep-alive.
            let time = Duration::from_secs(pick(talk.random, &[5, 15, 65]));
            talk.rest(time);
            close_in_turn(talk, first);
        }
        5 => {
            talk.say(first, FIN | ACK | PSH, 300);
            finish(talk, other(first));
        }
        _ => close_in_turn(talk, first),
    }
}

/// The other side closes as soon as it sees the first FIN.
fn close_in_turn(talk: &mut Talk, first: Who) {
    talk.say(first, FIN | ACK, 0);
    finish(talk, other(first));
}

/// The other side of a FIN: it closes by the same segment, or acknowledges first.
fn finish(talk: &mut Talk, who: Who) {
    if talk.random.once_in(2) {
        talk.say(who, ACK, 0);
        let time = us(pick(talk.random, &[30, 700, 40_000]));
        talk.rest(time);
    }
    talk.say(who, FIN | ACK, 0);
    talk.say(other(who), ACK, 0);
}

/// Both close before they have seen that the other does.
fn close_at_once(talk: &mut Talk, first: Who) {
    talk.cross(first, FIN | ACK);
    talk.say(first, ACK, 0);
    talk.say(other(first), ACK, 0);
}

/// One side has said all, the other goes on for a while.
fn close_halves(talk: &mut Talk, first: Who) {
    talk.say(first, FIN | ACK, 0);
    talk.say(other(first), ACK, 0);
    if first == Ours {
        talk.stream(Theirs, 2_500);
    }
    talk.rest(us(20_000));
    talk.say(other(first), FIN | ACK, 0);
    talk.say(first, ACK, 0);
}
