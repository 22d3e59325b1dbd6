//! One header each: layout, constants, `parse(frame, offset)`.

pub mod ethernet;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod seq;
pub mod tcp;
pub mod tcp_options;
pub mod udp;
