//! What esptool says, line by line: text in, values out.
//!
//! The lines of 4.8 and 5.6 are in `tests/esptool-output`, as the tools wrote them.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// One line that means something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The chip's name, as Espressif writes it.
    Chip(String),
    /// Chip revision, major * 100 + minor.
    Revision(u16),
    /// The chip is in Secure Download Mode.
    SecureDownload,
    /// Factory MAC address.
    Mac(String),
    /// Size of the flash in bytes.
    FlashSize(u32),
    /// A comparison begins.
    Verifying {
        /// Byte offset in flash.
        offset: u32,
        /// Bytes that are compared.
        len_bytes: u32,
    },
    /// The comparison that was begun last ended so.
    Compared {
        /// The flash holds these bytes.
        is_match: bool,
    },
    /// Flash is about to be erased, or is being written.
    Touching,
    /// Writing to this place has begun or gone on.
    Writing {
        /// Byte offset in flash: of the file, or of the last block.
        offset: u32,
        /// Thousandths of the file.
        thousandths: u32,
    },
    /// A file was written.
    Wrote {
        /// Byte offset in flash.
        offset: u32,
        /// Bytes in flash.
        len_bytes: u32,
        /// Bytes that were sent for it.
        sent_bytes: u32,
    },
    /// What was written last hashes to what it should.
    Proved,
    /// The port has no control lines: requests for a reset have no effect.
    NoLines,
    /// The board was reset, and starts its firmware.
    Reset,
}

struct Patterns {
    chip: Regex,
    revision: Regex,
    secure_download: Regex,
    mac: Regex,
    flash_size: Regex,
    verifying: Regex,
    is_match: Regex,
    differs: Regex,
    touching: Regex,
    file: Regex,
    progress: Regex,
    wrote: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    // Literal patterns, all of them compiled by any test that parses a line.
    let pattern = |text: &str| Regex::new(text).expect("a valid pattern");
    Patterns {
        chip: pattern(r"^Detecting chip type\.\.\. (ESP\S*)$"),
        revision: pattern(r"^Chip (?:is|type:)\s.*\(revision v(\d{1,2})\.(\d{1,2})\)"),
        secure_download: pattern(r"^Chip (?:is|type:)\s.* in Secure Download Mode"),
        // A chip with an 802.15.4 radio says its 8-byte address first, then this one as its base.
        mac: pattern(r"^(?:BASE )?MAC:\s+((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$"),
        flash_size: pattern(r"^Detected flash size: (\d{1,4})(KB|MB)$"),
        verifying: pattern(
            r"^Verifying 0x[0-9a-f]+ \((\d{1,10})\) bytes (?:@|at) 0x([0-9a-f]{1,8}) in flash against ",
        ),
        is_match: pattern(r"^(?:-- verify OK|Verification successful) \(digest matched\)\.?$"),
        differs: pattern(r"^(?:-- verify FAILED|Verification failed) \(digest mismatch\)\.?$"),
        touching: pattern(r"^Flash will be erased from 0x"),
        file: pattern(r"^Writing '.*' at 0x([0-9a-f]{1,8})\.\.\.$"),
        progress: pattern(r"^Writing at 0x([0-9a-f]{1,8})\b.*?(\d{1,3})(?:\.(\d))? ?%"),
        wrote: pattern(
            r"^Wrote (\d{1,10}) bytes (?:\((\d{1,10}) compressed\) )?at 0x([0-9a-f]{1,8}) in ",
        ),
    }
});

fn decimal<T: std::str::FromStr>(found: &Captures<'_>, group: usize) -> Option<T> {
    found.get(group)?.as_str().parse().ok()
}

fn hexadecimal(found: &Captures<'_>, group: usize) -> Option<u32> {
    u32::from_str_radix(found.get(group)?.as_str(), 16).ok()
}

impl Said {
    /// What a line means, if anything.
    pub fn from_line(line: &str) -> Option<Self> {
        let line = line.trim_end();
        let of = &*PATTERNS;
        if of.is_match.is_match(line) {
            return Some(Self::Compared { is_match: true });
        }
        if of.differs.is_match(line) {
            return Some(Self::Compared { is_match: false });
        }
        if line == "Hash of data verified." {
            return Some(Self::Proved);
        }
        if line.starts_with("WARNING: Chip was NOT reset. Setting RTS/DTR lines is not supported") {
            return Some(Self::NoLines);
        }
        if line.starts_with("Hard resetting") {
            return Some(Self::Reset);
        }
        if of.secure_download.is_match(line) {
            return Some(Self::SecureDownload);
        }
        if of.touching.is_match(line) {
            return Some(Self::Touching);
        }
        Self::progress(line).or_else(|| Self::identity(line))
    }

    fn progress(line: &str) -> Option<Self> {
        let of = &*PATTERNS;
        if let Some(found) = of.progress.captures(line) {
            let tenths: u32 = decimal(&found, 3).unwrap_or(0);
            return Some(Self::Writing {
                offset: hexadecimal(&found, 1)?,
                thousandths: (decimal::<u32>(&found, 2)? * 10 + tenths).min(1000),
            });
        }
        if let Some(found) = of.verifying.captures(line) {
            return Some(Self::Verifying {
                offset: hexadecimal(&found, 2)?,
                len_bytes: decimal(&found, 1)?,
            });
        }
        if let Some(found) = of.file.captures(line) {
            return Some(Self::Writing {
                offset: hexadecimal(&found, 1)?,
                thousandths: 0,
            });
        }
        let found = of.wrote.captures(line)?;
        let len_bytes = decimal(&found, 1)?;
        Some(Self::Wrote {
            offset: hexadecimal(&found, 3)?,
            len_bytes,
            sent_bytes: decimal(&found, 2).unwrap_or(len_bytes),
        })
    }

    fn identity(line: &str) -> Option<Self> {
        let of = &*PATTERNS;
        if let Some(found) = of.chip.captures(line) {
            return Some(Self::Chip(found[1].to_owned()));
        }
        if let Some(found) = of.revision.captures(line) {
            let (major, minor): (u16, u16) = (decimal(&found, 1)?, decimal(&found, 2)?);
            return Some(Self::Revision(major * 100 + minor));
        }
        if let Some(found) = of.mac.captures(line) {
            return Some(Self::Mac(found[1].to_owned()));
        }
        let found = of.flash_size.captures(line)?;
        let shift = if &found[2] == "MB" { 20 } else { 10 };
        let size = decimal::<u32>(&found, 1)?.checked_mul(1 << shift)?;
        Some(Self::FlashSize(size))
    }
}

/// Bytes as they come out of a pipe, cut into lines. A carriage return ends one, too: that is how
/// progress is drawn over itself.
#[derive(Debug, Default)]
pub struct Lines {
    unfinished: Vec<u8>,
}

/// Longest line that is kept; esptool's own are below two hundred bytes.
const LINE_MAX: usize = 4096;

impl Lines {
    /// The lines that these bytes complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                lines.extend(self.finish());
            } else if self.unfinished.len() < LINE_MAX {
                self.unfinished.push(byte);
            }
        }
        lines
    }

    /// The line that nothing ended, when nothing more will come.
    pub fn finish(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.unfinished);
        (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_of_both_versions() {
        let at = |line| Said::from_line(line);
        let writing = |offset, thousandths| {
            Some(Said::Writing {
                offset,
                thousandths,
            })
        };
        assert_eq!(
            at("Writing at 0x00013ff9... (15 %)"),
            writing(0x1_3FF9, 150)
        );
        assert_eq!(
            at("Writing at 0x00034a40 ━━━━━━━━━╸     \u{1b}[0m 64.5% 2.27kB/2.27kB [0s] "),
            writing(0x3_4A40, 645)
        );
        assert_eq!(at("Writing 'b.bin' at 0x00001000..."), writing(0x1000, 0));
        let wrote = |sent_bytes| {
            Some(Said::Wrote {
                offset: 0x1_0000,
                len_bytes: 200_000,
                sent_bytes,
            })
        };
        assert_eq!(
            at("Wrote 200000 bytes at 0x00010000 in 0.2 seconds (7277.8 kbit/s)."),
            wrote(200_000)
        );
        assert_eq!(
            at(
                "Wrote 200000 bytes (1 compressed) at 0x00010000 in 0.0 seconds (effective 4 kbit/s)..."
            ),
            wrote(1)
        );
    }

    #[test]
    fn who_is_there() {
        let said = |line: &str| Said::from_line(line);
        let mac = |text: &str| Some(Said::Mac(text.to_owned()));
        assert_eq!(said("MAC: 24:0a:c4:00:01:10"), mac("24:0a:c4:00:01:10"));
        assert_eq!(said("MAC:                60:55:f9:ff:fe:f7:2c:a2"), None);
        assert_eq!(
            said("BASE MAC:           60:55:f9:f7:2c:a2"),
            mac("60:55:f9:f7:2c:a2")
        );
        assert_eq!(
            said("Detecting chip type... ESP32-C61"),
            Some(Said::Chip("ESP32-C61".to_owned()))
        );
        let retried =
            "Detecting chip type... Unsupported detection protocol, switching and trying again...";
        assert_eq!(said(retried), None);
        assert_eq!(
            said("Chip type:          ESP32-C3 (QFN32) (revision v0.3)"),
            Some(Said::Revision(3))
        );
        assert_eq!(
            said("Chip is ESP32-C3 in Secure Download Mode"),
            Some(Said::SecureDownload)
        );
        assert_eq!(
            said("Detected flash size: 512KB"),
            Some(Said::FlashSize(512 << 10))
        );
        assert_eq!(said("Detected flash size: 9999MB"), None);
        let no_lines = "WARNING: Chip was NOT reset. Setting RTS/DTR lines is not supported for port '/dev/pts/0'. Set --before and --after arguments to 'no_reset' and switch to bootloader manually to avoid this warning.";
        assert_eq!(said(no_lines), Some(Said::NoLines));
    }

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        let text = "Connecting...\r\nWriting at 0x1... (7 %)\rWriting at 0x2... (9 %)\n\nend";
        let whole = [
            "Connecting...",
            "Writing at 0x1... (7 %)",
            "Writing at 0x2... (9 %)",
            "end",
        ];
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut all: Vec<String> = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                all.extend(lines.feed(chunk));
            }
            all.extend(lines.finish());
            assert_eq!(all, whole, "in pieces of {size}");
        }
        let mut lines = Lines::default();
        lines.feed(&vec![b'x'; 10 * LINE_MAX]);
        assert_eq!(lines.finish().map(|line| line.len()), Some(LINE_MAX));
    }
}
