//! Any octets as a frame: of both types of device, in both directions, cut anywhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use natdiag_common::testkit::invariant;

fuzz_target!(|octets: &[u8]| invariant::check_frame(octets));
