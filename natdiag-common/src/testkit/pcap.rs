//! Writes packets where tshark and tcpdump can read them.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    thread,
};

use crate::LinkType;

/// The frame of a test, written to `target/pcap/NAME.pcap` when the test fails.
#[derive(Debug)]
pub struct Evidence<'a> {
    name: &'a str,
    link: LinkType,
    frame: &'a [u8],
}

impl<'a> Evidence<'a> {
    /// Holds a frame until the test has passed, or keeps it.
    #[must_use]
    pub fn new(name: &'a str, link: LinkType, frame: &'a [u8]) -> Self {
        Self { name, link, frame }
    }
}

impl Drop for Evidence<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let name = self.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            let path = directory().join(name).with_extension("pcap");
            // The test has failed already: whether its frame could be written changes nothing.
            let _ = write(&path, self.link, &[self.frame.to_vec()]);
        }
    }
}

/// Where frames of failed tests go.
#[must_use]
pub fn directory() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
            PathBuf::from,
        )
        .join("pcap")
}

/// Writes a capture, one millisecond between frames.
///
/// # Errors
/// The file or its directory cannot be written.
pub fn write(path: &Path, link: LinkType, frames: &[Vec<u8>]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, encode(link, frames))
}

/// A capture in the format of libpcap 2.4, in the machine's own byte order.
#[must_use]
pub fn encode(link: LinkType, frames: &[Vec<u8>]) -> Vec<u8> {
    let link_type: u32 = match link {
        LinkType::Ethernet => 1,
        LinkType::RawIp => 101,
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let mut octets: Vec<u8> = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, link_type]);
    // The version is two fields of two octets: 2, then 4.
    if cfg!(target_endian = "big") {
        octets.splice(4..8, [0, 2, 0, 4]);
    }
    for (number, frame) in (0_u32..).zip(frames) {
        let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let header: Vec<u8> = words(&[number / 1000, number % 1000 * 1000, len, len]);
        octets.extend(header);
        octets.extend(frame);
    }
    octets
}
