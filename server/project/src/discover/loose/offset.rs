//! Offsets in names of files, as releases have them: `boot_app0_0xe000.bin`, `0x10000-app.bin`.

use std::path::Path;

use fbuild_chip::flash::parse_offset;

use crate::partitions::TABLE_SECTOR_BYTES;

/// A file's name without its extension and without the offset in it, and that offset, if there is one.
pub(super) fn split(name: &str) -> (String, Option<u32>) {
    let stem = name.strip_suffix(".bin").unwrap_or(name);
    let is_separator = |it: char| !it.is_ascii_alphanumeric();
    let words = stem
        .split(is_separator)
        .filter(|word| word.starts_with("0x") || word.starts_with("0X"));
    // A version's hash begins with the same two letters by chance, and no sector there.
    let offsets = words.filter_map(|word| Some((word, parse_offset(word)?)));
    let mut offsets = offsets.filter(|(_, offset)| offset.is_multiple_of(TABLE_SECTOR_BYTES));
    let (Some((word, offset)), None) = (offsets.next(), offsets.next()) else {
        return (stem.to_owned(), None);
    };
    let at = stem.find(word).unwrap_or_default();
    let (before, after) = (&stem[..at], &stem[at + word.len()..]);
    let before = before.trim_end_matches(is_separator);
    let after = after.trim_start_matches(is_separator);
    let joint = if before.is_empty() || after.is_empty() {
        ""
    } else {
        "_"
    };
    (format!("{before}{joint}{after}"), Some(offset))
}

/// The offset in the name of a file.
pub(super) fn of(path: &Path) -> Option<u32> {
    split(path.file_name()?.to_str()?).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_sector_that_a_name_says() {
        for (name, stem, offset) in [
            ("boot_app0_0xe000.bin", "boot_app0", Some(0xe000)),
            ("0x150000_firmware.bin", "firmware", Some(0x15_0000)),
            ("app-0x10000-v2.bin", "app_v2", Some(0x1_0000)),
            ("grün (0x1000).bin", "grün", Some(0x1000)),
            ("0x8000.bin", "", Some(0x8000)),
            ("app@0X0.bin", "app", Some(0)),
            ("app-0xdeadbeef.bin", "app-0xdeadbeef", None),
            ("0x1000-0x2000.bin", "0x1000-0x2000", None),
            ("firmware.bin", "firmware", None),
        ] {
            assert_eq!(split(name), (stem.to_owned(), offset), "{name}");
        }
    }
}
