//! otadata: two sectors, each with an entry that says which slot boots. Source: ESP-IDF,
//! `esp_flash_partitions.h` and `bootloader_common.c`.

use fbuild_chip::flash::SECTOR_LEN;

use super::View;

const ENTRY_LEN: u32 = 32;
/// States of an entry whose application must not boot.
const STATE_INVALID: u32 = 3;
const STATE_ABORTED: u32 = 4;

/// The slot that the newer valid entry selects, if there is one.
pub(super) fn selected_slot(view: View<'_>, offset: u32, slots: usize) -> Option<usize> {
    let newest = [0, SECTOR_LEN]
        .into_iter()
        .filter_map(|sector| sequence(&view.read(offset.checked_add(sector)?, ENTRY_LEN)?))
        .max()?;
    let slots = u32::try_from(slots).ok().filter(|slots| *slots > 0)?;
    Some(((newest - 1) % slots) as usize)
}

fn sequence(entry: &[u8]) -> Option<u32> {
    let word =
        |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
    let (sequence, state, crc) = (word(0), word(24), word(28));
    let valid = sequence != 0
        && sequence != u32::MAX
        && state != STATE_INVALID
        && state != STATE_ABORTED
        && crc == crc32(&entry[..4]);
    valid.then_some(sequence)
}

/// CRC-32 as `esp_rom_crc32_le(UINT32_MAX, ...)` computes it: the usual polynomial, from 0.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = 0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 != 0 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entry that `boot_app0.bin` of arduino-esp32 holds.
    #[test]
    fn the_checksum_is_the_one_in_the_field() {
        assert_eq!(crc32(&1u32.to_le_bytes()), 0x4743_989A);
    }
}
