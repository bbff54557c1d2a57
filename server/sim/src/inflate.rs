//! Inflating as both loaders do it: a zlib stream into a 32 KiB window that is written out when it is
//! full and at the end. Raw inflate and a header check of our own, because neither loader treats the
//! Adler-32 at the end as a library would.

use flate2::{Decompress, FlushDecompress, Status};

/// Size of the window, and so of every write but the last.
pub(crate) const WINDOW_LEN: usize = 0x8000;

/// What one step of inflating came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All input is used up; the stream goes on.
    NeedsInput,
    /// The window is full.
    WindowFull,
    /// The stream is over (what is left of the input is its Adler-32, if that).
    Done,
    /// No zlib stream.
    Corrupt,
}

/// An inflater with its window.
pub(crate) struct Inflater {
    raw: Decompress,
    header: Vec<u8>,
    window: Vec<u8>,
    /// How much of the window is new.
    filled: usize,
    /// The stream ended exactly where the window was full.
    ended: bool,
    adler: Adler32,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater")
            .field("filled", &self.filled)
            .finish_non_exhaustive()
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self {
            raw: Decompress::new(false),
            header: Vec::new(),
            window: vec![0; WINDOW_LEN],
            filled: 0,
            ended: false,
            adler: Adler32::default(),
        }
    }
}

impl Inflater {
    /// A new stream. The window's old contents stay: the ESP32's ROM writes them out.
    pub(crate) fn restart(&mut self) {
        self.raw.reset(false);
        self.header.clear();
        self.filled = 0;
        self.ended = false;
        self.adler = Adler32::default();
    }

    /// The window; the first [`Self::filled`] bytes are new.
    pub(crate) fn window(&self) -> &[u8] {
        &self.window
    }

    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// After the window was written out.
    pub(crate) fn rewind(&mut self) {
        self.filled = 0;
    }

    /// Adler-32 of everything inflated so far.
    pub(crate) fn adler(&self) -> u32 {
        self.adler.value()
    }

    /// Inflates from `input` until it is used up, the window is full or the stream ends. Takes the
    /// used bytes off `input`.
    pub(crate) fn step(&mut self, input: &mut &[u8]) -> Step {
        if self.ended {
            return Step::Done;
        }
        while self.header.len() < 2 {
            let Some((first, rest)) = input.split_first() else {
                return Step::NeedsInput;
            };
            self.header.push(*first);
            *input = rest;
            if let [cmf, flags] = self.header[..] {
                let checked = (u16::from(cmf) << 8 | u16::from(flags)).is_multiple_of(31);
                let deflate = cmf & 0x0F == 8 && cmf >> 4 <= 7;
                let dictionary = flags & 0x20 != 0;
                if !checked || !deflate || dictionary {
                    return Step::Corrupt;
                }
            }
        }
        let in_before = self.raw.total_in();
        let out_before = self.raw.total_out();
        let result = self.raw.decompress(
            input,
            &mut self.window[self.filled..],
            FlushDecompress::None,
        );
        let used = (self.raw.total_in() - in_before) as usize;
        let made = (self.raw.total_out() - out_before) as usize;
        *input = &input[used..];
        self.adler
            .update(&self.window[self.filled..self.filled + made]);
        self.filled += made;
        match result {
            Ok(Status::StreamEnd) if self.filled == WINDOW_LEN => {
                // The loaders' inflater reports the full window first and the end on the next call.
                self.ended = true;
                Step::WindowFull
            }
            Ok(Status::StreamEnd) => Step::Done,
            Ok(_) if self.filled == WINDOW_LEN => Step::WindowFull,
            Ok(_) if input.is_empty() => Step::NeedsInput,
            // No progress although there is input and room: the stream is broken.
            Ok(_) if used == 0 && made == 0 => Step::Corrupt,
            Ok(_) => Step::NeedsInput,
            Err(_) => Step::Corrupt,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Adler32 {
    a: u32,
    b: u32,
}

impl Default for Adler32 {
    fn default() -> Self {
        Self { a: 1, b: 0 }
    }
}

impl Adler32 {
    fn update(&mut self, bytes: &[u8]) {
        // 5552 is the longest run after which neither sum has overflowed (RFC 1950, zlib's NMAX).
        for run in bytes.chunks(5552) {
            for byte in run {
                self.a += u32::from(*byte);
                self.b += self.a;
            }
            self.a %= 65521;
            self.b %= 65521;
        }
    }

    fn value(self) -> u32 {
        self.b << 16 | self.a
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_stream_in_pieces_fills_windows() {
        let plain: Vec<u8> = (0..100_000u32)
            .map(|n| (n.wrapping_mul(n) >> 7) as u8)
            .collect();
        let stream = zlib(&plain);
        let mut inflater = Inflater::default();
        let mut out = Vec::new();
        let mut last = Step::NeedsInput;
        for piece in stream.chunks(777) {
            let mut input = piece;
            loop {
                last = inflater.step(&mut input);
                if !matches!(last, Step::WindowFull | Step::Done) {
                    break;
                }
                out.extend_from_slice(&inflater.window()[..inflater.filled()]);
                inflater.rewind();
                if last == Step::Done {
                    break;
                }
            }
            if last == Step::Done {
                break;
            }
        }
        assert_eq!(last, Step::Done);
        assert_eq!(out, plain);
        let end = stream.len() - 4;
        assert_eq!(inflater.adler().to_be_bytes(), stream[end..]);
    }

    #[test]
    fn damage_is_found() {
        let mut stream = zlib(&[7; 100]);
        stream[2] = 0x07;
        assert_eq!(Inflater::default().step(&mut &stream[..]), Step::Corrupt);
        let mut input = &[0u8, 0, 1, 2][..];
        assert_eq!(Inflater::default().step(&mut input), Step::Corrupt);
    }
}
