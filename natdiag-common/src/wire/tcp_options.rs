//! TCP options (RFC 9293, section 3.2; RFC 7323). Read on the host only: a record carries them raw.

use super::seq::TsVal;

const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const TIMESTAMPS: u8 = 8;
/// Multipath TCP (RFC 8684, section 3).
const MULTIPATH: u8 = 30;
/// Fast Open (RFC 7413, section 4.1.1).
const FAST_OPEN: u8 = 34;
/// An option on trial, told from others by its first two octets (RFC 6994, section 3).
const EXPERIMENT: u8 = 254;
/// Fast Open while it was on trial. Kernel: `TCPOPT_FASTOPEN_MAGIC`, include/net/tcp.h (v4.9).
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];

/// Most octets that options can have: a data offset of 15 words less the fixed five.
pub const MAX_LEN: usize = 40;

/// Timestamps option (RFC 7323, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock.
    pub tsval: TsVal,
    /// Echo of the peer's clock; means something only with ACK.
    pub tsecr: TsVal,
}

/// The options that natdiag uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct TcpOptions {
    /// Maximum segment size, octets.
    pub mss: Option<u16>,
    /// Window scale, a shift count.
    pub window_scale: Option<u8>,
    /// SACK permitted.
    pub sack_permitted: bool,
    /// Timestamps.
    pub timestamps: Option<Timestamps>,
    /// Multipath TCP, whatever it says.
    pub multipath: bool,
    /// Fast Open, with a cookie or asking for one.
    pub fast_open: bool,
    /// The list ended within an option, or an option had an impossible length: what follows it was not read.
    pub malformed: bool,
}

/// Reads a list of options. What stands after a malformed one is left out.
#[must_use]
pub fn parse(mut octets: &[u8]) -> TcpOptions {
    let mut options = TcpOptions::default();
    loop {
        octets = match octets {
            [] | [END_OF_LIST, ..] => return options,
            [NO_OPERATION, rest @ ..] => rest,
            [kind, len, ..] => {
                let len = usize::from(*len);
                let (Some(value), Some(rest)) = (octets.get(2..len), octets.get(len..)) else {
                    return TcpOptions {
                        malformed: true,
                        ..options
                    };
                };
                options.take(*kind, value);
                rest
            }
            [_] => {
                return TcpOptions {
                    malformed: true,
                    ..options
                };
            }
        };
    }
}

impl TcpOptions {
    /// Takes one option. One that is not known, or has not the length of its kind, says nothing.
    fn take(&mut self, kind: u8, value: &[u8]) {
        match (kind, value) {
            (MAXIMUM_SEGMENT_SIZE, &[a, b]) => self.mss = Some(u16::from_be_bytes([a, b])),
            (WINDOW_SCALE, &[shift]) => self.window_scale = Some(shift),
            (SACK_PERMITTED, []) => self.sack_permitted = true,
            (TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                self.timestamps = Some(Timestamps {
                    tsval: TsVal(u32::from_be_bytes([a, b, c, d])),
                    tsecr: TsVal(u32::from_be_bytes([e, f, g, h])),
                });
            }
            (MULTIPATH, _) => self.multipath = true,
            (FAST_OPEN, _) => self.fast_open = true,
            (EXPERIMENT, [a, b, ..]) if [*a, *b] == FAST_OPEN_EXPERIMENT => self.fast_open = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
