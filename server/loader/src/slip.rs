//! SLIP framing (RFC 1055 as the ESP loaders use it): `C0` payload `C0`, with `C0` sent as `DB DC`
//! and `DB` as `DB DD` inside. Pure: bytes in, pieces out.

/// Frame delimiter.
pub const END: u8 = 0xC0;
/// Escape introducer.
pub const ESC: u8 = 0xDB;
/// After [`ESC`]: a payload byte equal to [`END`].
pub const ESC_END: u8 = 0xDC;
/// After [`ESC`]: a payload byte equal to [`ESC`].
pub const ESC_ESC: u8 = 0xDD;

/// Appends `payload` to `out` as one frame, delimiters included.
pub fn encode(payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(payload.len() + payload.len() / 64 + 2);
    out.push(END);
    for &byte in payload {
        match byte {
            END => out.extend_from_slice(&[ESC, ESC_END]),
            ESC => out.extend_from_slice(&[ESC, ESC_ESC]),
            _ => out.push(byte),
        }
    }
    out.push(END);
}

/// What a [`Decoder`] found between two delimiters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A well-formed, unescaped, non-empty payload.
    Frame(Vec<u8>),
    /// Bytes that were not a frame, as they came: what was before the first delimiter, or a payload
    /// with a bad escape.
    Junk(Vec<u8>),
    /// A payload longer than the decoder's limit; its bytes are gone.
    TooLong,
}

/// Tolerant receiver: every non-empty stretch between two delimiters is a piece, any number of extra
/// delimiters is ignored, and a truncated frame is ended by the next frame's opening delimiter. Boot
/// ROMs receive this way (seen, recordings `*-p01-*`), and so should a host: after a reset, boot-log
/// text is between frames and must not swallow the answer after it.
///
/// Memory is bounded by the limit given to [`Decoder::new`], whatever comes in.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts about the bytes since the last delimiter
pub struct Decoder {
    limit: usize,
    raw: Vec<u8>,
    payload: Vec<u8>,
    synced: bool,
    escaped: bool,
    bad_escape: bool,
    too_long: bool,
}

impl Decoder {
    /// A decoder whose pieces are at most `limit` bytes long.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            raw: Vec::new(),
            payload: Vec::new(),
            synced: false,
            escaped: false,
            bad_escape: false,
            too_long: false,
        }
    }

    /// Takes one byte; gives the piece that it completed, if any.
    pub fn push(&mut self, byte: u8) -> Option<Piece> {
        if byte == END {
            return self.finish();
        }
        if self.raw.len() == self.limit {
            self.too_long = true;
            return None;
        }
        self.raw.push(byte);
        if self.escaped {
            self.escaped = false;
            match byte {
                ESC_END => self.payload.push(END),
                ESC_ESC => self.payload.push(ESC),
                _ => self.bad_escape = true,
            }
        } else if byte == ESC {
            self.escaped = true;
        } else {
            self.payload.push(byte);
        }
        None
    }

    /// Takes bytes and hands every piece that they complete to `on_piece`.
    pub fn extend(&mut self, bytes: &[u8], mut on_piece: impl FnMut(Piece)) {
        for &byte in bytes {
            if let Some(piece) = self.push(byte) {
                on_piece(piece);
            }
        }
    }

    /// The bytes received since the last delimiter, as they came. After a reset in mid-session this
    /// is where the boot log is found.
    pub fn pending(&self) -> &[u8] {
        &self.raw
    }

    /// Forgets everything received so far.
    pub fn clear(&mut self) {
        *self = Self::new(self.limit);
    }

    fn finish(&mut self) -> Option<Piece> {
        let raw = std::mem::take(&mut self.raw);
        let payload = std::mem::take(&mut self.payload);
        // Both are cleared, whatever the first one says.
        let bad = std::mem::take(&mut self.bad_escape) | std::mem::take(&mut self.escaped);
        let too_long = std::mem::take(&mut self.too_long);
        let synced = std::mem::replace(&mut self.synced, true);
        if too_long {
            Some(Piece::TooLong)
        } else if raw.is_empty() {
            None
        } else if bad || !synced {
            Some(Piece::Junk(raw))
        } else {
            Some(Piece::Frame(payload))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Vec<Piece> {
        let mut decoder = Decoder::new(64);
        let mut pieces = Vec::new();
        decoder.extend(bytes, |piece| pieces.push(piece));
        pieces
    }

    #[test]
    fn escapes_both_special_bytes() {
        let mut out = Vec::new();
        encode(&[0x00, 0xC0, 0xDB, 0xFF], &mut out);
        assert_eq!(out, [0xC0, 0x00, 0xDB, 0xDC, 0xDB, 0xDD, 0xFF, 0xC0]);
        assert_eq!(decode(&out), [Piece::Frame(vec![0x00, 0xC0, 0xDB, 0xFF])]);
    }

    #[test]
    fn boot_log_before_an_answer_does_not_swallow_it() {
        let mut bytes = b"rst:0x1 (POWERON)".to_vec();
        encode(b"\x01\x08", &mut bytes);
        bytes.extend_from_slice(b"ets Jun  8");
        encode(b"\x01\x0a", &mut bytes);
        assert_eq!(
            decode(&bytes),
            [
                Piece::Junk(b"rst:0x1 (POWERON)".to_vec()),
                Piece::Frame(b"\x01\x08".to_vec()),
                Piece::Frame(b"ets Jun  8".to_vec()),
                Piece::Frame(b"\x01\x0a".to_vec()),
            ]
        );
    }

    #[test]
    fn extra_delimiters_and_bad_escapes_cost_one_piece_at_most() {
        assert_eq!(
            decode(&[0xC0, 0xC0, 0xC0, 0x01, 0xDB, 0x11, 0xC0, 0xC0, 0x02, 0xC0]),
            [
                Piece::Junk(vec![0x01, 0xDB, 0x11]),
                Piece::Frame(vec![0x02])
            ]
        );
        // A bad escape, and another one that the delimiter cuts off.
        assert_eq!(
            decode(&[0xC0, 0xDB, 0x11, 0xDB, 0xC0, 0x02, 0xC0]),
            [
                Piece::Junk(vec![0xDB, 0x11, 0xDB]),
                Piece::Frame(vec![0x02])
            ]
        );
    }

    #[test]
    fn memory_is_bounded_and_the_next_frame_still_works() {
        let mut bytes = vec![0xC0];
        bytes.extend(std::iter::repeat_n(0x55, 1000));
        bytes.push(0xC0);
        encode(&[7], &mut bytes);
        assert_eq!(decode(&bytes), [Piece::TooLong, Piece::Frame(vec![7])]);
    }
}
