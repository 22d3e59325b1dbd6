//! A middlebox swallows first flights of several segments: a `ClientHello` with post-quantum key shares takes two, and
//! it looks for the name in the first.

use super::trouble::{
    Named, Trouble, counted, ln_few_tails, ln_stray, ln_stray_in_use, ln_stray_silence,
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    verdict::likelihood::{Rate, ln_series},
};

/// First flights of several segments that are swallowed: nearly all.
const SWALLOWED: Rate = Rate::new(5.0, 0.5);
/// Stuck first flights of several segments from which on it is named, and those of one that must have been taken.
const STUCK: u64 = 3;
const TAKEN: u64 = 2;

pub(super) const FIRST: Trouble = Trouble {
    name: "first flight",
    // Dozens of reports since browsers send large `ClientHello`s, and few middleboxes.
    prior: 0.1,
    ln_first: |seen| ln_stray(seen.first_of_one()) + ln_series(SWALLOWED, seen.first_of_several()),
    ln_silence: ln_stray_silence,
    ln_in_use: ln_stray_in_use,
    ln_tails: ln_few_tails,
    cause: Cause::FirstFlightDropped,
    why_excluded: |seen| {
        let (several, tails) = (seen.first_of_several(), seen.tails());
        if several.dropped == 0 {
            "no first flight of several segments is missing".to_owned()
        } else if tails.dropped > 0 {
            format!(
                "the end of {} arrived, and only the beginning is missing",
                counted(tails.dropped, "flight", "flights")
            )
        } else {
            format!(
                "{} of several segments were taken",
                counted(several.answered, "first flight", "first flights")
            )
        }
    },
    named: Some(Named {
        is_founded: |seen| {
            seen.first_of_several().dropped >= STUCK && seen.first_of_one().answered >= TAKEN
        },
        severity: Severity::Critical,
        summary: |seen| {
            let (one, several) = (seen.first_of_one(), seen.first_of_several());
            format!(
                "first flights of two segments or more vanish as a whole ({} of {}), and those of one pass ({} of {}): something on the way cannot put a ClientHello together that takes several segments, as with post-quantum key shares",
                several.dropped,
                several.total(),
                one.answered,
                one.total()
            )
        },
        remedy: |_| {
            vec![
                "tell who runs the firewall, proxy or load balancer before this host: it must read TLS ClientHellos of several segments (an update for ML-KEM key shares)".to_owned(),
                "meanwhile send a small ClientHello: Go `GODEBUG=tlsmlkem=0`, OpenSSL 3.5 `Groups = X25519:P-256` in openssl.cnf, Chrome policy `PostQuantumKeyAgreementEnabled=false`, Firefox `security.tls.enable_kyber=false`".to_owned(),
            ]
        },
    }),
};
