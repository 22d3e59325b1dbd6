//! Facts about this host: its interfaces, addresses and default route. One parser per source, and a thin reader.

pub mod address;
pub mod conntrack;
pub mod ethtool;
pub mod holder;
pub mod link;
pub mod lock;
pub mod netlink;
pub mod path;
pub mod regular;
pub mod route;
pub mod tap;
pub mod traffic;
