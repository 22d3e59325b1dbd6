//! What a test would do, for `--dry-run`: to whom, how much, in which order, and what it leaves behind.

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use crate::{
    host::path::Path,
    probe::{
        connection::Arm,
        echo::{LARGE_OCTETS, SMALL_OCTETS, TIMES},
        plan::Bounds,
        target::Target,
    },
    report::text::{page::Page, paper::Paper},
};

/// Writes what a test of timestamps would do.
pub(crate) fn write_timestamps(
    out: &mut dyn Write,
    target: &Target,
    ways: &[(SocketAddr, Path)],
    bounds: Bounds,
) -> io::Result<()> {
    let page = &mut Page::new(out, Paper::of_stdout());
    page.paragraph(
        "",
        &format!(
            "natdiag would test {target} with at most {} connections to each address, at most {} a second, within about a \
             minute{}:",
            bounds.connections,
            bounds.rate,
            if bounds.is_thorough {
                ", or two where tcp_tw_recycle is found"
            } else {
                ""
            }
        ),
    )?;
    write_ways(page, ways)?;
    page.paragraph(
        "",
        "It ends as soon as its answer is 99 % sure. The SYNs, in random order within each step:",
    )?;
    let then = [Arm::Arming, Arm::Low, Arm::High, Arm::Without, Arm::Reused];
    page.items("first", [Arm::Around, Arm::Without].map(Arm::meaning))?;
    page.items("then", then.map(Arm::meaning))?;
    let last = format!("{}, where drops stay unexplained", Arm::Paced.meaning());
    page.items("last", [last])?;
    if bounds.is_thorough {
        page.items("at the end", [Arm::Recovered.meaning()])?;
    }
    page.gap()?;
    let request = if bounds.has_payload {
        "they send the payload"
    } else if bounds.tls {
        "they ask for `HEAD /` over TLS where it does not close by itself"
    } else {
        "they ask for `HEAD /` where it does not close by itself"
    };
    page.paragraph(
        "",
        &format!(
            "Only connections with this host's own clock are completed, so that the server closes them first; {request}. All \
             others end with a RST in the place of the last packet of the handshake, and leave nothing behind at the server."
        ),
    )?;
    page.gap()?;
    page.paragraph(
        "",
        "A server with tcp_tw_recycle remembers the timestamp of a completed connection for 60 s, as of any other that it \
         closes first. For so long it may drop SYNs of other hosts behind the same address whose clocks are behind. Where it is \
         seen to remember one already, no connection is completed.",
    )?;
    out.flush()
}

/// What a test of fragments asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetch<'a> {
    /// From whom.
    pub(crate) target: &'a Target,
    /// Octets that are sent in place of an HTTP request.
    pub(crate) payload_octets: Option<usize>,
    /// Most connections to each address.
    pub(crate) connections: u32,
    /// Most connections a second.
    pub(crate) rate: f64,
    /// Whether ICMP echoes follow.
    pub(crate) icmp: bool,
}

/// Writes what a test of fragments would do.
pub(crate) fn write_fragments(
    out: &mut dyn Write,
    fetch: Fetch,
    ways: &[(SocketAddr, Path)],
) -> io::Result<()> {
    let page = &mut Page::new(out, Paper::of_stdout());
    let target = fetch.target;
    let over = if target.speaks_tls() { " over TLS" } else { "" };
    let path = target.path.as_deref().unwrap_or("/");
    let what = fetch.payload_octets.map_or_else(
        || format!("fetch `{path}` from {target}{over}"),
        |octets| format!("send {octets} octets to {target}{over} and take the response"),
    );
    page.paragraph(
        "",
        &format!(
            "natdiag would {what}, with at most {} connections to each address, at most {} a second, and look for fragments \
             meanwhile:",
            fetch.connections, fetch.rate
        ),
    )?;
    write_ways(page, ways)?;
    page.paragraph(
        "",
        "Two responses in segments of the usual size and two in the smallest; where only the small ones arrive, some more in \
         sizes between, one after the other, at most 256 KiB each. Where fragments come, two in segments that fit without.",
    )?;
    if fetch.icmp {
        page.paragraph(
            "",
            &format!(
                "Then {TIMES} ICMP echoes each of {SMALL_OCTETS} and of {LARGE_OCTETS} octets."
            ),
        )?;
    }
    out.flush()
}

fn write_ways(page: &mut Page, ways: &[(SocketAddr, Path)]) -> io::Result<()> {
    for (address, path) in ways {
        page.line(&format!("   {address} through {}", path.link.name))?;
    }
    page.gap()
}
