//! Lines and cells of a table, with their places in the text.
//!
//! As the genuine tool's language has it: `str.splitlines` ends lines at more than `\n`, and
//! `str.strip` takes control characters for space that other languages do not.

use std::collections::BTreeMap;
use std::ops::Range;

/// A cell between two commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// From comma to comma.
    pub whole: Range<usize>,
    /// Without the space around it; empty cells are at the end of that space.
    pub span: Range<usize>,
    /// What is there, with variables filled in.
    pub text: String,
}

/// A line that is neither blank nor a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowLine {
    /// From 1.
    pub(super) number: usize,
    /// Without the space around it.
    pub(super) span: Range<usize>,
    pub(super) cells: Vec<Cell>,
}

/// The lines of a text, without what ends them.
pub fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut next = Some(0).filter(|_| !text.is_empty());
    std::iter::from_fn(move || {
        let start = next?;
        let rest = &text[start..];
        let end = rest.find(ends_line);
        next = end.map(|at| {
            let pair = rest[at..].starts_with("\r\n");
            let len = rest[at..].chars().next().map_or(1, char::len_utf8);
            start + at + if pair { 2 } else { len }
        });
        next = next.filter(|start| *start < text.len());
        Some(start..end.map_or(text.len(), |at| start + at))
    })
}

fn ends_line(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// The part of `text` at `range` without the space around it.
pub(super) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inner = &text[range.clone()];
    let start = range.start + (inner.len() - inner.trim_start_matches(is_space).len());
    let end = range.end - (inner.len() - inner.trim_end_matches(is_space).len());
    if start >= end {
        return range.end..range.end;
    }
    start..end
}

/// The row on a line; `None` for a blank line and a comment.
pub(super) fn row_line(
    text: &str,
    number: usize,
    line: Range<usize>,
    variables: &BTreeMap<String, String>,
) -> Option<RowLine> {
    let span = trimmed(text, line.clone());
    let source = &text[span.clone()];
    let mut cells = cells(text, &span);
    // A variable may stand for anything: several cells, or a comment.
    if source.contains('$') {
        let expanded = expand(source, variables);
        let row = expanded.trim_matches(is_space);
        if row.is_empty() || row.starts_with('#') {
            return None;
        }
        let values: Vec<&str> = row.split(',').collect();
        if values.len() != cells.len() {
            let everywhere = |value: &&str| Cell {
                whole: span.clone(),
                span: span.clone(),
                text: (*value).to_owned(),
            };
            cells = values.iter().map(everywhere).collect();
        }
        for (cell, value) in cells.iter_mut().zip(values) {
            value.trim_matches(is_space).clone_into(&mut cell.text);
        }
    } else if source.is_empty() || source.starts_with('#') {
        return None;
    }
    Some(RowLine {
        number,
        span,
        cells,
    })
}

fn cells(text: &str, span: &Range<usize>) -> Vec<Cell> {
    let mut start = span.start;
    let pieces = text[span.clone()].split(',');
    pieces
        .map(|piece| {
            let whole = start..start + piece.len();
            start = whole.end + 1;
            let span = trimmed(text, whole.clone());
            let text = text[span.clone()].to_owned();
            Cell { whole, span, text }
        })
        .collect()
}

/// Replace `$NAME` and `${NAME}` where NAME is set, as `os.path.expandvars` does.
fn expand(line: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let braced = after.strip_prefix('{').and_then(|s| s.split_once('}'));
        let (name, len) = if let Some((name, _)) = braced {
            (name, name.len() + 2)
        } else {
            let name = variable_at(after);
            (name, name.len())
        };
        if let Some(value) = variables.get(name) {
            out.push_str(value);
            rest = &after[len..];
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// The name of a variable at the start of `text`.
pub(super) fn variable_at(text: &str) -> &str {
    let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    &text[..text.find(ends).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_the_genuine_tool_ends_them() {
        let text = "a\r\nb\rc\u{2028}d\x0ce\n\nf";
        let found: Vec<_> = lines(text).map(|range| &text[range]).collect();
        assert_eq!(found, ["a", "b", "c", "d", "e", "", "f"]);
        assert_eq!(lines("a\n").count(), 1);
        assert_eq!(lines("").count(), 0);
    }

    #[test]
    fn cells_know_their_places() {
        let text = "# x\n \t名, data ,,0x1 \x1f\n";
        let line = lines(text).nth(1).unwrap();
        let row = row_line(text, 2, line, &BTreeMap::new()).unwrap();
        let found: Vec<_> = row
            .cells
            .iter()
            .map(|cell| &text[cell.span.clone()])
            .collect();
        assert_eq!(found, ["名", "data", "", "0x1"]);
        assert_eq!(&text[row.cells[1].whole.clone()], " data ");
        assert_eq!(row.cells[2].span, row.cells[2].whole);
    }
}
