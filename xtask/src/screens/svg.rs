//! A screen as SVG: text stays text, and the colours follow the reader's light or dark background.

use std::fmt::Write as _;

use vt100::{Cell, Color, Screen};

/// Size of a cell in pixels; letters are spread to it, whatever font there is.
const CELL_WIDTH: f32 = 8.4;
const CELL_HEIGHT: f32 = 18.0;
/// Free space around the text.
const MARGIN: f32 = 12.0;
/// How far the line on which letters stand is below the top of a cell.
const BASELINE: f32 = 13.5;

const STYLE: &str = "\
<style>
  rect.paper { fill: #ffffff; stroke: #d0d7de }
  text { font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1f2328; white-space: pre }
  .bold { font-weight: bold }
  .dim { opacity: 0.65 }
  text.red { fill: #cf222e }
  text.yellow { fill: #9a6700 }
  rect.inverse { fill: #1f2328 }
  text.inverse { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    rect.paper { fill: #0d1117; stroke: #3d444d }
    text { fill: #e6edf3 }
    text.red { fill: #ff7b72 }
    text.yellow { fill: #d29922 }
    rect.inverse { fill: #e6edf3 }
    text.inverse { fill: #0d1117 }
  }
</style>
";

/// Draws a screen.
pub(super) fn draw(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let width = f32::from(columns) * CELL_WIDTH + 2.0 * MARGIN;
    let height = f32::from(rows) * CELL_HEIGHT + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\">\n\
         {STYLE}<rect class=\"paper\" x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"6\"/>\n",
        width - 1.0,
        height - 1.0
    );
    for row in 0..rows {
        for run in runs(screen, row, columns) {
            write_run(&mut svg, row, &run);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Cells beside each other that look the same.
struct Run {
    column: u16,
    columns: u16,
    class: String,
    text: String,
}

fn runs(screen: &Screen, row: u16, columns: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column) else {
            continue;
        };
        let class = class(cell);
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        match runs.last_mut() {
            Some(run) if run.class == class => {
                run.columns += 1;
                run.text.push_str(text);
            }
            _ => runs.push(Run {
                column,
                columns: 1,
                class,
                text: text.to_owned(),
            }),
        }
    }
    runs
}

fn class(cell: &Cell) -> String {
    let colour = match cell.fgcolor() {
        Color::Idx(1 | 9) => "red",
        Color::Idx(3 | 11) => "yellow",
        Color::Default | Color::Idx(_) | Color::Rgb(..) => "",
    };
    let classes = [
        (cell.inverse(), "inverse"),
        (!cell.inverse(), colour),
        (cell.bold(), "bold"),
        (cell.dim(), "dim"),
    ];
    let classes = classes
        .into_iter()
        .filter(|(is_set, class)| *is_set && !class.is_empty())
        .map(|(_, class)| class);
    classes.collect::<Vec<_>>().join(" ")
}

/// Writes a run, without the space around it where that shows nothing.
fn write_run(svg: &mut String, row: u16, run: &Run) {
    let left = MARGIN + f32::from(run.column) * CELL_WIDTH;
    let top = MARGIN + f32::from(row) * CELL_HEIGHT;
    let width = f32::from(run.columns) * CELL_WIDTH;
    if run.class.contains("inverse") {
        // Writing to a text does not fail.
        let _ = writeln!(
            svg,
            "<rect class=\"inverse\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT}\"/>"
        );
    }
    let mut column = run.column;
    // Each word has its place, so that no font can shift the columns of a table.
    for word in run.text.split(' ') {
        let columns = u16::try_from(word.chars().count()).unwrap_or(0);
        if columns > 0 {
            let left = MARGIN + f32::from(column) * CELL_WIDTH;
            let (base, width) = (top + BASELINE, f32::from(columns) * CELL_WIDTH);
            let class = match run.class.as_str() {
                "" => String::new(),
                class => format!(" class=\"{class}\""),
            };
            let _ = writeln!(
                svg,
                "<text{class} x=\"{left:.1}\" y=\"{base:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
                escaped(word)
            );
        }
        column += columns + 1;
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_columns_and_their_looks() {
        let mut parser = vt100::Parser::new(2, 20, 0);
        parser.process(b"a <b>  \x1b[31;1mred\x1b[0m\r\n\x1b[7mchosen\x1b[0m");
        let svg = draw(parser.screen());
        for part in [
            ">a</text>",
            "x=\"28.8\" y=\"25.5\" textLength=\"25.2\" lengthAdjust=\"spacingAndGlyphs\">&lt;b&gt;</text>",
            "class=\"red bold\"",
            "<rect class=\"inverse\"",
            "class=\"inverse\" x=\"12.0\"",
        ] {
            assert!(svg.contains(part), "{part} is missing in {svg}");
        }
    }
}
