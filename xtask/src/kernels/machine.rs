//! A virtual machine: one kernel, one initramfs, two serial lines. The kernel's console is on the first, what the
//! checks say on the second.

use std::{
    fs,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::image::Image;
use crate::exec;

/// Lines of the console that show how a machine died.
const CONSOLE_LINES: usize = 25;
/// How often a machine is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// What the kernel is told. Where the processor is emulated on a busy machine, its timer seems not to tick in time.
const COMMAND_LINE: &str =
    "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check random.trust_cpu=on";

/// How a machine ended.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// What the checks said.
    output: String,
    /// What the kernel said, and QEMU.
    console: String,
    /// How long it took.
    pub(crate) duration: Duration,
}

impl Verdict {
    /// Whether all checks passed.
    pub(crate) fn passed(&self) -> bool {
        self.exit_code() == Some("0")
    }

    /// What there is to tell: the checks' own words, and the kernel's where they did not end.
    pub(crate) fn told(&self) -> Vec<&str> {
        let mut lines: Vec<_> = self.output.lines().collect();
        if self.exit_code().is_some() {
            lines.pop();
        } else {
            lines.push("the machine did not end its checks; its console says:");
            let console: Vec<_> = self.console.lines().collect();
            let start = console.len().saturating_sub(CONSOLE_LINES);
            lines.extend(console.get(start..).unwrap_or_default());
        }
        lines
    }

    fn exit_code(&self) -> Option<&str> {
        self.output.lines().last()?.strip_prefix("exit code ")
    }
}

/// Boots a kernel and waits until the machine turns itself off, or for `timeout`.
pub(crate) fn boot(image: &Image, initramfs: &[u8], timeout: Duration) -> Result<Verdict> {
    let scratch = tempfile::tempdir()?;
    let file = |name: &str| scratch.path().join(name);
    fs::write(file("initramfs"), initramfs)?;
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none", "-machine", "q35,accel=tcg"])
        // Page tables of four levels, as most machines have them.
        .args(["-cpu", "max,la57=off", "-smp", "2", "-m", "768"])
        .args(["-append", COMMAND_LINE, "-kernel"])
        .arg(image.kernel())
        .arg("-initrd")
        .arg(file("initramfs"));
    for line in ["console", "output"] {
        qemu.arg("-serial")
            .arg(format!("file:{}", file(line).display()));
    }
    let began = Instant::now();
    let mut child = qemu
        .stdin(Stdio::null())
        .stderr(fs::File::create(file("errors"))?)
        .spawn()
        .with_context(|| format!("cannot start `{}`", exec::describe(&qemu)))?;
    let mut trouble = String::new();
    while child.try_wait()?.is_none() {
        if began.elapsed() > timeout {
            child.kill()?;
            child.wait()?;
            trouble = format!("xtask: no end after {} s", timeout.as_secs());
            break;
        }
        sleep(BETWEEN_LOOKS);
    }
    // A machine that did not start has said nothing.
    let read = |name: &str| fs::read(file(name)).unwrap_or_default();
    let text = |name: &str| String::from_utf8_lossy(&read(name)).replace('\r', "");
    Ok(Verdict {
        output: text("output"),
        console: text("console") + &text("errors") + &trouble,
        duration: began.elapsed(),
    })
}
