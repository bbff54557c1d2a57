//! Bytes to lines.

use std::mem;
use std::time::Duration;

/// A longer line is handed out in pieces. A stack that a Rust program dumps as hexadecimal digits is the
/// longest that a board has a reason to print: 64 KiB here are 32 KiB of stack.
pub const MAX_LINE: usize = 64 * 1024;

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When its first byte came, on the caller's clock.
    pub at: Duration,
    /// Its text with colours, without its end. Bytes that are not UTF-8 are U+FFFD.
    pub text: String,
    /// What came after it.
    pub end: LineEnd,
}

/// Why a line ends where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// A line feed; carriage returns before it are part of the end.
    Feed,
    /// It is longer than [`MAX_LINE`]; the next line continues it.
    TooLong,
    /// Nothing more came: a prompt, or the link is gone.
    Silence,
}

/// Collects bytes until they are lines. However the bytes are cut, the lines are the same.
#[derive(Debug, Default)]
pub struct Lines {
    pending: Vec<u8>,
    /// When the first of `pending` came.
    since: Duration,
}

impl Lines {
    /// Takes bytes that came at the time `at`; the lines that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], at: Duration) -> Vec<Line> {
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            if self.pending.is_empty() {
                self.since = at;
            }
            let room = MAX_LINE - self.pending.len(); // pending stays below MAX_LINE, see below
            let window = &bytes[..bytes.len().min(room)];
            let feed = window.iter().position(|&byte| byte == b'\n');
            let taken = feed.map_or(window.len(), |index| index + 1);
            self.pending.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if feed.is_some() {
                lines.push(self.take(LineEnd::Feed));
            } else if self.pending.len() == MAX_LINE {
                let rest = self
                    .pending
                    .split_off(MAX_LINE - cut_character(&self.pending));
                lines.push(self.take(LineEnd::TooLong));
                self.pending = rest;
                self.since = at;
            }
        }
        lines
    }

    /// What has come and is not a line yet: a prompt, for a view that shows it.
    pub fn pending(&self) -> Option<(Duration, String)> {
        let text = || String::from_utf8_lossy(&self.pending).into_owned();
        (!self.pending.is_empty()).then(|| (self.since, text()))
    }

    /// Gives up waiting for the end of the line: the link is gone, or it has been silent for long.
    pub fn finish(&mut self) -> Option<Line> {
        (!self.pending.is_empty()).then(|| self.take(LineEnd::Silence))
    }

    fn take(&mut self, end: LineEnd) -> Line {
        let mut bytes = mem::take(&mut self.pending);
        if end == LineEnd::Feed {
            bytes.pop();
        }
        if end != LineEnd::TooLong {
            while bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        Line {
            at: self.since,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            end,
        }
    }
}

/// How many bytes at the end are the beginning of a character that is not complete: 0 to 3.
fn cut_character(bytes: &[u8]) -> usize {
    let start = bytes
        .iter()
        .rev()
        .take(3)
        .position(|byte| byte & 0xc0 != 0x80);
    match start {
        Some(behind) => match str::from_utf8(&bytes[bytes.len() - behind - 1..]) {
            Err(error) if error.error_len().is_none() => behind + 1,
            _ => 0,
        },
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn a_line_has_the_time_of_its_first_byte() {
        let mut lines = Lines::default();
        assert!(lines.feed(b"hel", Duration::from_secs(1)).is_empty());
        let done = lines.feed(b"lo\r\nwor", Duration::from_secs(2));
        assert_eq!(texts(&done), ["hello"]);
        assert_eq!(done[0].at, Duration::from_secs(1));
        assert_eq!(
            lines.pending(),
            Some((Duration::from_secs(2), "wor".into()))
        );
        let rest = lines.finish().unwrap();
        assert_eq!((rest.text.as_str(), rest.end), ("wor", LineEnd::Silence));
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn ends_of_every_kind_and_bytes_of_every_kind() {
        let mut lines = Lines::default();
        let done = lines.feed(b"a\nb\r\nc\r\r\n\n\xff\xfe\n\xc3", Duration::ZERO);
        assert_eq!(texts(&done), ["a", "b", "c", "", "\u{fffd}\u{fffd}"]);
        assert_eq!(texts(&lines.feed(b"\xa4\n", Duration::ZERO)), ["ä"]);
    }

    #[test]
    fn an_endless_line_is_cut_between_characters() {
        let mut lines = Lines::default();
        let text = "x".repeat(MAX_LINE - 1) + "ä" + "yz\n";
        let done = lines.feed(text.as_bytes(), Duration::ZERO);
        assert_eq!(done.len(), 2);
        assert_eq!(done[0].end, LineEnd::TooLong);
        assert_eq!(done[0].text.len(), MAX_LINE - 1);
        assert_eq!(done[1].text, "äyz");
    }
}
