//! What a device prints while it takes an image: after each piece how much it has written, in decimal
//! digits that run together, and at the end `OK`, or what it does not like.

/// Most that one number stands for, by each of its digits: a piece has at most 1460 bytes, in four.
const BYTES_PER_DIGIT: u64 = 365;
/// As much of a complaint is kept.
const TEXT_MAX: usize = 200;

/// What it has printed so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    n_digits: u64,
    /// From the first character that belongs to no number.
    text: Vec<u8>,
}

impl Said {
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let is_of_number = byte.is_ascii_digit() || byte.is_ascii_whitespace();
            if self.text.is_empty() && is_of_number {
                self.n_digits += u64::from(byte.is_ascii_digit());
            } else if self.text.len() < TEXT_MAX {
                self.text.push(*byte);
            }
        }
    }

    /// No fewer bytes than it has taken, by what it has printed.
    pub(super) fn taken_at_most(&self) -> u64 {
        self.n_digits * BYTES_PER_DIGIT
    }

    /// It has the whole image, and its MD5 is right, if it says nothing more.
    pub(super) fn is_ok(&self) -> bool {
        self.text.trim_ascii_end() == b"OK"
    }

    /// What it says begins like its last word.
    pub(super) fn begins_with_ok(&self) -> bool {
        self.text.starts_with(b"OK")
    }

    /// What it does not like, if it says so; a whole line or as much as is kept, unless it `is_over`.
    pub(super) fn complaint(&self, is_over: bool) -> Option<String> {
        let is_whole = is_over || self.text.len() == TEXT_MAX || self.text.contains(&b'\n');
        let is_one = !self.text.is_empty() && !self.is_ok();
        let text = String::from_utf8_lossy(&self.text);
        let line = text.lines().next().unwrap_or_default().trim();
        (is_one && is_whole).then(|| line.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(pieces: &[&str]) -> Said {
        let mut said = Said::default();
        for piece in pieces {
            said.hear(piece.as_bytes());
        }
        said
    }

    #[test]
    fn numbers_run_together_and_into_the_end() {
        let going_on = said(&["1024", "1460536", "12"]);
        assert!(going_on.taken_at_most() >= 1024 + 1460 + 536 + 12);
        assert!(!going_on.is_ok());
        assert_eq!(going_on.complaint(true), None);
        assert!(said(&["1024O", "K"]).is_ok());
        assert!(said(&["1024OK\r\n"]).is_ok());
        for no in ["1024O", "1024OKAY", "1024OK\n12", "1024OK1460"] {
            assert!(!said(&[no]).is_ok(), "{no}");
        }
    }

    proptest! {
        /// Where the network cuts what a device prints, if it prints what it should, makes no difference.
        #[test]
        fn it_makes_no_difference_how_the_bytes_come(bytes: Vec<u8>, cut: prop::sample::Index) {
            let mut whole = Said::default();
            whole.hear(&bytes);
            let mut pieces = Said::default();
            let (one, other) = bytes.split_at(cut.index(bytes.len() + 1));
            pieces.hear(one);
            pieces.hear(other);
            let facts = |said: &Said| (said.taken_at_most(), said.is_ok(), said.complaint(true));
            prop_assert_eq!(facts(&whole), facts(&pieces));
        }
    }

    #[test]
    fn a_complaint_is_a_line() {
        let going_on = said(&["1024MD5 Check"]);
        assert_eq!(going_on.complaint(false), None);
        let whole = said(&["1024MD5 Check", " Failed\r\n"]);
        assert_eq!(whole.complaint(false).as_deref(), Some("MD5 Check Failed"));
        let numbered = said(&["12ERROR[9]: Not Enough Space"]);
        assert_eq!(
            numbered.complaint(true).as_deref(),
            Some("ERROR[9]: Not Enough Space")
        );
        let long = said(&["x", &"y".repeat(100_000)]);
        assert_eq!(long.complaint(false).unwrap().len(), TEXT_MAX);
    }
}
