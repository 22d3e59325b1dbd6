//! Numbers as pictures: predictions against fates, the newest SYNs one by one, fragments by size and position.

use natdiag_common::counter::FragmentPosition;
use ratatui::text::{Line, Span};

use crate::{
    analysis::{
        close_up::CloseUp,
        diagnosis::{RemoteDiagnosis, Severity},
        fates::{Fate, recent::RecentSyn},
        fragments::sizes::FragmentSizes,
        mark::Prediction,
    },
    report::{note::finding::Fates, text::fate_table, wording},
    tui::view::theme::{FAINT, Theme},
};

/// Columns before a picture: an indent and a label.
const INDENT: usize = 17;
/// Most columns of a bar, and those of the number behind it.
const MAX_BAR: usize = 12;
const NUMBER: usize = 10;

/// The table of fates: what should happen across, what happened down.
pub(super) fn fates(fates: &[Fates], width: usize, theme: Theme) -> Vec<Line<'static>> {
    let widths = || fates.iter().map(|fates| fates.kind.chars().count() + 2);
    let needed = INDENT + 1 + widths().map(|width| width + 1).sum::<usize>();
    if needed > width {
        let lines = fate_table(fates, width.saturating_sub(2)).into_iter();
        return lines.map(|line| Line::raw(format!("  {line}"))).collect();
    }
    let rule = |left: char, middle: &str, right: char| {
        let parts: Vec<_> = widths().map(|width| "─".repeat(width)).collect();
        Line::raw(format!("{:INDENT$}{left}{}{right}", "", parts.join(middle)))
    };
    let row = |label: &str, cell: fn(&Fates) -> u64, bad: &str| {
        let mut spans = vec![Span::raw(format!("{label:>0$} │", INDENT - 1))];
        for fates in fates {
            let number = cell(fates);
            let room = fates.kind.chars().count() + 1;
            let severity = (number > 0 && fates.kind == bad).then_some(Severity::Critical);
            let text = format!("{number:>room$} ");
            spans.push(Span::styled(text, theme.severity(severity)));
            spans.push(Span::raw("│"));
        }
        Line::from(spans)
    };
    let heads: Vec<_> = fates
        .iter()
        .map(|fates| format!(" {} ", fates.kind))
        .collect();
    vec![
        Line::styled(
            format!("{:>2$} {}", "SYNs that", heads.join(" "), INDENT),
            FAINT,
        ),
        rule('┌', "┬", '┐'),
        row("were dropped", |fates| fates.dropped, "should drop"),
        rule('├', "┼", '┤'),
        row("were answered", |fates| fates.answered, ""),
        rule('└', "┴", '┘'),
    ]
}

/// The newest SYNs, and the sizes of fragments, as far as there are any.
pub(super) fn close_up(remote: &RemoteDiagnosis, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let Some(close_up) = &remote.close_up else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for picture in [
        timeline(close_up, width, theme),
        histogram(&close_up.fragment_sizes, width),
    ] {
        if !picture.is_empty() {
            lines.push(Line::default());
            lines.extend(picture);
        }
    }
    lines
}

/// The newest SYNs, a column each, in the line of what the rule of tcp_tw_recycle says about them.
fn timeline(close_up: &CloseUp, width: usize, theme: Theme) -> Vec<Line<'static>> {
    const KINDS: [(Prediction, &str); 4] = [
        (Prediction::Drop, "should drop"),
        (Prediction::Pass, "should pass"),
        (Prediction::ArmedWithoutTimestamp, "no ts, mark"),
        (Prediction::WithoutTimestamp, "no timestamps"),
    ];
    let room = width.saturating_sub(INDENT).max(1);
    let skipped = close_up.syns.len().saturating_sub(room);
    let syns = close_up.syns.get(skipped..).unwrap_or_default();
    let (Some(first), Some(last)) = (syns.first(), syns.last()) else {
        return Vec::new();
    };
    let mut lines = vec![Line::styled(
        format!(
            "  newest {} in {}: × dropped  + answered  ? undecided  . open",
            wording::counted(syns.len() as u64, "SYN", "SYNs"),
            wording::span(last.sent.since(first.sent)),
        ),
        FAINT,
    )];
    for (prediction, label) in KINDS {
        if syns.iter().any(|syn| syn.prediction == prediction) {
            let mut spans = vec![Span::raw(format!("{label:>0$} ", INDENT - 1))];
            spans.extend(syns.iter().map(|syn| {
                if syn.prediction == prediction {
                    sign(syn, theme)
                } else {
                    Span::raw(" ")
                }
            }));
            lines.push(Line::from(spans));
        }
    }
    lines
}

fn sign(syn: &RecentSyn, theme: Theme) -> Span<'static> {
    match syn.fate {
        Fate::Dropped if syn.counts => Span::styled("×", theme.severity(Some(Severity::Critical))),
        Fate::Answered if syn.counts => Span::raw("+"),
        Fate::Pending => Span::styled(".", FAINT),
        Fate::Dropped | Fate::Answered | Fate::Undecided => Span::styled("?", FAINT),
    }
}

/// Fragments by the length of the packet, beside each other for each position.
fn histogram(sizes: &FragmentSizes, width: usize) -> Vec<Line<'static>> {
    const POSITIONS: [(FragmentPosition, &str); 3] = [
        (FragmentPosition::First, "first"),
        (FragmentPosition::Middle, "middle"),
        (FragmentPosition::Last, "last"),
    ];
    let all = POSITIONS.map(|(position, _)| sizes.of(position));
    let most = all.iter().flatten().copied().max().unwrap_or(0);
    if most == 0 {
        return Vec::new();
    }
    // On a narrow screen numbers without bars.
    let bar = (width.saturating_sub(INDENT) / POSITIONS.len())
        .saturating_sub(NUMBER)
        .min(MAX_BAR);
    let cell = |number: u32| {
        let length = (u64::from(number) * bar as u64).div_ceil(u64::from(most));
        let length = usize::try_from(length).unwrap_or(0);
        let text = if number == 0 {
            String::new()
        } else {
            format!("{} {}", "█".repeat(length), wording::count(number.into()))
        };
        format!("{:<1$}", text.trim_start(), bar + NUMBER)
    };
    let heads = POSITIONS.map(|(_, name)| format!("{name:<0$}", bar + NUMBER));
    let mut lines = vec![Line::styled(
        format!("{:>2$} {}", "fragment octets", heads.concat(), INDENT - 1)
            .trim_end()
            .to_owned(),
        FAINT,
    )];
    for bucket in 0..FragmentSizes::BUCKETS {
        let numbers = all.map(|counts| counts.get(bucket).copied().unwrap_or(0));
        if numbers.iter().any(|number| *number > 0) {
            let label = FragmentSizes::UP_TO_OCTETS
                .get(bucket)
                .map_or_else(|| "larger".to_owned(), |up_to| format!("up to {up_to}"));
            let cells = numbers.map(cell);
            lines.push(Line::raw(
                format!("{label:>1$} {0}", cells.concat(), INDENT - 1)
                    .trim_end()
                    .to_owned(),
            ));
        }
    }
    lines
}
