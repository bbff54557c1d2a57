//! What a board prints, taken in: copied into a log file, read, and looked at again once it falls silent.

use std::fs::File;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use super::reader::{Item, Reader};

/// A line that has been begun is shown after this silence.
const PROMPT: Duration = Duration::from_millis(100);
/// After this silence nothing more comes of a crash.
pub(crate) const QUIET: Duration = Duration::from_secs(1);

pub(crate) struct Intake {
    pub(crate) reader: Reader,
    /// A copy of every byte.
    pub(crate) log: Option<File>,
    last_byte: Instant,
    /// What silence shows has been looked at.
    is_quiet: bool,
}

/// What silence shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    /// The beginning of a line: a prompt.
    pub(crate) begun: Option<(Duration, String)>,
    /// A crash that has ended.
    pub(crate) items: Vec<Item>,
}

impl Intake {
    pub(crate) fn new(log: Option<File>) -> Self {
        Self {
            reader: Reader::default(),
            log,
            last_byte: Instant::now(),
            is_quiet: true,
        }
    }

    /// Takes bytes that came at the time `at`. The copy comes first: whatever becomes of the view, it is whole.
    /// After an error it ends, and the bytes are read nevertheless.
    pub(crate) fn hear(&mut self, bytes: &[u8], at: Duration) -> (io::Result<()>, Vec<Item>) {
        self.last_byte = Instant::now();
        self.is_quiet = false;
        let copied = self.log.as_mut().map_or(Ok(()), |log| log.write_all(bytes));
        if copied.is_err() {
            self.log = None;
        }
        (copied, self.reader.feed(bytes, at))
    }

    /// Nothing has come. `None`: that is no news.
    pub(crate) fn silence(&mut self) -> Option<Silence> {
        let silence = self.last_byte.elapsed();
        if silence < PROMPT || self.is_quiet {
            return None;
        }
        let begun = self.reader.pending();
        self.is_quiet = silence >= QUIET;
        let items = if self.is_quiet {
            self.reader.quiet()
        } else {
            Vec::new()
        };
        Some(Silence { begun, items })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_written_ends_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "").unwrap();
        let mut intake = Intake::new(Some(File::open(&path).unwrap()));
        let (copied, items) = intake.hear(b"one\n", Duration::ZERO);
        assert!(copied.is_err());
        assert_eq!(items.len(), 1);
        let (copied, items) = intake.hear(b"two\n", Duration::ZERO);
        assert!(copied.is_ok() && intake.log.is_none());
        assert_eq!(items.len(), 1);
    }

    #[test]
    fn silence_shows_a_prompt_and_then_is_no_news() {
        let mut intake = Intake::new(None);
        assert_eq!(intake.silence(), None);
        let _ = intake.hear(b">>> ", Duration::ZERO);
        assert_eq!(intake.silence(), None, "its end may come yet");
        intake.last_byte -= PROMPT;
        let prompt = Some(Silence {
            begun: Some((Duration::ZERO, ">>> ".to_owned())),
            items: Vec::new(),
        });
        assert_eq!(intake.silence(), prompt);
        intake.last_byte -= QUIET;
        assert_eq!(intake.silence(), prompt);
        assert_eq!(intake.silence(), None);
    }
}
