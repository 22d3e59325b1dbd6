//! The server's part in a play: what it does with a SYN, and how a connection to it ends.

use natdiag_common::wire::tcp::{ACK, FIN};

use super::{
    Play, REQUEST, RESPONSE, SERVER_ISN, SERVER_SCHEDULE, Step, Taken, tsval, wire::options,
};
use crate::evaluate::trouble::{Reply, arrival::Arrival};

impl Play {
    /// A SYN reaches the server.
    pub(super) fn arrive(&mut self, now: u64, number: usize, attempt: usize) {
        let half = self.round_trip_us / 2;
        let connection = &self.connections[number];
        if connection.taken.is_some() {
            self.answer(now, number);
            return;
        }
        let sent = now - half;
        let client = self.clients[connection.client];
        let arrival = Arrival {
            time_us: now,
            tsval: tsval(connection, sent),
            seen_as: client.seen_as,
            client: u32::try_from(connection.client).unwrap_or_default(),
            port: connection.server_port,
            source_port: connection.port,
            hash: connection.hash,
            in_time_wait: connection.in_time_wait,
            asks_for_ecn: connection.asks_for_ecn(attempt),
            port_is_odd: connection.port % 2 == 1,
            attempt,
        };
        match self.world.reply(arrival) {
            Reply::Silence => {}
            Reply::BareAck => self.at(now + half, Step::BareAck(number)),
            Reply::SynAck => {
                self.connections[number].taken = Some(Taken {
                    tsval: arrival.tsval,
                });
                self.answer(now, number);
                self.at(now + SERVER_SCHEDULE[0], Step::Repeat(number, 0));
            }
        }
    }

    /// The server sends a SYN-ACK, which may be lost.
    pub(super) fn answer(&mut self, now: u64, number: usize) {
        if !self.dice.happens(self.world.loss_back) {
            let half = self.round_trip_us / 2;
            self.at(now + half, Step::SynAck(number));
        }
    }

    /// Both sides close, the server or the client first.
    pub(super) fn close(&mut self, now: u64, number: usize) {
        if let Some(unknown) = &mut self.world.unknown {
            unknown.closed(now);
        }
        let connection = self.connections[number].clone();
        let half = self.round_trip_us / 2;
        let ours = connection.isn.wrapping_add(1 + REQUEST);
        let theirs = SERVER_ISN + 1 + RESPONSE;
        let clock = |at| tsval(&connection, at);
        let their_clock = self.world.clock(now, connection.hash);
        if self.dice.happens(self.closes_first) {
            let echo = clock(now.saturating_sub(self.round_trip_us));
            let their = options(echo.map(|_| their_clock), echo.unwrap_or(0));
            self.receive(now, number, FIN | ACK, (theirs, ours), their);
            let after = now + 500;
            self.emit(
                after,
                number,
                FIN | ACK,
                (ours, theirs + 1),
                options(clock(after), 2),
            );
            // The server enters TIME-WAIT by our ACK of its FIN.
            self.at(now + half, Step::Remember(number, clock(now)));
            self.at(after + half, Step::Remember(number, clock(after)));
            self.used_ports.push((
                connection.client,
                connection.port,
                connection.server_port,
                after,
            ));
        } else {
            self.emit(
                now,
                number,
                FIN | ACK,
                (ours, theirs),
                options(clock(now), 2),
            );
            let echo = clock(now);
            let their = options(echo.map(|_| their_clock), echo.unwrap_or(0));
            let back = now + self.round_trip_us;
            self.receive(
                back,
                number,
                FIN | ACK,
                (theirs, ours.wrapping_add(1)),
                their,
            );
        }
    }
}
