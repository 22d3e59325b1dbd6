//! Stands for the commands that load BPF programs, in the xtask that is built without them: each hands over
//! to the other xtask. A command has one module here, with the same outside as the real one.

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;

use crate::{
    exec::{self, Profile},
    programs,
};

/// The arguments of a command, read by the xtask that knows it.
#[derive(clap::Args, Clone)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// The test network.
pub(crate) mod lab {
    pub(crate) use super::Args;

    /// Runs `cargo xtask lab`; returns only on an error.
    pub(crate) fn run(args: Args) -> super::Result<super::ExitCode> {
        super::hand_over("lab", super::Profile::Dev, args)
    }
}

/// Active tests.
pub(crate) mod probe {
    pub(crate) use super::Args;

    /// Runs `cargo xtask probe`; returns only on an error.
    pub(crate) fn run(args: &Args) -> super::Result<super::ExitCode> {
        super::hand_over("probe", super::Profile::Dev, args.clone())
    }
}

/// How often natdiag is right.
pub(crate) mod evaluate {
    pub(crate) use super::Args;

    /// Runs `cargo xtask evaluate`; returns only on an error.
    pub(crate) fn run(args: &Args) -> super::Result<super::ExitCode> {
        super::hand_over("evaluate", super::Profile::Release, args.clone())
    }
}

/// natdiag on a busy network for long.
pub(crate) mod soak {
    pub(crate) use super::Args;

    /// Runs `cargo xtask soak`; returns only on an error.
    pub(crate) fn run(args: Args) -> super::Result<super::ExitCode> {
        super::hand_over("soak", super::Profile::Release, args)
    }
}

/// What watching costs.
pub(crate) mod bench {
    pub(crate) use super::Args;

    /// Runs `cargo xtask bench`; returns only on an error.
    pub(crate) fn run(args: Args) -> super::Result<super::ExitCode> {
        super::hand_over("bench", super::Profile::Release, args)
    }
}

/// Real kernels.
pub(crate) mod kernels {
    pub(crate) use super::Args;

    /// Runs `cargo xtask kernels`; returns only on an error.
    pub(crate) fn run(args: Args) -> super::Result<super::ExitCode> {
        super::hand_over("kernels", super::Profile::Dev, args)
    }
}

/// Pictures of screens.
pub(crate) mod screens {
    pub(crate) use super::Args;

    /// Runs `cargo xtask screens`; returns only on an error.
    pub(crate) fn run(args: &Args) -> super::Result<super::ExitCode> {
        super::hand_over("screens", super::Profile::Dev, args.clone())
    }
}

fn hand_over(name: &str, profile: Profile, args: Args) -> Result<ExitCode> {
    let mut command = programs::command(name, profile)?;
    Err(exec::become_program(command.args(args.words)))
}
