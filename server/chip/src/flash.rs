//! Flash: what it is erased by, and stretches of it.

use std::ops::Range;

/// Smallest unit of flash that can be erased, in bytes.
pub const SECTOR_LEN: u32 = 0x1000;
/// Larger erase unit that every flash chip in use offers, in bytes.
pub const BLOCK_LEN: u32 = 0x1_0000;

/// So many bytes from an offset on; `None` where they would end beyond what flash can have.
#[must_use]
pub fn range(offset: u32, len_bytes: u64) -> Option<Range<u32>> {
    let end = offset.checked_add(u32::try_from(len_bytes).ok()?)?;
    Some(offset..end)
}

/// The sectors that a range lies in, counted from the start of the flash.
#[must_use]
pub fn sectors(range: &Range<u32>) -> Range<usize> {
    (range.start / SECTOR_LEN) as usize..range.end.div_ceil(SECTOR_LEN) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

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
