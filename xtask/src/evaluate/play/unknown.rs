//! A play whose hosts have a trouble that natdiag does not know.

use natdiag_common::wire::tcp_options::TcpOptions;

use super::Play;
use crate::evaluate::{
    dice::Dice,
    micros::as_u64,
    mix,
    trouble::unknown::{Kind, Mechanism, mechanism::Company},
};

/// Most connections that begin at the same moment, and within how many microseconds.
const TOGETHER: (u32, f64) = (6, 30_000.0);

impl Play {
    /// Adds an unknown trouble to the play, and as many connections as it takes to meet it.
    pub(crate) fn with_unknown(mut self, kind: Kind, dice: &mut Dice) -> Self {
        let last = self.connections.last().map_or(0, |last| last.start_us);
        let mechanism = Mechanism::draw(kind, dice, self.clients.len(), last);
        if dice.happens(mix::BESIDE.0) {
            self.world.loss = dice.between((0.0, mix::BESIDE.1));
        }
        let mut ports: Vec<u16> = self.connections.iter().map(|it| it.server_port).collect();
        ports.sort_unstable();
        ports.dedup();
        match mechanism.wants() {
            Company::Usual => {}
            Company::Many {
                ports: limit,
                within_s,
            } => {
                let limit = f64::from(u32::try_from(limit).unwrap_or(0));
                let within = as_u64(dice.scaled(within_s) * 1e6).max(1);
                for _ in 0..as_u64(limit * dice.between((0.8, 2.0))) {
                    let at = u64::from(dice.bits()) % within;
                    self.open(at, &ports);
                }
            }
            Company::Together => {
                let starts: Vec<u64> = self.connections.iter().map(|it| it.start_us).collect();
                for start in starts {
                    for _ in 0..dice.below(TOGETHER.0) {
                        let after = as_u64(dice.between((0.0, TOGETHER.1)));
                        self.open(start + after, &ports);
                    }
                }
            }
        }
        self.world.unknown = Some(mechanism);
        self
    }

    /// Marks a transmission of a SYN as the trouble has it; gives the flags beside SYN.
    pub(super) fn mark(&self, number: usize, attempt: usize, options: &mut TcpOptions) -> u8 {
        let Some(mechanism) = &self.world.unknown else {
            return 0;
        };
        let connection = &self.connections[number];
        let mark = mechanism.mark(connection.client, connection.hash, attempt);
        mark.put_into(options);
        mark.flags
    }
}
