//! What the keys do, and what the signs mean.

use ratatui::text::{Line, Span};

use super::{prose, theme::STRONG};
use crate::tui::keymap::{Binding, LOOKING, TYPING};

/// What the signs of the screen mean.
const SIGNS: &[(&str, &str)] = &[
    ("●", "critical: connections fail by it now"),
    ("◐", "warning: they will, or some do"),
    ("○", "info: it explains what is seen and harms nobody"),
    (
        "sure",
        "probability of the cause given all that was seen; never rounded up",
    ),
    (
        "dropped",
        "SYNs that got no answer, of those whose fate is known",
    ),
    (
        "▁▃▇",
        "packets counted for the host (SYNs and their answers, RSTs, fragments), each host against its own busiest interval",
    ),
    (
        "×  +  ?  .",
        "a SYN that was dropped, answered, undecided, still open",
    ),
    (
        "cost",
        "CPU time of this process; what its programs use in the kernel is not in it. With very many hosts the screen is drawn less often, so that it takes 1 % of a core at most",
    ),
    (
        "pkt/s",
        "packets per second as the hook sees them: after GRO and before TSO with tcx and clsact",
    ),
    (
        "B/s",
        "bytes per second as the interface itself counts them",
    ),
    (
        "mouse",
        "natdiag does not take it, so that text can be selected; most terminals turn the wheel into ↑ ↓",
    ),
];

/// The lines of the help.
pub(super) fn lines(width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled("Keys", STRONG)];
    lines.extend(keys(LOOKING, width));
    lines.push(Line::default());
    lines.push(Line::styled("While typing a filter", STRONG));
    lines.extend(keys(TYPING, width));
    lines.push(Line::default());
    lines.push(Line::styled("Signs", STRONG));
    for (sign, means) in SIGNS {
        lines.extend(entry(sign, means, width));
    }
    lines
}

fn keys(bindings: &[Binding], width: usize) -> Vec<Line<'static>> {
    let bindings = bindings.iter();
    bindings
        .flat_map(|binding| entry(binding.names, binding.does, width))
        .collect()
}

fn entry(names: &str, does: &str, width: usize) -> Vec<Line<'static>> {
    const NAMES: usize = 28;
    const NARROW: usize = 60;
    if width >= NARROW {
        let first = Span::styled(format!("  {names:<NAMES$}"), STRONG);
        return prose::paragraph(vec![first], does, width);
    }
    let mut lines = vec![Line::styled(names.to_owned(), STRONG)];
    lines.extend(prose::paragraph(vec![Span::raw("  ")], does, width));
    lines
}
