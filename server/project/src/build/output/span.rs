//! Where in a line of a file a finding is.

use super::Finding;

/// GCC's, since version 11; it shows tabs by as many spaces.
const TAB: usize = 8;

/// What of the line is meant, in bytes. What was underlined counts before what was numbered: how
/// columns are counted differs from version to version.
pub fn columns(line: &str, finding: &Finding) -> std::ops::Range<usize> {
    let numbered = (finding.place.column as usize).checked_sub(1);
    let end = finding.end.filter(|(line, _)| *line == finding.place.line);
    let end = end.and_then(|(_, column)| (column as usize).checked_sub(1));
    let (from, to, is_expanded) = match (&finding.shown, numbered) {
        (Some((shown, marked)), _) => {
            let is_expanded = shown.trim_end().chars().count() > line.trim_end().chars().count();
            (marked.start, Some(marked.end), is_expanded)
        }
        (None, Some(from)) => (from, end, false),
        (None, None) => {
            let start = line.len() - line.trim_start().len();
            return start..line.trim_end().len().max(start);
        }
    };
    let at = |column: usize| {
        let mut shown = 0;
        for (byte, c) in line.char_indices() {
            if shown >= column {
                return byte;
            }
            shown += match c {
                '\t' if is_expanded => TAB - shown % TAB,
                _ => 1,
            };
        }
        line.len()
    };
    let start = at(from);
    let stop = to.map_or_else(|| word_end(line, start), at);
    start..stop.max(start)
}

/// The end of the name that begins here, or of one character.
fn word_end(line: &str, start: usize) -> usize {
    let rest = line.get(start..).unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let one = rest.chars().next().map_or(0, char::len_utf8);
    start + len.max(one)
}
