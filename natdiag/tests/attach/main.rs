//! Attaching, counting and detaching on real interfaces, each test in a network namespace of its own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says why it was skipped and fails by panicking, also in its helpers"
)]

mod check;
mod command;
mod counting;
mod daemon;
mod evidence;
mod files;
mod following;
// Reports and events of real interfaces have the forms that the test `schema` asks of all others.
#[path = "../schema/form.rs"]
mod form;
mod hooks;
mod kept;
mod mounted;
mod network;
mod pins;
mod privileges;
mod prometheus;
mod restart;
mod small_disk;
mod terminal;
