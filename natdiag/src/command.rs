//! One module per subcommand: wiring only.

pub mod replay;
