//! Packets that a finding rests on: the newest records of every remote host are kept, written as sections of a pcapng
//! file, and such a file is put into the order of its packets when it is read back.

pub(crate) mod arrange;
pub mod keeper;
pub mod rebuild;
pub mod section;
pub mod statement;
