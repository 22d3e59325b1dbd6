//! The report as JSON: one object at the end, or the same object on one line per interval.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;

use crate::{
    report::{json_layout::Outline, model::Report, view::View},
    survey::Survey,
};

/// Writes the report as JSON.
#[derive(Debug)]
pub struct JsonView<W> {
    out: W,
    lines: bool,
}

impl<W: Write> JsonView<W> {
    /// Writes one object at the end.
    pub const fn once(out: W) -> Self {
        Self { out, lines: false }
    }

    /// Writes an object on one line per interval, and at the end.
    pub const fn lines(out: W) -> Self {
        Self { out, lines: true }
    }

    fn write_line(&mut self, survey: &Survey) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, &Report::from(survey))?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

impl<W: Write> View for JsonView<W> {
    fn interim(&mut self, survey: Survey) -> io::Result<()> {
        if self.lines {
            self.write_line(&survey)?;
        }
        Ok(())
    }

    fn finish(&mut self, survey: &Survey) -> io::Result<()> {
        if self.lines {
            return self.write_line(survey);
        }
        let mut serializer = Serializer::with_formatter(&mut self.out, Outline::default());
        Report::from(survey).serialize(&mut serializer)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{fixture, schema};

    #[test]
    fn report_is_one_object_that_reads_well() {
        for (name, survey) in fixture::all() {
            let mut out = Vec::new();
            JsonView::once(&mut out).finish(&survey).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.ends_with("}\n"), "{name}");
            schema::assert_report(&text);
            insta::assert_snapshot!(format!("json_{name}"), text);
        }
    }

    #[test]
    fn single_object_is_written_at_the_end_only() {
        let mut out = Vec::new();
        JsonView::once(&mut out)
            .interim(fixture::healthy())
            .unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn each_line_holds_the_whole_object() {
        let (mut lines, mut once) = (Vec::new(), Vec::new());
        let survey = fixture::tw_recycle();
        let mut view = JsonView::lines(&mut lines);
        view.interim(survey.clone()).unwrap();
        view.finish(&survey).unwrap();
        JsonView::once(&mut once).finish(&survey).unwrap();
        let once: serde_json::Value = serde_json::from_slice(&once).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        assert_eq!(lines.lines().count(), 2);
        for line in lines.lines() {
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(line).unwrap(),
                once
            );
        }
    }
}
