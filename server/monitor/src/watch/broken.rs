//! A backtrace that goes on in the next line.

/// A backtrace that a terminal may have broken.
#[derive(Debug, Default)]
pub(super) struct Broken {
    /// What has come of it, after its name.
    pub(super) text: String,
    /// The lines that it has gone on for.
    more_lines: usize,
}

impl Broken {
    /// What a board prints at most, 100 frames in a terminal of 80 columns, has less than these.
    const MAX_LEN: usize = 4 * 1024;
    const MAX_LINES: usize = 40;

    /// Adds a line; nothing once that is too long.
    pub(super) fn with(mut self, text: &str) -> Option<Self> {
        self.more_lines += 1;
        self.text.push_str(text);
        (self.text.len() <= Self::MAX_LEN && self.more_lines <= Self::MAX_LINES).then_some(self)
    }
}
