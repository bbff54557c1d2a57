//! Formatting: columns one below the other. Only space between cells changes, so that a table means
//! the same before and after. Comments stay as they are, but for the line that names the columns.

use fbuild_project::partitions::csv::lines;
use unicode_width::UnicodeWidthStr as _;

use crate::{Edit, Span};

/// Names of the columns, as ESP-IDF's own tables head them.
const HEADING: [&str; 6] = ["name", "type", "subtype", "offset", "size", "flags"];

/// A line whose cells are to be aligned.
struct Aligned<'t> {
    span: Span,
    cells: Vec<&'t str>,
}

/// Edits of the lines that are not tidy yet.
pub(super) fn tidy(text: &str) -> Vec<Edit> {
    let aligned: Vec<Aligned<'_>> = lines(text).filter_map(|span| aligned(text, span)).collect();
    let n_columns = aligned
        .iter()
        .map(|line| line.cells.len())
        .max()
        .unwrap_or(0);
    let width = |column: usize| {
        // The last cell of a line is followed by nothing that it could push.
        let cells = aligned.iter().filter(|line| line.cells.len() > column + 1);
        cells
            .map(|line| line.cells[column].width())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    aligned
        .iter()
        .map(|line| Edit {
            span: line.span.clone(),
            text: joined(&line.cells, &widths),
        })
        .filter(|edit| text[edit.span.clone()] != edit.text)
        .collect()
}

fn joined(cells: &[&str], widths: &[usize]) -> String {
    let mut out = String::new();
    for (column, cell) in cells.iter().enumerate() {
        out.push_str(cell);
        if column + 1 < cells.len() {
            out.push(',');
            let space = widths[column] - cell.width() + 1;
            out.extend(std::iter::repeat_n(' ', space));
        }
    }
    let len = out.trim_end_matches(' ').len();
    out.truncate(len);
    out
}

/// `None`: a line that stays as it is.
fn aligned(text: &str, span: Span) -> Option<Aligned<'_>> {
    const BOM: char = '\u{feff}';
    let start = if span.start == 0 && text.starts_with(BOM) {
        BOM.len_utf8()
    } else {
        span.start
    };
    let span = start..span.end;
    let line = &text[span.clone()];
    // A variable may stand for anything, and space before one counts.
    let is_row = !line.trim().is_empty() && !line.contains('$');
    let cells: Vec<&str> = line
        .split(',')
        .map(|cell| cell.trim_matches([' ', '\t']))
        .collect();
    let first = cells.first()?;
    if !is_row || first.starts_with('#') && !is_heading(&cells) {
        return None;
    }
    // Space that is none for everybody is left to those who put it there.
    let has_odd_space = cells
        .iter()
        .any(|cell| cell.trim() != *cell || cell.starts_with(is_odd) || cell.ends_with(is_odd));
    (!has_odd_space).then_some(Aligned { span, cells })
}

fn is_odd(c: char) -> bool {
    c.is_control() || c.is_whitespace()
}

fn is_heading(cells: &[&str]) -> bool {
    let names = cells
        .iter()
        .map(|cell| cell.trim_start_matches('#').trim().to_ascii_lowercase());
    cells.len() >= 5 && names.zip(HEADING).all(|(name, heading)| name == heading)
}
