//! Where natdiag looks and keeps things, unless it is told another place.

/// Where the configuration file is, unless it is named.
pub const DEFAULT_FILE: &str = "/etc/natdiag/natdiag.toml";

/// Where natdiag pins, unless another folder is named.
pub const DEFAULT_PIN: &str = "/sys/fs/bpf/natdiag";
