//! Two network namespaces that nobody else can see, joined by a veth pair. They have no names, so nothing is left of
//! them when this process ends, however it ends.

use std::{
    fs::File,
    os::fd::{AsFd as _, AsRawFd as _},
    process::{self, Command},
};

use anyhow::{Context as _, Result};
use natdiag::host::link::{self, Link};
use nix::sched::{CloneFlags, setns, unshare};

use crate::exec;

/// The device that packets are sent by.
pub(crate) const NEAR: &str = "near";
/// The device that packets come in at, and that is watched.
pub(crate) const FAR: &str = "far";
/// Address of the far device.
pub(crate) const FAR_ADDRESS: &str = "10.0.0.2";

/// Both ends.
pub(crate) struct Wire {
    near: File,
    far: File,
}

impl Wire {
    /// Makes the namespaces and the pair. This thread ends up at the near end.
    pub(crate) fn new() -> Result<Self> {
        let far = new_namespace()?;
        let near = new_namespace()?;
        let wire = Self { near, far };
        let peer = format!("/proc/{}/fd/{}", process::id(), wire.far.as_raw_fd());
        ip(&[
            "link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", &peer,
        ])?;
        ip(&["address", "add", "10.0.0.1/24", "dev", NEAR])?;
        ip(&["link", "set", NEAR, "up"])?;
        wire.go_far()?;
        ip(&["address", "add", &format!("{FAR_ADDRESS}/24"), "dev", FAR])?;
        ip(&["link", "set", FAR, "up"])?;
        wire.go_near()?;
        Ok(wire)
    }

    /// Moves this thread to the near end.
    pub(crate) fn go_near(&self) -> Result<()> {
        enter(&self.near)
    }

    /// Moves this thread to the far end.
    pub(crate) fn go_far(&self) -> Result<()> {
        enter(&self.far)
    }
}

/// The far device; this thread is at the far end.
pub(crate) fn far_link() -> Result<Link> {
    link::all()?
        .into_iter()
        .find(|link| link.name == FAR)
        .context("the far device is missing")
}

fn new_namespace() -> Result<File> {
    unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
    Ok(File::open("/proc/thread-self/ns/net")?)
}

fn enter(namespace: &File) -> Result<()> {
    setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).context("cannot enter a network namespace")
}

fn ip(arguments: &[&str]) -> Result<()> {
    exec::run(Command::new("ip").args(arguments))
}
