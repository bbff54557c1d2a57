//! Intel HEX: the text in which AVR tool chains write a program, with an address and a checksum a line.
//!
//! Source: Intel, "Hexadecimal Object File Format Specification", revision A.

use std::ops::Range;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct HexError {
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

const DATA: u8 = 0;
const END: u8 = 1;
const SEGMENT: u8 = 2;
const START_SEGMENT: u8 = 3;
const LINEAR: u8 = 4;
const START_LINEAR: u8 = 5;

/// What a file sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The bytes from the memory's start up to the last one that is set; FF where nothing is.
    pub bytes: Vec<u8>,
    /// The first of them that the file does not set.
    pub first_gap: Option<usize>,
}

/// What the file sets in a memory that has these addresses.
///
/// # Errors
/// The first line that is damaged, or lies outside the memory.
pub fn read(text: &[u8], memory: Range<u32>) -> Result<Content, HexError> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut is_set: Vec<bool> = Vec::new();
    let mut base = 0_u32;
    let mut lines = 0;
    let mut has_ended = false;
    for (index, raw) in text.split(|byte| *byte == b'\n').enumerate() {
        let wrong = |what: String| HexError {
            line: index + 1,
            what,
        };
        let line = raw.trim_ascii();
        if line.is_empty() {
            continue;
        }
        lines = index + 1;
        if has_ended {
            return Err(wrong("there is text after the end record".to_owned()));
        }
        let record = record(line).map_err(|what| wrong(what.to_owned()))?;
        let (&[_, high, low, kind], data) = record
            .split_first_chunk()
            .ok_or_else(|| wrong("the record is cut off".to_owned()))?;
        match (kind, data) {
            (DATA, data) => {
                let start = base.saturating_add(u32::from(u16::from_be_bytes([high, low])));
                let end = u64::from(start) + data.len() as u64;
                if end > u64::from(memory.end) {
                    return Err(wrong(format!(
                        "the data ends at {end:#x}, after the end of the memory at {:#x}",
                        memory.end
                    )));
                }
                let Some(start) = start.checked_sub(memory.start) else {
                    return Err(wrong(format!(
                        "the data begins at {start:#x}, before the memory does at {:#x}",
                        memory.start
                    )));
                };
                let (start, end) = (start as usize, start as usize + data.len());
                if bytes.len() < end {
                    bytes.resize(end, 0xFF);
                    is_set.resize(end, false);
                }
                if let Some(at) = is_set[start..end].iter().position(|is_set| *is_set) {
                    let at = memory.start as usize + start + at;
                    return Err(wrong(format!("the byte at {at:#x} was set before")));
                }
                bytes[start..end].copy_from_slice(data);
                is_set[start..end].fill(true);
            }
            (END, []) => has_ended = true,
            (SEGMENT, [a, b]) => base = u32::from(u16::from_be_bytes([*a, *b])) << 4,
            (LINEAR, [a, b]) => base = u32::from(u16::from_be_bytes([*a, *b])) << 16,
            // Where a program starts is no matter of its bytes.
            (START_SEGMENT | START_LINEAR, [_, _, _, _]) => {}
            (END | SEGMENT | LINEAR | START_SEGMENT | START_LINEAR, _) => {
                let what = format!("a record of kind {kind} has the wrong length");
                return Err(wrong(what));
            }
            (kind, _) => return Err(wrong(format!("there is no record of kind {kind}"))),
        }
    }
    if !has_ended {
        return Err(HexError {
            line: lines + 1,
            what: "the end record is missing: the file is cut off".to_owned(),
        });
    }
    let first_gap = is_set.iter().position(|is_set| !is_set);
    Ok(Content { bytes, first_gap })
}

/// A record's bytes without its checksum.
fn record(line: &[u8]) -> Result<Vec<u8>, &'static str> {
    let Some(digits) = line.strip_prefix(b":") else {
        return Err("it does not begin with ':', as every line of an Intel HEX file does");
    };
    if digits.len() % 2 != 0 {
        return Err("it has an odd number of digits");
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(&pair[0])? << 4 | digit(&pair[1])?) as u8);
    let bytes: Option<Vec<u8>> = digits.chunks_exact(2).map(pair).collect();
    let mut bytes = bytes.ok_or("it has something else than hexadecimal digits")?;
    // Length, address, kind, data, checksum.
    if bytes.len() < 5 || usize::from(bytes[0]) + 5 != bytes.len() {
        return Err("its length is not the one that it says");
    }
    if bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) != 0 {
        return Err("its checksum is wrong");
    }
    bytes.pop();
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END_LINE: &str = ":00000001FF\r\n";

    fn error(text: &str) -> String {
        read(text.as_bytes(), 0..0x8000).unwrap_err().to_string()
    }

    #[test]
    fn what_a_linker_writes_is_read() {
        // The first and a later line of a program of avr-gcc, and one after a gap.
        let text = format!(
            ":100000000C945D000C9485000C9485000C94850084\r\n:02001400AABB85\r\n{END_LINE}\r\n"
        );
        let Content { bytes, first_gap } = read(text.as_bytes(), 0..0x8000).unwrap();
        assert_eq!(first_gap, Some(0x10));
        assert_eq!(bytes[..4], [0x0C, 0x94, 0x5D, 0x00]);
        assert_eq!(bytes[0x10..], [0xFF, 0xFF, 0xFF, 0xFF, 0xAA, 0xBB]);
    }

    #[test]
    fn large_parts_have_segments_or_upper_halves() {
        for line in [":020000021000EC", ":020000040001F9"] {
            let text = format!("{line}\n:0100000055AA\n:00000001FF\n");
            let bytes = read(text.as_bytes(), 0..0x4_0000).unwrap().bytes;
            assert_eq!((bytes.len(), bytes[0x1_0000]), (0x1_0001, 0x55), "{line}");
        }
    }

    #[test]
    fn a_memory_need_not_begin_at_0() {
        let memory = 0x6000_0000..0x6000_0100;
        let text = format!(":020000046000 9A\n:0100000055AA\n{END_LINE}").replace(' ', "");
        let content = read(text.as_bytes(), memory.clone()).unwrap();
        assert_eq!(content.bytes, [0x55]);
        let low = format!(":0100000055AA\n{END_LINE}");
        assert_eq!(
            read(low.as_bytes(), memory).unwrap_err().to_string(),
            "line 1: the data begins at 0x0, before the memory does at 0x60000000"
        );
    }

    #[test]
    fn a_damaged_line_is_named() {
        let good = ":0100000055AA\n";
        for (text, expected) in [
            (
                format!("{good}:0100000155AA\n"),
                "line 2: its checksum is wrong",
            ),
            (
                format!("{good}hello\n"),
                "line 2: it does not begin with ':', as every line of an Intel HEX file does",
            ),
            (
                good.to_owned(),
                "line 2: the end record is missing: the file is cut off",
            ),
            (
                String::new(),
                "line 1: the end record is missing: the file is cut off",
            ),
            (
                format!("{good}{good}"),
                "line 2: the byte at 0x0 was set before",
            ),
            (
                ":017FFF0055\n".replace("55", "552C") + ":01800000552A\n",
                "line 2: the data ends at 0x8001, after the end of the memory at 0x8000",
            ),
            (
                format!("{END_LINE}{good}"),
                "line 2: there is text after the end record",
            ),
            (
                ":01000\n".to_owned(),
                "line 1: it has an odd number of digits",
            ),
            (
                ":05000000FB\n".to_owned(),
                "line 1: its length is not the one that it says",
            ),
            (
                ":00000006FA\n".to_owned(),
                "line 1: there is no record of kind 6",
            ),
        ] {
            assert_eq!(error(&text), expected, "{text}");
        }
    }
}
