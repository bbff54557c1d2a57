//! A line for a terminal, made of names from strangers.

use std::fmt::{self, Display};

use fbuild_project::plain;

/// A line that can be printed: what could move a cursor, turn text around or begin another line is
/// shown and does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line(String);

impl Line {
    /// With a label in front that this program made, and that may be coloured.
    pub(crate) fn labelled(label: &str, text: &str) -> Self {
        Self(format!("{label} {}", plain::line(text)))
    }

    /// A line of a board's log, with its tabulators, and with its colours if they are wanted.
    pub(crate) fn of_log(text: &str, with_colours: bool) -> Self {
        // No escape sequence but a colour is left in it.
        let text = fbuild_monitor::text::for_terminal(text, with_colours);
        Self(plain::shown(&text, |c| matches!(c, '\t' | '\x1b')).into_owned())
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self(plain::line(text).into_owned())
    }
}

impl From<&String> for Line {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_behind_a_label_acts() {
        let labelled = Line::labelled("\u{1b}[33mwarning:\u{1b}[0m", "\u{1b}");
        assert_eq!(labelled.to_string(), "\u{1b}[33mwarning:\u{1b}[0m \\u{1b}");
    }
}
