//! Sends frames as fast as it goes, and tells what each cost: on veth, the receiver's part is done by the sender's
//! thread, so its CPU time is that of the whole way.

use std::{
    ffi::CString,
    io,
    mem::{size_of, zeroed},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use anyhow::{Context as _, Result, ensure};

use crate::bench::clock;

/// Frames handed to the kernel at once.
const BATCH: usize = 64;

/// A socket that sends whole frames by one device.
pub(crate) struct Flood {
    socket: OwnedFd,
}

impl Flood {
    /// Opens the socket; this thread is where the device is.
    pub(crate) fn open(device: &str) -> Result<Self> {
        // SAFETY: plain numbers; the result is checked.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0) };
        ensure!(fd >= 0, "no packet socket: {}", io::Error::last_os_error());
        // SAFETY: the call above returned it, and nobody else has it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let name = CString::new(device)?;
        // SAFETY: the name ends with a zero.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        // SAFETY: integers only.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET)?;
        address.sll_ifindex = i32::try_from(index)?;
        // SAFETY: pointer and length are those of `address`.
        let bound = unsafe {
            libc::bind(
                socket.as_raw_fd(),
                (&raw const address).cast(),
                u32::try_from(size_of::<libc::sockaddr_ll>())?,
            )
        };
        ensure!(bound == 0, "cannot bind: {}", io::Error::last_os_error());
        Ok(Self { socket })
    }

    /// Sends every frame once. Returns the nanoseconds of CPU time per frame.
    pub(super) fn send(&self, frames: &[Vec<u8>]) -> Result<f64> {
        let (time, ()) = clock::time(|| self.send_all(frames))?;
        let sent = u32::try_from(frames.len())?;
        Ok(time.as_secs_f64() * 1e9 / f64::from(sent.max(1)))
    }

    /// Sends every frame once.
    pub(crate) fn send_all(&self, frames: &[Vec<u8>]) -> Result<()> {
        frames
            .chunks(BATCH)
            .try_for_each(|batch| self.send_batch(batch))
    }

    fn send_batch(&self, batch: &[Vec<u8>]) -> Result<()> {
        let mut parts: Vec<libc::iovec> = batch
            .iter()
            .map(|frame| libc::iovec {
                iov_base: frame.as_ptr().cast_mut().cast(),
                iov_len: frame.len(),
            })
            .collect();
        let mut messages: Vec<libc::mmsghdr> = parts
            .iter_mut()
            .map(|part| {
                // SAFETY: integers and null pointers.
                let mut message: libc::mmsghdr = unsafe { zeroed() };
                message.msg_hdr.msg_iov = part;
                message.msg_hdr.msg_iovlen = 1;
                message
            })
            .collect();
        let count = u32::try_from(messages.len())?;
        // SAFETY: the messages point to `parts`, these to `batch`, and all live until the call returns. The kernel
        // only reads the frames.
        let sent =
            unsafe { libc::sendmmsg(self.socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        ensure!(
            u32::try_from(sent).is_ok_and(|sent| sent == count),
            "sent {sent} of {count} frames: {}",
            io::Error::last_os_error()
        );
        Ok(())
    }
}

/// One frame for each of so many remote hosts.
pub(super) fn from_many(frame: &[u8], offset: usize, hosts: u16) -> Result<Vec<Vec<u8>>> {
    (0..hosts)
        .map(|host| {
            let mut frame = frame.to_vec();
            let place = frame
                .get_mut(offset..)
                .and_then(|rest| rest.first_chunk_mut());
            let [high, low] = host.to_be_bytes();
            *place.context("the frame has no address")? = [10, 9, high, low];
            Ok(frame)
        })
        .collect()
}
