//! What the programs cost: how often and how long they run, where the kernel measures it (`kernel.bpf_stats_enabled`, or somebody who
//! holds `BPF_ENABLE_STATS`), and how full a ring is.

use std::{
    fs, io,
    os::fd::{AsFd, OwnedFd},
    ptr::NonNull,
};

use aya::{
    programs::{Program, ProgramError},
    sys::{Stats, SyscallError, enable_stats},
};
use nix::{
    sys::mman::{MapFlags, ProtFlags, mmap, munmap},
    unistd::{SysconfVar, sysconf},
};
use thiserror::Error;

use super::load::WatchObject;
use crate::cost::Runs;

/// Whether the kernel measures all the time (Linux 5.1).
const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// The kernel does not measure.
#[derive(Debug, Error)]
#[error("the kernel refuses to measure the run time of BPF programs")]
pub struct StatisticsError(#[source] SyscallError);

/// Has the kernel measure while this exists. It measures the programs of everybody.
#[derive(Debug)]
pub struct Statistics {
    _held: OwnedFd,
}

impl Statistics {
    /// Has the kernel measure.
    ///
    /// # Errors
    /// This process has no `CAP_SYS_ADMIN`, or the kernel is older than 5.8.
    pub fn enable() -> Result<Self, StatisticsError> {
        let held = enable_stats(Stats::RunTime).map_err(StatisticsError)?;
        Ok(Self { _held: held })
    }
}

/// Whether the administrator has the kernel measure all the time.
#[must_use]
pub fn is_measured_always() -> bool {
    fs::read_to_string(SWITCH).is_ok_and(|text| text.trim() == "1")
}

/// The programs of an interface.
#[derive(Debug)]
pub enum Programs {
    /// Those of an object of this process.
    Loaded(Box<WatchObject>),
    /// Those that another natdiag has pinned, with their names.
    Pinned(Vec<(&'static str, Program)>),
}

impl Programs {
    /// What they have taken so far, where the kernel measures it.
    #[must_use]
    pub fn runs(&self) -> Vec<Runs> {
        match self {
            Self::Loaded(object) => object.runs(),
            Self::Pinned(programs) => runs(programs.iter().map(|(name, program)| (*name, program))),
        }
    }
}

/// What the programs that are loaded have taken so far.
pub(super) fn runs<'a>(programs: impl Iterator<Item = (&'a str, &'a Program)>) -> Vec<Runs> {
    let loaded = programs.filter_map(|(name, program)| {
        let info = match program.info() {
            Ok(info) => info,
            Err(ProgramError::NotLoaded) => return None,
            Err(error) => {
                tracing::debug!(%error, name, "the kernel does not tell about a program");
                return None;
            }
        };
        Some(Runs {
            program: name.to_owned(),
            count: info.run_count(),
            time_ns: u64::try_from(info.run_time().as_nanos()).unwrap_or(u64::MAX),
        })
    });
    loaded.collect()
}

/// The two pages of a ring that say how far its producers and its consumer are (`kernel/bpf/ringbuf.c:struct bpf_ringbuf`).
#[derive(Debug)]
pub(super) struct RingGauge {
    pages: NonNull<libc::c_void>,
    page_len: usize,
    capacity: u64,
    /// The most that waited since it was last asked.
    most: u64,
}

impl RingGauge {
    /// Looks at a ring of so many octets.
    pub(super) fn new(ring: impl AsFd, capacity: u32) -> io::Result<Self> {
        let page_len = sysconf(SysconfVar::PAGE_SIZE)?
            .and_then(|len| usize::try_from(len).ok())
            .ok_or(io::ErrorKind::Unsupported)?;
        let both = page_len
            .checked_mul(2)
            .and_then(|len| len.try_into().ok())
            .ok_or(io::ErrorKind::Unsupported)?;
        // SAFETY: a new mapping, for reading only, at a place that the kernel chooses: nothing else is touched.
        let pages = unsafe {
            mmap(
                None,
                both,
                ProtFlags::PROT_READ,
                MapFlags::MAP_SHARED,
                ring,
                0,
            )
        }?;
        Ok(Self {
            pages,
            page_len,
            capacity: capacity.into(),
            most: 0,
        })
    }

    /// Looks how much waits.
    pub(super) fn look(&mut self) {
        // The consumer first: it moves in this thread only, so that the difference is never negative.
        let consumer = self.position(0);
        let producer = self.position(self.page_len);
        self.most = self.most.max(producer.wrapping_sub(consumer));
    }

    /// The octets that waited at most since the last call, and those there is room for.
    pub(super) fn take_most(&mut self) -> (u64, u64) {
        self.look();
        (std::mem::take(&mut self.most), self.capacity)
    }

    fn position(&self, offset: usize) -> u64 {
        // SAFETY: the mapping is two pages long and lives as long as `self`; both offsets are beginnings of pages, so
        // that eight octets are there and aligned. The kernel writes them at any time, hence the volatile read.
        unsafe { self.pages.byte_add(offset).cast::<u64>().read_volatile() }
    }
}

impl Drop for RingGauge {
    fn drop(&mut self) {
        // SAFETY: `new` has mapped these two pages, and nobody else has the address.
        let unmapped = unsafe { munmap(self.pages, self.page_len * 2) };
        if let Err(error) = unmapped {
            tracing::debug!(%error, "cannot unmap the pages of a ring");
        }
    }
}
