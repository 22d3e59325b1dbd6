//! natdiag on a busy host for a long time: handshakes as fast as two cores give, while remote hosts come and go,
//! fragments flood, the disk fills up and natdiag is replaced, killed and stopped. What must hold is measured all the
//! while.

mod daemon;
mod ledger;
mod traffic;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use self::{
    daemon::Daemon,
    ledger::{Ledger, Sample},
    traffic::{Load, Traffic},
};
use crate::{bench::live::wire::Wire, lab::interrupt};

/// What `cargo xtask soak` is asked.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long, at least; whole rounds of some 90 s are played
    #[arg(long, default_value_t = 30, value_name = "N")]
    minutes: u64,
    /// Handshakes a second up to which nothing may be missed; half of the time there are as many as two cores give
    #[arg(long, default_value_t = 30_000, value_name = "N")]
    rate: u32,
}

/// How long handshakes are measured without a fault.
const CALM: Duration = Duration::from_secs(25);
/// How long a fault lasts.
const FAULT: Duration = Duration::from_secs(5);
/// How long natdiag is stopped, so that its ring overflows.
const STOPPED: Duration = Duration::from_secs(8);
/// How long natdiag may take to have judged what was counted.
const JUDGED: Duration = Duration::from_secs(3);

/// Runs `cargo xtask soak`.
///
/// # Errors
/// The network or natdiag cannot be started; what does not hold is no error but the exit code.
#[expect(clippy::needless_pass_by_value, reason = "as all commands are called")]
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    ensure!(nix::unistd::geteuid().is_root(), "a soak needs root");
    interrupt::listen()?;
    let wire = Wire::new()?;
    let traffic = Traffic::start(&wire, args.rate)?;
    wire.go_far()?;
    let mut daemon = Daemon::start()?;
    let mut ledger = Ledger::default();
    let began = Instant::now();
    let planned = Duration::from_secs(args.minutes * 60);
    // The first round is to warm up.
    for round in 0.. {
        if round > 0 && began.elapsed() >= planned {
            break;
        }
        play(&traffic, &mut daemon, &mut ledger)?;
    }
    traffic.set(Load::Nothing);
    daemon.end(&mut ledger)?;
    drop(traffic);
    Ok(ledger.conclude())
}

/// One round: calm, then one fault after the other.
fn play(traffic: &Traffic, daemon: &mut Daemon, ledger: &mut Ledger) -> Result<()> {
    calm(traffic, Load::UpToLimit, daemon, ledger)?;

    traffic.set(Load::FullWithFragments);
    interrupt::wait(FAULT)?;
    traffic.set(Load::Full);

    let lost = Daemon::events_lost()?;
    daemon.fill_disk()?;
    daemon.replace()?;
    daemon.free_disk()?;
    ledger.events_lost(Daemon::events_lost()? - lost);

    daemon.break_configuration()?;
    calm(traffic, Load::Full, daemon, ledger)?;

    daemon.kill()?;
    interrupt::wait(FAULT)?;

    let missed = Daemon::missed()?;
    daemon.stopped_for(STOPPED)?;
    interrupt::wait(JUDGED)?;
    ledger.overloaded(Daemon::missed()?.saturating_sub(missed));
    Ok(())
}

/// Measures while no fault is injected.
fn calm(traffic: &Traffic, load: Load, daemon: &Daemon, ledger: &mut Ledger) -> Result<()> {
    traffic.set(load);
    // What the last fault has left over is not part of it.
    interrupt::wait(JUDGED)?;
    let (missed, cpu, handshakes) = (Daemon::missed()?, daemon.cpu()?, traffic.handshakes());
    let began = Instant::now();
    interrupt::wait(CALM)?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = daemon.cpu()?.saturating_sub(cpu);
    let handshakes = traffic.handshakes() - handshakes;
    interrupt::wait(JUDGED)?;
    ledger.calm(Sample {
        load,
        seconds,
        handshakes,
        cpu,
        missed: Daemon::missed()?.saturating_sub(missed),
        resident_kib: daemon.resident_kib()?,
    });
    Ok(())
}
