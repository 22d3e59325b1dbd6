//! `cargo xtask screens`: lets natdiag watch the test network on a terminal, presses keys, and draws what the terminal
//! shows into `docs/screens`.

mod svg;
mod terminal;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use self::terminal::Terminal;
use crate::{
    exec,
    lab::{self, interrupt, play},
};

/// Draws pictures of real screens.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the pictures go.
    #[arg(long, value_name = "DIR", default_value = "docs/screens")]
    directory: PathBuf,
}

/// A scenario, and the pictures taken of it.
struct Sitting {
    scenario: &'static str,
    shots: &'static [Shot],
}

/// A picture.
struct Shot {
    /// Name of the file.
    name: &'static str,
    /// What is typed before.
    keys: &'static str,
}

const SITTINGS: &[Sitting] = &[
    Sitting {
        scenario: "tw-recycle-4.11",
        shots: &[
            Shot {
                name: "list",
                keys: "",
            },
            Shot {
                name: "tw-recycle",
                keys: "\r",
            },
            Shot {
                name: "help",
                keys: "?",
            },
        ],
    },
    Sitting {
        scenario: "path-fragments",
        shots: &[
            Shot {
                name: "path-fragmentation",
                keys: "\r",
            },
            Shot {
                name: "causes",
                keys: "qc",
            },
        ],
    },
];

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// Time that natdiag watches before the first picture.
const WATCHING: Duration = Duration::from_secs(12);
/// Time that the traffic goes on: until after the last picture.
const TRAFFIC: Duration = Duration::from_secs(18);
/// Time for a key to show.
const SHOWING: Duration = Duration::from_millis(1200);

/// Runs `cargo xtask screens`.
///
/// # Errors
/// The test network cannot be built, or natdiag does not come up on the terminal.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if !exec::is_root() {
        bail!("the pictures are of the test network, which only root may make");
    }
    interrupt::listen()?;
    let natdiag = lab::build_natdiag()?;
    fs::create_dir_all(&args.directory)
        .with_context(|| format!("cannot create {}", args.directory.display()))?;
    for sitting in SITTINGS {
        sit(sitting, &natdiag, &args.directory)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn sit(sitting: &Sitting, natdiag: &Path, directory: &Path) -> Result<()> {
    let scenario = lab::scenario(sitting.scenario)?;
    play::beside(scenario, TRAFFIC, |host, interface| {
        let arguments = ["watch", "-i", interface];
        let mut terminal = Terminal::start(host, natdiag, &arguments, ROWS, COLUMNS)?;
        interrupt::wait(WATCHING)?;
        for shot in sitting.shots {
            terminal.write(shot.keys)?;
            interrupt::wait(SHOWING)?;
            let path = directory.join(shot.name).with_extension("svg");
            let picture = terminal.look(svg::draw)?;
            fs::write(&path, picture)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        terminal.end()
    })
}
