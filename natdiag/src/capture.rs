//! Capture files: pcap and pcapng, also gzipped, read as a stream in bounded memory, and played to the analysis.
//!
//! Reading is a chain: [`Capture`] finds the frames, `link` takes off what stands before IP where it is not
//! Ethernet, `direction` tells which way a packet went, `dissect` counts it and makes events of it as the BPF
//! programs do, `reorder` puts the events into the order of their times, and [`Playback`] hands all that to the
//! analysis. A file that ends in the middle is read as far as it goes. `crate::evidence` goes the other way: it writes
//! what a finding rests on.

mod direction;
pub(crate) mod dissect;
mod element;
mod encapsulation;
mod error;
mod format;
mod interface;
mod link;
mod link_type;
mod openings;
mod options;
mod pcap;
mod pcapng;
mod playback;
mod protocol;
mod reorder;
mod shown;
mod window;

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use natdiag_common::{Direction, frame::CapturedFrame};

use self::{
    element::{Content, Place, Stop},
    format::{Format, Kind, MAGIC_LEN},
    link::LinkHeader,
    pcap::Pcap,
    pcapng::PcapNg,
    window::Window,
};
pub use self::{
    error::{CaptureError, Ending},
    playback::Playback,
};
use crate::{
    event::Timestamp,
    evidence::{
        arrange::{Arranged, arrange},
        statement::Statement,
    },
};

/// The path that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// The octets of a capture.
pub type Stream = Box<dyn Read + Send>;

/// A capture file that is being read. It stands on one packet, until it has ended.
pub struct Capture {
    name: String,
    window: Window,
    format: Format,
    /// The packet that the file stands on, and the length of its element.
    current: Option<(Place, usize)>,
    progress: Progress,
    ending: Ending,
    /// What evidence has said beside its packets and was not taken yet.
    statements: Vec<Statement>,
}

/// How far a capture has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Packets read.
    pub packets: u64,
    /// Packet blocks that could not be read.
    pub damaged: u64,
    /// Packets of which the file does not say when they were seen.
    pub untimed: u64,
    /// The latest time of a packet so far.
    pub time: Timestamp,
    /// Octets read, after unpacking.
    pub octets: u64,
}

/// One packet of a capture.
#[derive(Clone, Copy, Debug)]
pub struct CapturedPacket<'a> {
    /// When it was seen. Where the file does not say, when the one before it was.
    pub time: Timestamp,
    /// The frame, as far as the capture kept it.
    pub frame: CapturedFrame<'a>,
    /// The number of what the frame begins with, in the list of link types of tcpdump.org.
    pub link_type: u32,
    /// Which way it went, if the file says so.
    pub direction: Option<Direction>,
}

impl Capture {
    /// Opens a file, or standard input for `-`, and goes to the first packet.
    ///
    /// # Errors
    /// There is no capture, or none that natdiag can read.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        let stream = source(path)?;
        Self::read(name, stream)
    }

    /// Opens a file with a stream around that of the file, such as one that shows how much was read. Evidence that
    /// natdiag kept is put into the order in which its packets were seen, and gives a capture for each interface.
    ///
    /// # Errors
    /// [`CaptureError`] says why it cannot be read.
    pub fn open_each(
        path: &Path,
        through: impl FnOnce(Stream) -> Stream,
    ) -> Result<Vec<Self>, CaptureError> {
        let name = path.display().to_string();
        let (stream, packed) = unpack(&name, through(source(path)?))?;
        let arranged = arrange(stream).map_err(|source| CaptureError::Read {
            name: name.clone(),
            source,
        })?;
        let parts = match arranged {
            Arranged::Other(stream) => return Ok(vec![Self::unpacked(name, stream, packed)?]),
            Arranged::Evidence(parts) => parts,
        };
        let is_one = parts.len() == 1;
        let of_part = |(interface, octets): (String, Vec<u8>)| {
            let name = if is_one {
                name.clone()
            } else {
                format!("{name} ({interface})")
            };
            Self::unpacked(name, Box::new(Cursor::new(octets)), packed)
        };
        parts.into_iter().map(of_part).collect()
    }

    /// Reads a capture from a stream, and goes to the first packet.
    ///
    /// # Errors
    /// [`CaptureError`] says why it cannot be read.
    pub fn read(name: String, stream: Stream) -> Result<Self, CaptureError> {
        let (stream, packed) = unpack(&name, stream)?;
        Self::unpacked(name, stream, packed)
    }

    fn unpacked(name: String, stream: Stream, packed: bool) -> Result<Self, CaptureError> {
        let mut capture = match Self::parse_header(name, Window::new(stream)) {
            // What is packed was something once.
            Err(CaptureError::Empty { name }) if packed => {
                return Err(CaptureError::HeaderCut { name, octets: 0 });
            }
            parsed => parsed?,
        };
        capture.advance();
        Ok(capture)
    }

    fn parse_header(name: String, mut window: Window) -> Result<Self, CaptureError> {
        let mut complete = false;
        loop {
            let parsed = match Kind::of(window.octets()) {
                _ if window.octets().len() < MAGIC_LEN && !complete => Err(Stop::Incomplete),
                Kind::Pcap => {
                    Pcap::parse_header(window.octets()).map(|(len, pcap)| (len, Format::Pcap(pcap)))
                }
                Kind::PcapNg => PcapNg::parse_header(window.octets())
                    .map(|(len, pcapng)| (len, Format::PcapNg(Box::new(pcapng)))),
                kind @ (Kind::Gzip | Kind::Compressed(_) | Kind::Unknown) => {
                    return Err(no_capture(name, kind, window.octets()));
                }
            };
            match parsed {
                Ok((len, format)) => {
                    window.consume(len);
                    return Self::with_format(name, window, format);
                }
                Err(Stop::Incomplete) if !complete => match window.fill() {
                    Ok(more) => complete = !more,
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => complete = true,
                    Err(source) => return Err(CaptureError::Read { name, source }),
                },
                Err(Stop::Incomplete) => {
                    let octets = window.octets().len() as u64;
                    return Err(CaptureError::HeaderCut { name, octets });
                }
                Err(Stop::Damaged(reason)) => {
                    return Err(CaptureError::HeaderDamaged { name, reason });
                }
            }
        }
    }

    fn with_format(name: String, window: Window, format: Format) -> Result<Self, CaptureError> {
        if let Format::Pcap(pcap) = &format
            && LinkHeader::of(pcap.link_type()).is_none()
        {
            return Err(CaptureError::of_link_type(name, pcap.link_type()));
        }
        Ok(Self {
            name,
            window,
            format,
            current: None,
            progress: Progress::default(),
            ending: Ending::Complete,
            statements: Vec::new(),
        })
    }

    /// Path of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far it has been read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            octets: self.window.offset(),
            ..self.progress
        }
    }

    /// Whether it is evidence that natdiag kept: what is not in it may have been there all the same.
    #[must_use]
    pub fn is_evidence(&self) -> bool {
        self.format.is_evidence()
    }

    /// What evidence has said beside its packets, up to here.
    pub fn take_statements(&mut self) -> Vec<Statement> {
        std::mem::take(&mut self.statements)
    }

    /// How it ended, once there are no more packets.
    #[must_use]
    pub const fn ending(&self) -> &Ending {
        &self.ending
    }

    /// The packet that the file stands on.
    #[must_use]
    pub fn packet(&self) -> Option<CapturedPacket<'_>> {
        let (place, _) = self.current.as_ref()?;
        let octets = self.window.octets().get(place.start..)?.get(..place.len)?;
        Some(CapturedPacket {
            time: place.time.unwrap_or(self.progress.time),
            frame: CapturedFrame {
                octets,
                wire_len: place.wire_len,
            },
            link_type: place.link_type,
            direction: place.direction,
        })
    }

    /// Goes to the next packet.
    pub fn advance(&mut self) {
        if let Some((_, len)) = self.current.take() {
            self.window.consume(len);
        }
        loop {
            match self.format.parse(self.window.octets()) {
                Ok(element) => match element.content {
                    Content::Packet(place) => {
                        self.progress.packets += 1;
                        self.progress.untimed += u64::from(place.time.is_none());
                        self.progress.time = self.progress.time.max(place.time.unwrap_or_default());
                        self.current = Some((place, element.len));
                        return;
                    }
                    Content::Damaged => {
                        self.progress.damaged += 1;
                        self.window.consume(element.len);
                    }
                    Content::Said(until, statement) => {
                        self.progress.time = self.progress.time.max(until);
                        self.statements
                            .extend(statement.map(|statement| *statement));
                        self.window.consume(element.len);
                    }
                    Content::Other => self.window.consume(element.len),
                },
                Err(Stop::Incomplete) => match self.window.fill() {
                    Ok(true) => {}
                    Ok(false) if self.window.octets().is_empty() => return,
                    Ok(false) => return self.ending = Ending::CutOff,
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        return self.ending = Ending::CutOff;
                    }
                    Err(error) => return self.ending = Ending::Unreadable(error),
                },
                Err(Stop::Damaged(reason)) => return self.ending = Ending::Damaged(reason),
            }
        }
    }
}

/// The octets of a file, or of standard input.
fn source(path: &Path) -> Result<Stream, CaptureError> {
    if path.as_os_str() == STANDARD_INPUT {
        return Ok(Box::new(io::stdin()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(source) => Err(CaptureError::Open {
            name: path.display().to_string(),
            source,
        }),
    }
}

/// Takes off what gzip has done to a stream. Returns also whether it has.
fn unpack(name: &str, mut stream: Stream) -> Result<(Stream, bool), CaptureError> {
    let mut magic = Vec::new();
    let begun = (&mut stream).take(MAGIC_LEN as u64).read_to_end(&mut magic);
    match begun {
        Err(source) if source.kind() == io::ErrorKind::IsADirectory => {
            return Err(CaptureError::Directory {
                name: name.to_owned(),
            });
        }
        Err(source) => {
            return Err(CaptureError::Read {
                name: name.to_owned(),
                source,
            });
        }
        Ok(_) => {}
    }
    let packed = Kind::of(&magic) == Kind::Gzip;
    let stream = Cursor::new(magic).chain(stream);
    Ok(if packed {
        (Box::new(MultiGzDecoder::new(stream)), true)
    } else {
        (Box::new(stream), false)
    })
}

/// Why something that begins like this is no capture.
fn no_capture(name: String, kind: Kind, octets: &[u8]) -> CaptureError {
    match (kind, octets) {
        (_, []) => CaptureError::Empty { name },
        (Kind::Compressed(tool), _) => CaptureError::Compressed { name, tool },
        (Kind::Gzip | Kind::Pcap | Kind::PcapNg | Kind::Unknown, _) => {
            let magic: Vec<String> = octets
                .iter()
                .take(MAGIC_LEN)
                .map(|octet| format!("{octet:02x}"))
                .collect();
            CaptureError::NotACapture {
                name,
                magic: magic.join(" "),
            }
        }
    }
}

#[cfg(test)]
mod tests;
