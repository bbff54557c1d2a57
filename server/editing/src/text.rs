//! A document's text with an index of its lines, and positions as clients count them.
//!
//! Here a position is a byte offset. A client names a line and a column, counted in bytes or in
//! UTF-16 units as `initialize` agreed. Lines end with `\n`, `\r\n` or `\r` (LSP 3.17).

use std::ops::Range;

/// How a client counts columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 units: what every client can.
    #[default]
    Utf16,
}

/// A place as a client names it, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

/// A text and where its lines begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    content: String,
    /// Byte offset of each line's start; the first is 0.
    starts: Vec<usize>,
}

impl Text {
    pub fn new(content: String) -> Self {
        let starts = line_starts(&content);
        Self { content, starts }
    }

    pub fn as_str(&self) -> &str {
        &self.content
    }

    /// Puts `new` in place of a range that [`Self::range`] gave.
    pub fn replace(&mut self, range: Range<usize>, new: &str) {
        self.content.replace_range(range, new);
        self.starts = line_starts(&self.content);
    }

    /// The place of a byte offset. One inside a character or past the end is moved back.
    pub fn place(&self, offset: usize, encoding: Encoding) -> Place {
        let offset = self.content.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let before = &self.content[self.starts[line]..offset];
        let column = match encoding {
            Encoding::Utf8 => before.len(),
            Encoding::Utf16 => before.encode_utf16().count(),
        };
        Place {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// The byte offset of a place. A column past the end of its line means the line's end, a line
    /// past the end of the text the text's end (LSP 3.17), a column inside a character its start.
    pub fn offset(&self, place: Place, encoding: Encoding) -> usize {
        let Some(line) = usize::try_from(place.line)
            .ok()
            .filter(|line| *line < self.starts.len())
        else {
            return self.content.len();
        };
        let start = self.starts[line];
        let end = self
            .starts
            .get(line + 1)
            .map_or(self.content.len(), |end| *end);
        let line = self.content[start..end].trim_end_matches(['\r', '\n']);
        let column = usize::try_from(place.column).unwrap_or(usize::MAX);
        let inside = match encoding {
            Encoding::Utf8 => line.floor_char_boundary(column),
            Encoding::Utf16 => {
                let mut units = 0;
                line.char_indices()
                    .find(|(_, c)| {
                        units += c.len_utf16();
                        units > column
                    })
                    .map_or(line.len(), |(at, _)| at)
            }
        };
        start + inside
    }

    /// The bytes between two places; `None` if the second comes before the first.
    pub fn range(&self, from: Place, to: Place, encoding: Encoding) -> Option<Range<usize>> {
        let range = self.offset(from, encoding)..self.offset(to, encoding);
        (range.start <= range.end).then_some(range)
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends_line = |(at, byte): (usize, &u8)| match byte {
        b'\n' => Some(at + 1),
        b'\r' if bytes.get(at + 1) != Some(&b'\n') => Some(at + 1),
        _ => None,
    };
    std::iter::once(0)
        .chain(bytes.iter().enumerate().filter_map(ends_line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Encoding; 2] = [Encoding::Utf8, Encoding::Utf16];

    fn place(line: u32, column: u32) -> Place {
        Place { line, column }
    }

    #[test]
    fn columns_are_counted_as_the_client_counts() {
        // BOM (3 bytes, 1 unit), tab, emoji (4, 2), CJK (3, 1).
        let text = Text::new("\u{feff}a\r\n\t😀分,b\rc\n".to_owned());
        let at = |what: &str| text.as_str().find(what).unwrap();
        for (what, utf8, utf16) in [
            ("a", (0, 3), (0, 1)),
            ("😀", (1, 1), (1, 1)),
            ("分", (1, 5), (1, 3)),
            ("b", (1, 9), (1, 5)),
            ("c", (2, 0), (2, 0)),
        ] {
            for (encoding, (line, column)) in BOTH.into_iter().zip([utf8, utf16]) {
                let expected = place(line, column);
                assert_eq!(text.place(at(what), encoding), expected, "{what}");
                assert_eq!(text.offset(expected, encoding), at(what), "{what}");
            }
        }
        assert_eq!(text.place(text.as_str().len(), Encoding::Utf8), place(3, 0));
    }

    #[test]
    fn what_does_not_fit_is_moved_to_where_it_does() {
        let text = Text::new("a😀b\r\ncd".to_owned());
        for encoding in BOTH {
            assert_eq!(text.offset(place(0, 99), encoding), 6, "the line's end");
            assert_eq!(text.offset(place(9, 0), encoding), 10, "the text's end");
            assert_eq!(text.offset(place(0, 2), encoding), 1, "inside a character");
            assert_eq!(text.range(place(1, 1), place(0, 1), encoding), None);
        }
        assert_eq!(text.place(3, Encoding::Utf16), place(0, 1));
        assert_eq!(text.place(99, Encoding::Utf16), place(1, 2));
        let empty = Text::new(String::new());
        assert_eq!(empty.place(0, Encoding::Utf16), place(0, 0));
        assert_eq!(empty.offset(place(0, 0), Encoding::Utf16), 0);
    }

    #[test]
    fn lines_are_found_again_after_an_edit() {
        let mut text = Text::new("a\nb\nc\n".to_owned());
        let range = text.range(place(0, 1), place(2, 0), Encoding::Utf16);
        text.replace(range.unwrap(), "😀\r\n");
        assert_eq!(text.as_str(), "a😀\r\nc\n");
        assert_eq!(text.offset(place(1, 1), Encoding::Utf16), 8);
    }
}
