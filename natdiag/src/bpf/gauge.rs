//! How full a ring is, read from the ring itself.

use std::{io, os::fd::AsFd, ptr::NonNull};

use nix::{
    sys::mman::{MapFlags, ProtFlags, mmap, munmap},
    unistd::{SysconfVar, sysconf},
};

/// The two pages of a ring that say how far its producers and its consumer are (`kernel/bpf/ringbuf.c:struct
/// bpf_ringbuf`).
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
