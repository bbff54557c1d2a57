//! Flash: what it is erased by, and stretches of it.

use std::ops::Range;

/// Smallest unit of flash that can be erased, in bytes.
pub const SECTOR_LEN: u32 = 0x1000;
/// Larger erase unit that every flash chip in use offers, in bytes.
pub const BLOCK_LEN: u32 = 0x1_0000;

/// An offset as people and build tools write it: `0x10000`, `65536`.
pub fn parse_offset(text: &str) -> Option<u32> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// So many bytes from an offset on; `None` where they would end beyond what flash can have.
pub fn range(offset: u32, len_bytes: u64) -> Option<Range<u32>> {
    let end = offset.checked_add(u32::try_from(len_bytes).ok()?)?;
    Some(offset..end)
}

/// The sectors that a range lies in, counted from the start of the flash.
pub fn sectors(range: &Range<u32>) -> Range<usize> {
    (range.start / SECTOR_LEN) as usize..range.end.div_ceil(SECTOR_LEN) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_as_people_write_them() {
        assert_eq!(parse_offset("0x10000"), Some(0x1_0000));
        assert_eq!(parse_offset(" 0XE000 "), Some(0xE000));
        assert_eq!(parse_offset("4096"), Some(4096));
        assert_eq!(parse_offset("0xffffffff"), Some(u32::MAX));
        for wrong in ["", "0x", "10000h", "-1", "0x1_0000", "0x100000000"] {
            assert_eq!(parse_offset(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_ends_within_32_bits() {
        assert_eq!(range(0, 0), Some(0..0));
        assert_eq!(range(u32::MAX, 0), Some(u32::MAX..u32::MAX));
        assert_eq!(range(0, u32::MAX.into()), Some(0..u32::MAX));
        assert_eq!(range(0xFFFF_F000, 0xFFF), Some(0xFFFF_F000..u32::MAX));
        assert_eq!(range(0xFFFF_F000, 0x1000), None);
        assert_eq!(range(u32::MAX, 1), None);
        assert_eq!(range(0, 1 << 32), None);
        assert_eq!(range(0, u64::MAX), None);
    }

    #[test]
    fn a_part_of_a_sector_takes_all_of_it() {
        assert_eq!(sectors(&(0..0)), 0..0);
        assert_eq!(sectors(&(0..1)), 0..1);
        assert_eq!(sectors(&(0x1000..0x2000)), 1..2);
        assert_eq!(sectors(&(0x1FFF..0x2001)), 1..3);
        assert_eq!(sectors(&(0..u32::MAX)), 0..0x10_0000);
    }
}
