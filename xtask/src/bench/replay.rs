//! `natdiag replay` beside tshark on a large capture of mostly full-size frames, both in one run. The capture is
//! made for it and goes afterwards; both find it in the page cache as far as it fits.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use natdiag_common::testkit::{CLIENT, Payload as _, SERVER, Segment, tcp};
use serde::Serialize;

/// Size of the capture.
const OCTETS: u64 = 5_000_000_000;
/// Segments of data in a connection, and how much each carries on Ethernet with timestamps.
const SEGMENTS: usize = 200;
const DATA_OCTETS: usize = 1448;
/// Distance of packets in microseconds: 1.2 Gbit/s.
const DISTANCE_US: u64 = 10;
/// Start of the capture, in seconds since 1970.
const START_S: u64 = 1_700_000_000;

/// What a replay costs.
#[derive(Serialize)]
pub(super) struct Figures {
    pub(super) octets: u64,
    pub(super) packets: u64,
    pub(super) natdiag: Cost,
    pub(super) tshark: Cost,
}

/// What one program took.
#[derive(Serialize)]
pub(super) struct Cost {
    pub(super) seconds: f64,
    /// Of processors, its own and the kernel's for it: what it took where others take their share as well.
    pub(super) cpu_seconds: f64,
    pub(super) resident_octets: u64,
}

/// Makes the capture and lets both read it.
///
/// # Errors
/// There is no room for it, or one of the programs is missing or fails.
pub(super) fn measure() -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("large.pcap");
    let (octets, packets) = write_capture(&path)
        .with_context(|| format!("cannot write {OCTETS} octets to {}", path.display()))?;
    let natdiag = std::env::current_exe()?.with_file_name("natdiag");
    let ours = cost(
        Command::new(natdiag)
            .arg("replay")
            .arg(&path)
            .args(["-o", "json"]),
    )?;
    let tshark = ["-q", "-z", "conv,tcp", "-r"];
    let theirs = cost(Command::new("tshark").args(tshark).arg(&path))?;
    Ok(Figures {
        octets,
        packets,
        natdiag: ours,
        tshark: theirs,
    })
}

/// Connections that download, one behind the other.
fn write_capture(path: &Path) -> Result<(u64, u64)> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    // Magic number, version 2.4, snap length, Ethernet.
    for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        out.write_all(&field.to_le_bytes())?;
    }
    let (mut octets, mut packets) = (24, 0);
    for port in (10_000..60_000).cycle() {
        for frame in connection(port) {
            let time_us = packets * DISTANCE_US;
            let len = u32::try_from(frame.len())?;
            let seconds = u32::try_from(START_S + time_us / 1_000_000)?;
            for field in [seconds, u32::try_from(time_us % 1_000_000)?, len, len] {
                out.write_all(&field.to_le_bytes())?;
            }
            out.write_all(&frame)?;
            octets += 16 + u64::from(len);
            packets += 1;
        }
        if octets >= OCTETS {
            break;
        }
    }
    out.flush()?;
    Ok((octets, packets))
}

fn connection(port: u16) -> Vec<Vec<u8>> {
    let up = |segment: Segment| segment.ports(port, 443).in_ipv4(CLIENT, SERVER).frame();
    let down = |segment: Segment| segment.ports(443, port).in_ipv4(SERVER, CLIENT).frame();
    let mut frames = vec![
        up(tcp().syn().timestamps(1, 0)),
        down(tcp().flags(0x12).timestamps(2, 1)),
        up(tcp().flags(0x10).timestamps(3, 2)),
    ];
    let data = down(tcp().flags(0x10).timestamps(4, 3).data_len(DATA_OCTETS));
    frames.extend(std::iter::repeat_n(data, SEGMENTS));
    frames.push(down(tcp().flags(0x11).timestamps(5, 3)));
    frames.push(up(tcp().flags(0x11).timestamps(6, 5)));
    frames
}

#[expect(clippy::cast_precision_loss, reason = "a figure of a few digits")]
fn seconds(time: libc::timeval) -> f64 {
    time.tv_sec as f64 + time.tv_usec as f64 / 1e6
}

/// Runs a program to its end.
fn cost(command: &mut Command) -> Result<Cost> {
    let begun = Instant::now();
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let pid = libc::pid_t::try_from(child.id())?;
    let mut status = 0;
    // SAFETY: an all-zero `rusage` is a valid one.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both are written by the kernel during the call only, and `pid` is a child that nobody else waits for.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    ensure!(
        waited == pid,
        "cannot wait for {}",
        command.get_program().display()
    );
    Ok(Cost {
        seconds: begun.elapsed().as_secs_f64(),
        cpu_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        resident_octets: u64::try_from(usage.ru_maxrss)? * 1024,
    })
}
