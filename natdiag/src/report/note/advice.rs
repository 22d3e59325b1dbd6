//! How to see a verdict confirmed without natdiag: the commands that a suspicious colleague would type.

use std::net::IpAddr;

use crate::{
    analysis::diagnosis::{Cause, Verify},
    survey::{SourceKind, SourceSurvey},
};

/// Commands that confirm a cause, where there are any.
pub(crate) fn verify(cause: Cause, remote: Option<IpAddr>, source: &SourceSurvey) -> Vec<String> {
    let Some(remote) = remote else {
        return Vec::new();
    };
    match cause.verify() {
        Verify::Not => Vec::new(),
        Verify::By(commands) => {
            let remote = remote.to_string();
            let of_remote = |command: &&str| command.replace("{remote}", &remote);
            commands.iter().map(of_remote).collect()
        }
        Verify::ByFragments => vec![capture(remote, source)],
        Verify::ByClosings => vec![closings(remote, source)],
    }
}

/// A command that shows how a remote host closes and resets connections.
fn closings(remote: IpAddr, source: &SourceSurvey) -> String {
    let filter = match remote {
        IpAddr::V4(_) => format!("src host {remote} and tcp[13] & 5 != 0"),
        // Behind a header without extensions.
        IpAddr::V6(_) => format!("src host {remote} and ip6[6] == 6 and ip6[53] & 5 != 0"),
    };
    let (input, name) = input(source);
    format!(
        "`tcpdump -n {input} {name} '{filter}'` shows a RST right after a FIN of the same connection"
    )
}

/// A command that shows the fragments from a remote host.
fn capture(remote: IpAddr, source: &SourceSurvey) -> String {
    let filter = match remote {
        IpAddr::V4(_) => format!("src host {remote} and ip[6:2] & 0x3fff != 0"),
        IpAddr::V6(_) => format!("src host {remote} and ip6[6] == 44"),
    };
    let (input, name) = input(source);
    format!("`tcpdump -n {input} {name} '{filter}'` shows them")
}

/// The option of tcpdump for a source, and its name.
fn input(source: &SourceSurvey) -> (&'static str, &str) {
    let input = match source.kind {
        SourceKind::Interface => "-i",
        SourceKind::Capture => "-r",
    };
    // A name that the shell would take apart is left to the reader.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._/-".contains(letter);
    let name = match source.kind {
        _ if source.name.chars().all(is_plain) && source.name != "-" => source.name.as_str(),
        SourceKind::Interface => "IFACE",
        SourceKind::Capture => "FILE",
    };
    (input, name)
}
