//! Values that a user gives and every part of natdiag understands: networks, interfaces, spans of time, hooks, forms of
//! output. Each reads its own text; none knows a command.

pub mod duration;
pub mod established;
pub mod hook;
pub mod limits;
pub mod network;
pub mod output;
pub mod pattern;
pub mod place;
pub mod top;
