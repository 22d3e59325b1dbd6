//! Words and quantities of the text views: every number gets its unit here.

use std::{borrow::Cow, net::IpAddr, time::Duration};

use crate::{
    analysis::diagnosis::{Cause, Finding, HitBy, Severity},
    event::Timestamp,
    names::Names,
};

/// A cause in a sentence about what it is not.
pub(crate) fn name(cause: Cause) -> String {
    if cause == Cause::TwRecycle {
        "tcp_tw_recycle".to_owned()
    } else {
        cause.as_str().replace('-', " ")
    }
}

/// A remote host by its address, and by its name where that is known.
pub(crate) fn host(address: IpAddr, names: &Names) -> String {
    names
        .of(address)
        .map_or_else(|| address.to_string(), |name| format!("{address} ({name})"))
}

/// The mark before a verdict: it says without colour what colour says.
pub(crate) const fn mark(severity: Option<Severity>) -> char {
    match severity {
        Some(Severity::Critical) => '●',
        Some(Severity::Warning) => '◐',
        Some(Severity::Info) => '○',
        None => ' ',
    }
}

/// A confidence, never rounded up: `99.9 %` is the most that is ever said.
pub(crate) fn sure(confidence: f64) -> String {
    let permille = (confidence.clamp(0.0, 0.999) * 1000.0 + 1e-6).floor();
    if permille >= 990.0 {
        format!("{:.1} %", permille / 10.0)
    } else {
        format!("{:.0} %", (permille / 10.0).floor())
    }
}

/// How bad a finding is, and how sure where it names a cause.
pub(crate) fn grade(finding: &Finding) -> String {
    let severity = finding.severity.as_str();
    finding.certainty().map_or_else(
        || severity.to_owned(),
        |certainty| format!("{severity}, {} sure", sure(certainty)),
    )
}

/// A part of a whole as a percentage, or nothing where there is no whole. Neither all nor nothing is said of a part.
pub(crate) fn percent(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let percent = u128::from(part) * 100 / u128::from(whole);
    Some(if percent == 0 && part > 0 {
        "<1 %".to_owned()
    } else {
        format!("{percent} %")
    })
}

/// A number of things: exact up to a million, then three digits.
pub(crate) fn count(number: u64) -> String {
    if number < 1_000_000 {
        return number.to_string();
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    scaled(number as f64)
}

/// A number and its noun.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", count(number))
}

/// Three digits and a prefix; the unit of what is counted comes behind.
pub(crate) fn scaled(number: f64) -> String {
    let steps = [(1e9, " G"), (1e6, " M"), (1e3, " k")];
    // What rounds to 1000 of a unit is 1 of the next.
    let step = steps.into_iter().find(|(unit, _)| number >= unit * 0.9995);
    let (unit, prefix) = step.unwrap_or((1.0, ""));
    let value = number / unit;
    let decimals = match value {
        _ if prefix.is_empty() => 0,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}{prefix}")
}

/// A rate in octets, which readers know as bytes.
pub(crate) fn octets_per_second(octets: f64) -> String {
    let number = scaled(octets);
    // The prefix stands at its unit.
    match number.split_once(' ') {
        Some(_) => format!("{number}B/s"),
        None => format!("{number} B/s"),
    }
}

/// A span of time in its two largest units.
pub(crate) fn span(ns: u64) -> String {
    let duration = Duration::from_nanos(ns);
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A span of time that is mostly below a second, with two digits that count or more.
pub(crate) fn short_span(ns: u64) -> String {
    let (number, unit) = match ns {
        0..1_000_000 => (Duration::from_nanos(ns).as_secs_f64() * 1e6, "us"),
        1_000_000..1_000_000_000 => (Duration::from_nanos(ns).as_secs_f64() * 1e3, "ms"),
        _ => return span(ns),
    };
    let decimals = usize::from(number < 10.0);
    format!("{number:.decimals$} {unit}")
}

/// A moment to the second, in UTC.
pub(crate) fn instant(time: Timestamp) -> String {
    let seconds = i64::try_from(time.0 / 1_000_000_000).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}

/// A running time, as a clock shows it.
pub(crate) fn clock(ns: u64) -> String {
    let seconds = Duration::from_nanos(ns).as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match hours {
        0 => format!("{minutes}:{:02}", seconds % 60),
        _ => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
    }
}

/// The text in at most `columns`; an ellipsis stands for what was cut off.
pub(crate) fn fitted(text: &str, columns: usize) -> Cow<'_, str> {
    if text.chars().count() <= columns {
        return text.into();
    }
    let mut cut: String = text.chars().take(columns.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut.into()
}

/// By what a host is hit, in words.
pub(crate) fn hit_by(hit_by: &HitBy) -> String {
    let HitBy {
        remote,
        cause,
        hit,
        all,
    } = hit_by;
    format!(
        "{hit} of {} to {remote}: {}",
        counted(*all, "connection", "connections"),
        cause.title()
    )
}

/// The text without what could steer a terminal: names of files and interfaces are somebody else's.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        text.replace(char::is_control, "?").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sure_of_not_knowing() {
        for (cause, want) in [
            (Cause::PacketLoss, "warning, 99.9 % sure"),
            (Cause::InsufficientEvidence, "warning"),
            (Cause::Blind, "warning"),
        ] {
            let finding = Finding::new(cause, 0.9999, Severity::Warning, String::new());
            assert_eq!(grade(&finding), want);
        }
    }

    #[test]
    fn confidence_is_never_rounded_up() {
        for (confidence, want) in [
            (1.0, "99.9 %"),
            (0.999_97, "99.9 %"),
            (0.999, "99.9 %"),
            (0.998_9, "99.8 %"),
            (0.99, "99.0 %"),
            (0.989_9, "98 %"),
            (0.5, "50 %"),
            (0.0, "0 %"),
        ] {
            assert_eq!(sure(confidence), want, "{confidence}");
        }
    }

    #[test]
    fn percentage_has_a_whole_and_a_part_is_not_nothing() {
        assert_eq!(percent(0, 0), None);
        for (part, whole, want) in [
            (0, 10, "0 %"),
            (1, 1000, "<1 %"),
            (999, 1000, "99 %"),
            (7, 7, "100 %"),
            (u64::MAX, u64::MAX, "100 %"),
        ] {
            assert_eq!(
                percent(part, whole).as_deref(),
                Some(want),
                "{part} of {whole}"
            );
        }
    }

    #[test]
    fn count_is_exact_up_to_a_million() {
        for (number, want) in [
            (0, "0"),
            (999_999, "999999"),
            (1_000_000, "1.00 M"),
            (355_350_001, "355 M"),
            (999_600_000, "1.00 G"),
            (12_340_000_000, "12.3 G"),
        ] {
            assert_eq!(count(number), want);
        }
    }

    #[test]
    fn large_number_has_three_digits_and_a_prefix() {
        for (number, want) in [
            (0.0, "0"),
            (7.6, "8"),
            (999.7, "1.00 k"),
            (412_345.0, "412 k"),
        ] {
            assert_eq!(scaled(number), want);
        }
    }

    #[test]
    fn span_is_told_in_its_two_largest_units() {
        for (seconds, said, shown) in [
            (0, "0.0 s", "0:00"),
            (59, "59 s", "0:59"),
            (862, "14 min 22 s", "14:22"),
            (5_400, "1 h 30 min", "1:30:00"),
            (180_000, "2 d 2 h", "50:00:00"),
        ] {
            let ns = seconds * 1_000_000_000;
            assert_eq!((span(ns).as_str(), clock(ns).as_str()), (said, shown));
        }
    }

    #[test]
    fn text_that_was_cut_off_says_so() {
        assert_eq!(fitted("missed 5011", 11), "missed 5011");
        assert_eq!(fitted("missed 5011", 10), "missed 50…");
        assert_eq!(fitted("missed 5011", 8), "missed…");
    }

    #[test]
    fn name_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\n"), "a?[2Jb?");
    }
}
