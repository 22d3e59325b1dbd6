//! What the programs say about themselves, if they are built to say anything (feature `bpf-log`). It goes where all
//! goes that natdiag logs.

use std::fmt;

use aya::Ebpf;

/// Lines from the kernel. Where it is dropped before the programs are loaded, they cannot be.
pub(super) struct KernelLog {
    #[cfg(feature = "bpf-log")]
    logger: Option<aya_log::EbpfLogger<&'static dyn log::Log>>,
}

#[cfg(feature = "bpf-log")]
impl KernelLog {
    /// Takes the ring of lines out of the object.
    pub(super) fn take(ebpf: &mut Ebpf) -> Self {
        let logger = aya_log::EbpfLogger::init(ebpf)
            .inspect_err(|error| tracing::warn!(%error, "the BPF programs cannot log"));
        Self {
            logger: logger.ok(),
        }
    }

    /// Logs what has come.
    pub(super) fn flush(&mut self) {
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
    }
}

#[cfg(not(feature = "bpf-log"))]
impl KernelLog {
    /// There are none.
    pub(super) const fn take(_ebpf: &mut Ebpf) -> Self {
        Self {}
    }

    /// There is nothing to log.
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(super) const fn flush(&mut self) {}
}

impl fmt::Debug for KernelLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelLog").finish_non_exhaustive()
    }
}
