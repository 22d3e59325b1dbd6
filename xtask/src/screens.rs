//! `cargo xtask screens`: lets natdiag watch the test network on a terminal, presses keys, and draws what the terminal
//! shows into `docs/screens`, or checks it.

mod svg;
mod terminal;
mod tour;

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
    /// Draw nothing; fail where a cause is not on the screen in time, or a key does not what help says
    #[arg(long, conflicts_with = "directory")]
    check: bool,
    /// Where the pictures go.
    #[arg(long, value_name = "DIR", default_value = "docs/screens")]
    directory: PathBuf,
}

/// A scenario, and the pictures taken of it.
struct Sitting {
    scenario: &'static str,
    /// What the screen must say about the server.
    verdict: &'static str,
    /// Whether a check presses all keys.
    tours: bool,
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
        verdict: "tcp_tw_recycle is on",
        tours: true,
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
        verdict: "TCP fragmented on the path",
        tours: false,
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
    if !args.check {
        fs::create_dir_all(&args.directory)
            .with_context(|| format!("cannot create {}", args.directory.display()))?;
    }
    for sitting in SITTINGS {
        if args.check {
            check(sitting, &natdiag)?;
        } else {
            sit(sitting, &natdiag, &args.directory)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks whether the screen names the cause, and takes the tour where the server recycles.
fn check(sitting: &Sitting, natdiag: &Path) -> Result<()> {
    let scenario = lab::scenario(sitting.scenario)?;
    // Reports are written to where natdiag was started.
    let folder = tempfile::tempdir()?;
    play::beside(scenario, TRAFFIC, |host, interface| {
        let arguments = ["watch", "-i", interface];
        let mut terminal =
            Terminal::start(host, natdiag, &arguments, folder.path(), ROWS, COLUMNS)?;
        tour::wait_for_verdict(&terminal, sitting.verdict)?;
        exec::say(format_args!(
            "{}: the screen says {:?}",
            sitting.scenario, sitting.verdict
        ));
        if sitting.tours {
            tour::take(&mut terminal)?;
            exec::say("every key does what help says");
        }
        terminal.end()
    })
}

fn sit(sitting: &Sitting, natdiag: &Path, directory: &Path) -> Result<()> {
    let scenario = lab::scenario(sitting.scenario)?;
    play::beside(scenario, TRAFFIC, |host, interface| {
        let arguments = ["watch", "-i", interface];
        let mut terminal =
            Terminal::start(host, natdiag, &arguments, Path::new("."), ROWS, COLUMNS)?;
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
