//! What a whole run has found: one diagnosis per source, and what cannot be seen from there. The views show it.

use std::io;

use crate::{analysis::diagnosis::Diagnosis, event::Timestamp};

/// The state of a run at one time.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// First moment looked at.
    pub start: Timestamp,
    /// Last moment looked at.
    pub end: Timestamp,
    /// One entry per interface or capture.
    pub sources: Vec<SourceSurvey>,
    /// What cannot be observed from here, one sentence each.
    pub blind_to: Vec<String>,
}

/// One interface or capture, and its diagnosis.
#[derive(Clone, Debug)]
pub struct SourceSurvey {
    /// What it is.
    pub kind: SourceKind,
    /// Name of the interface or path of the file.
    pub name: String,
    /// The hooks in use, such as `tcx ingress`; none for a capture.
    pub hooks: Vec<String>,
    /// Why these hooks, what was refused, who else is attached: one sentence each.
    pub notes: Vec<String>,
    /// What was found.
    pub diagnosis: Diagnosis,
}

/// Where packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A network interface.
    Interface,
    /// A capture file.
    Capture,
}

/// Something that shows a run.
pub trait View {
    /// Shows how things stand, once per interval.
    ///
    /// # Errors
    /// Standard output cannot be written; a closed pipe ends the run quietly.
    fn interim(&mut self, survey: &Survey) -> io::Result<()>;

    /// Shows the final report.
    ///
    /// # Errors
    /// As above.
    fn finish(&mut self, survey: &Survey) -> io::Result<()>;
}
