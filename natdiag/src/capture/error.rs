//! Why a capture gives nothing, and why reading one ended before its end. The first is an error; the second is not:
//! what was read is analysed, and a note says how far it goes.

use std::{fmt, io};

use super::link_type::{READ, advice, link_type_name};

/// Why a capture gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot open capture `{name}`")]
    Open {
        /// Path of the file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// Not even the header can be read.
    #[error("cannot read capture `{name}`")]
    Read {
        /// Path of the file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is a directory.
    #[error("`{name}` is a directory; name the captures in it, such as `{name}/*.pcap`")]
    Directory {
        /// Its path.
        name: String,
    },
    /// There is nothing in it.
    #[error(
        "capture `{name}` is empty; whatever captures may not have written yet: end it first, or use `tcpdump -U`"
    )]
    Empty {
        /// Path of the file.
        name: String,
    },
    /// It is compressed, and not with gzip.
    #[error(
        "capture `{name}` is compressed with {tool}, of which natdiag reads gzip only; use `{tool} -dc {name} | natdiag replay -`"
    )]
    Compressed {
        /// Path of the file.
        name: String,
        /// The program that unpacks it.
        tool: &'static str,
    },
    /// It begins as no capture does.
    #[error(
        "`{name}` is neither pcap nor pcapng: it begins with {magic}; convert it with `editcap -F pcapng {name} OUT`"
    )]
    NotACapture {
        /// Path of the file.
        name: String,
        /// Its first octets.
        magic: String,
    },
    /// It ends before the first packet could begin.
    #[error(
        "capture `{name}` ends within its header, after {octets} octets: there is no packet in it; copy it again or capture again"
    )]
    HeaderCut {
        /// Path of the file.
        name: String,
        /// Its length in octets.
        octets: u64,
    },
    /// Its header says what cannot be.
    #[error(
        "the header of capture `{name}` is damaged: {reason}; copy it again (in binary mode) or capture again"
    )]
    HeaderDamaged {
        /// Path of the file.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// None of its packets begins with a header that natdiag knows.
    #[error("capture `{name}` has link type {link_type}, and natdiag reads {READ}; {advice}")]
    LinkType {
        /// Path of the file.
        name: String,
        /// Name and number of the link type.
        link_type: String,
        /// What works.
        advice: &'static str,
    },
}

impl CaptureError {
    /// Packets that begin with a header that natdiag does not know.
    pub(super) fn of_link_type(name: String, link_type: u32) -> Self {
        Self::LinkType {
            name,
            advice: advice(link_type),
            link_type: link_type_name(link_type),
        }
    }
}

/// How the reading of a capture ended.
#[derive(Debug, Default)]
pub enum Ending {
    /// With the last packet.
    #[default]
    Complete,
    /// The file ends in the middle of something.
    CutOff,
    /// What follows is no packet.
    Damaged(String),
    /// The file cannot be read further.
    Unreadable(io::Error),
}

/// The sentence for a note, but for where it happened.
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("the capture is complete"),
            Self::CutOff => f.write_str("the capture is cut off"),
            Self::Damaged(reason) => write!(f, "the capture is damaged ({reason})"),
            Self::Unreadable(error) => write!(f, "the capture cannot be read further ({error})"),
        }
    }
}
