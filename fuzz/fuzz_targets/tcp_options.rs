//! Any octets as a list of TCP options.
#![no_main]

use libfuzzer_sys::fuzz_target;
use natdiag_common::testkit::invariant;

fuzz_target!(|octets: &[u8]| invariant::check_tcp_options(octets));
