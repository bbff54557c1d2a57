//! How a boot ROM finds frames: tolerantly. Bytes outside a frame are ignored, any number of extra
//! delimiters too, and a delimiter after fewer bytes than a header has opens a new frame instead of
//! closing one. A bad escape, though, hands over what there is, however short: the recordings have a
//! READ_REG of four bytes answered because of one (`*-p01-*`).

use fbuild_loader::packet::HEADER_LEN;
use fbuild_loader::slip;

/// Longest request the receiver keeps: more than any host sends (16 KiB and headers). The rest of a
/// longer one is dropped.
const LIMIT: usize = 0x8000;

#[derive(Debug, Default)]
pub(super) struct Receiver {
    frame: Option<Vec<u8>>,
    escaped: bool,
    spoiled: bool,
}

impl Receiver {
    /// Takes a byte; gives the frame that it completed.
    pub(super) fn push(&mut self, byte: u8) -> Option<Vec<u8>> {
        if byte == slip::END {
            self.escaped = false;
            let spoiled = std::mem::take(&mut self.spoiled);
            return match self.frame.take() {
                Some(frame) if spoiled || frame.len() >= HEADER_LEN => Some(frame),
                _ => {
                    self.frame = Some(Vec::new());
                    None
                }
            };
        }
        let frame = self.frame.as_mut()?;
        let escaped = std::mem::take(&mut self.escaped);
        let byte = match (escaped, byte) {
            (false, slip::ESC) => {
                self.escaped = true;
                return None;
            }
            (false, byte) => byte,
            (true, slip::ESC_END) => slip::END,
            (true, slip::ESC_ESC) => slip::ESC,
            (true, _) => {
                self.spoiled = true;
                return None;
            }
        };
        if frame.len() < LIMIT {
            frame.push(byte);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut receiver = Receiver::default();
        bytes
            .iter()
            .filter_map(|byte| receiver.push(*byte))
            .collect()
    }

    #[test]
    fn a_truncated_frame_gives_way_to_the_next_one() {
        assert_eq!(
            frames(b"\xC0\x00\x0a\x04\xC0\x00\x0a\x04\0\0\0\0\0\x00\x10\x00\x40\xC0"),
            [b"\x00\x0a\x04\0\0\0\0\0\x00\x10\x00\x40"]
        );
    }

    #[test]
    fn noise_between_frames_and_extra_delimiters_do_no_harm() {
        assert_eq!(
            frames(b"\xC0\xC0\xC0abcdefgh\xC0noise that is long\xC0\xC0\xDB\xDC2345678\xC0"),
            [&b"abcdefgh"[..], &b"\xC02345678"[..]]
        );
    }

    #[test]
    fn a_bad_escape_hands_over_even_a_short_frame() {
        assert_eq!(
            frames(b"\xC0abc\xDB\x11\xC0\xC0abcdefgh\xC0"),
            [&b"abc"[..], &b"abcdefgh"[..]]
        );
    }
}
