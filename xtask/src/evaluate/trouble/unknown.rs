//! Troubles of which natdiag has no hypothesis that fits: which there are, and what each does to a SYN.

mod kind;
pub(crate) mod mechanism;

pub(crate) use self::{kind::Kind, mechanism::Mechanism};
